// What Relay adds to htmx and Tabler. Every page also works without JavaScript.
(() => {
  "use strict";

  const { text: words, counted } = window.relay;

  // ---- toasts -------------------------------------------------------------------------------
  const toasts = () => document.getElementById("toasts");

  function showError(text, id) {
    if (id && document.getElementById(id)) return;
    const box = document.createElement("div");
    box.className = "toast show toast-danger";
    box.dataset.toast = "danger";
    if (id) box.id = id;
    const body = document.createElement("div");
    body.className = "toast-body";
    const icon = document.createElement("i");
    icon.className = "ti ti-alert-triangle";
    icon.setAttribute("aria-hidden", "true");
    const message = document.createElement("span");
    message.textContent = text;
    const close = document.createElement("button");
    close.type = "button";
    close.className = "btn-close";
    close.setAttribute("aria-label", words("Close"));
    body.append(icon, message, close);
    box.append(body);
    toasts().append(box);
  }

  function hideSuccesses() {
    for (const box of document.querySelectorAll('[data-toast="success"]:not([data-timed])')) {
      box.dataset.timed = "1";
      setTimeout(() => box.remove(), 7000);
    }
  }

  document.addEventListener("click", (event) => {
    const close = event.target.closest("#toasts .btn-close");
    if (close) close.closest(".toast").remove();
  });

  // ---- forms that need no click: a download after the password was asked again ---------------
  for (const form of document.querySelectorAll("form[data-submit]")) form.requestSubmit();

  // ---- htmx: show every error ---------------------------------------------------------------
  const UNREACHABLE = words("Your browser can't reach Relay. Check your connection. This page keeps trying.");

  document.addEventListener("htmx:configRequest", (event) => {
    if (!event.detail.triggeringEvent) event.detail.headers["Relay-Poll"] = "1";
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const own = event.detail.xhr.getResponseHeader("HX-Retarget");
    if (event.detail.xhr.status >= 400 && own) event.detail.shouldSwap = true;
  });
  document.addEventListener("htmx:responseError", (event) => {
    const xhr = event.detail.xhr;
    if (xhr.getResponseHeader("HX-Retarget") || xhr.getResponseHeader("HX-Redirect")) return;
    showError(
      words("The request failed in Relay (error %(status)s). Nothing was changed. Try again.", { status: xhr.status }),
      "toast-error",
    );
  });
  for (const name of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(name, () => showError(UNREACHABLE, "toast-unreachable"));
  }
  document.addEventListener("htmx:afterOnLoad", () => document.getElementById("toast-unreachable")?.remove());

  // ---- help: a section of the docs in a dialog ------------------------------------------------
  document.addEventListener("htmx:afterSwap", (event) => {
    const dialog = document.getElementById("help-dialog");
    if (dialog && event.detail.target.id === "help-body" && !dialog.open) dialog.showModal();
  });
  document.addEventListener("click", (event) => {
    if (event.target.id === "help-dialog") event.target.close(); // beside the text
  });

  // ---- times --------------------------------------------------------------------------------
  const DAY = 86400;
  const SIZES = [DAY, 3600, 60, 1];

  // "3 min ago"
  function passed(seconds) {
    if (seconds >= DAY) return counted("%(num)s day ago", "%(num)s days ago", Math.floor(seconds / DAY));
    if (seconds >= 3600) return words("%(num)s h ago", { num: Math.floor(seconds / 3600) });
    if (seconds >= 60) return words("%(num)s min ago", { num: Math.floor(seconds / 60) });
    return words("%(num)s s ago", { num: Math.floor(seconds) });
  }

  // "in 4 h": rounded, so that what was set to 4 hours a moment ago is not "in 3 h".
  function left(exactly) {
    const size = SIZES.find((one) => exactly >= 0.95 * one) ?? 1;
    const seconds = Math.max(1, Math.round(exactly / size) * size);
    if (seconds >= DAY) return counted("in %(num)s day", "in %(num)s days", Math.floor(seconds / DAY));
    if (seconds >= 3600) return words("in %(num)s h", { num: Math.floor(seconds / 3600) });
    if (seconds >= 60) return words("in %(num)s min", { num: Math.floor(seconds / 60) });
    return words("in %(num)s s", { num: seconds });
  }

  function updateTimes() {
    for (const time of document.querySelectorAll("time[data-ago]")) {
      const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
      const text = seconds > -1 && seconds < 5 ? words("just now") : seconds > 0 ? passed(seconds) : left(-seconds);
      if (time.textContent !== text) time.textContent = text;
    }
  }

  // ---- copying ------------------------------------------------------------------------------
  async function copy(button, input) {
    try {
      await navigator.clipboard.writeText(input.value);
    } catch {
      input.select();
      if (!document.execCommand("copy")) return;
    }
    button.lastChild.textContent = words("Copied");
    button.classList.add("btn-success");
    setTimeout(() => {
      button.lastChild.textContent = words("Copy");
      button.classList.remove("btn-success");
    }, 2000);
  }

  function addCopyButtons() {
    for (const group of document.querySelectorAll("[data-copy]:not([data-ready])")) {
      group.dataset.ready = "1";
      const button = document.createElement("button");
      button.type = "button";
      button.className = "btn";
      const icon = document.createElement("i");
      icon.className = "ti ti-copy";
      icon.setAttribute("aria-hidden", "true");
      button.append(icon, document.createTextNode(words("Copy")));
      button.addEventListener("click", () => copy(button, group.querySelector("input, textarea")));
      group.append(button);
    }
  }

  // ---- fields that apply only with a value of another field -----------------------------------
  function valueOf(form, name) {
    const field = form.elements[name];
    if (!field) return "";
    return field.type === "checkbox" ? String(field.checked) : field.value;
  }

  function showFields() {
    for (const box of document.querySelectorAll("[data-shown-if]")) {
      const form = box.closest("form");
      const shown = valueOf(form, box.dataset.shownIf) === box.dataset.shownValue;
      box.hidden = !shown;
      for (const input of box.querySelectorAll("[required], [data-was-required]")) {
        input.dataset.wasRequired = "1";
        input.required = shown;
      }
    }
  }
  document.addEventListener("change", showFields);

  // ---- lists with rows to select ------------------------------------------------------------
  const boxesOf = (form) => document.querySelectorAll(`[name="${form.dataset.selects}"][form="${form.id}"]`);

  function showSelection(form) {
    const boxes = [...boxesOf(form)];
    const count = boxes.filter((box) => box.checked).length;
    form.querySelector("[data-selected-count]").textContent = count ? `: ${count}` : "";
    const all = document.querySelector("[data-select-all]");
    if (all) {
      all.checked = count > 0 && count === boxes.length;
      all.indeterminate = count > 0 && count < boxes.length;
    }
  }

  function addSelectAll() {
    for (const form of document.querySelectorAll("[data-selects]")) {
      const head = document.querySelector("[data-select-head]");
      if (!form.querySelector("[data-selected-count]") || !head || head.dataset.ready) continue;
      head.dataset.ready = "1";
      const all = document.createElement("input");
      all.type = "checkbox";
      all.className = "form-check-input";
      all.dataset.selectAll = "1";
      all.setAttribute("aria-label", words("Select all on this page"));
      head.append(all);
    }
  }
  document.addEventListener("change", (event) => {
    const form = document.querySelector("[data-selects]");
    if (!form || !form.querySelector("[data-selected-count]")) return;
    const isAll = event.target.matches("[data-select-all]");
    if (isAll) for (const box of boxesOf(form)) box.checked = event.target.checked;
    if (isAll || event.target.name === form.dataset.selects) {
      form.elements.which.value = "selected";
      showSelection(form);
    }
  });

  // ---- light and dark mode ------------------------------------------------------------------
  function addThemeToggle() {
    for (const button of document.querySelectorAll("[data-theme-toggle][hidden]")) {
      button.hidden = false;
      button.addEventListener("click", () => {
        const root = document.documentElement;
        const next = root.getAttribute("data-bs-theme") === "dark" ? "light" : "dark";
        root.setAttribute("data-bs-theme", next);
        try {
          localStorage.setItem("relay-theme", next);
        } catch {
          // no storage: the choice lasts until the page is left
        }
      });
    }
  }

  function enhance() {
    addCopyButtons();
    hideSuccesses();
    updateTimes();
    showFields();
    addSelectAll();
    addThemeToggle();
  }
  document.addEventListener("DOMContentLoaded", enhance);
  document.addEventListener("htmx:afterSettle", enhance);
  setInterval(updateTimes, 10000);

  window.relay = { ...window.relay, showError };

  // A form that opens with one field to fill in: the focus goes there
  document.addEventListener("toggle", (event) => {
    if (event.target.open) event.target.querySelector("[data-focus]")?.focus();
  }, true);

  // Escape closes open confirmations
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      for (const box of document.querySelectorAll("details.confirm[open]")) box.open = false;
    }
  });
})();
