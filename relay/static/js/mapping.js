// Mapping fields by clicking: a faster way to do what the selects and text areas do.
(() => {
  "use strict";

  // the destination field that had the focus last
  let current = null;

  function controlOf(row) {
    const origin = row.querySelector("[data-origin]");
    return origin.value === "text" ? row.querySelector("[data-text]") : origin;
  }

  function choose(row) {
    if (current === row) return;
    current?.classList.remove("target-current");
    current = row;
    row?.classList.add("target-current");
  }

  document.addEventListener("focusin", (event) => {
    const row = event.target.closest(".target");
    if (row) choose(row);
  });

  function notifyChange(control) {
    control.dispatchEvent(new Event("change", { bubbles: true }));
  }

  // A path such as ["data", "fields", "Your name"] as Liquid writes it.
  function inLiquid(path) {
    const items = path.indexOf("[]");  // a text has no path into each item of a list
    const [first, ...rest] = items < 0 ? path : path.slice(0, items);
    const parts = rest.map((key) => {
      if (/^[A-Za-z_][A-Za-z0-9_-]*$/.test(key)) return `.${key}`;
      if (/^[0-9]+$/.test(key)) return `[${key}]`;
      return key.includes('"') ? `['${key}']` : `["${key}"]`;
    });
    return `{{ ${first}${parts.join("")} }}`;
  }

  // A long list of fields is not whole in each select.
  function addOption(select, button) {
    if ([...select.options].some((one) => one.value === button.dataset.path)) return;
    const option = new Option(button.querySelector(".field-name").textContent, button.dataset.path);
    if (button.dataset.list) option.dataset.list = button.dataset.list;
    (select.querySelector("optgroup:last-of-type") || select).append(option);
  }

  // ---- the question whether to save what fails is about what was there before the next change -----
  for (const name of ["input", "change"]) {
    document.addEventListener(name, (event) => {
      if (event.target.closest(".target")) document.getElementById("broken")?.remove();
    });
  }

  // ---- a list asks how to be shown --------------------------------------------------------------
  document.addEventListener("change", (event) => {
    if (!event.target.matches("[data-origin]")) return;
    const choice = event.target.closest(".target").querySelector("[data-list-choice]");
    if (!choice) return;
    const kind = event.target.selectedOptions[0]?.dataset.list || "";
    choice.hidden = !kind;
    const style = choice.querySelector("select");
    const isText = !event.target.closest(".target-free");
    style.value = kind === "objects" && isText ? style.value || "lines" : kind ? style.value : "";
  }, true);

  // ---- the row that a failed delivery points at --------------------------------------------------
  document.addEventListener("DOMContentLoaded", () => {
    const broken = document.getElementById("broken");
    if (broken) {
      broken.scrollIntoView({ block: "center" });
      broken.focus({ preventScroll: true });
      return;
    }
    const pointed = document.getElementById("pointed");
    if (!pointed) return;
    choose(pointed);
    pointed.scrollIntoView({ block: "center" });
    pointed.querySelector("select, input:not([type=hidden])")?.focus({ preventScroll: true });
  });

  function connect(button) {
    if (!current?.isConnected) choose(document.querySelector(".target"));
    if (!current) return;
    const control = controlOf(current);
    if (control.matches("textarea")) {
      const start = control.selectionStart ?? control.value.length;
      control.setRangeText(inLiquid(JSON.parse(button.dataset.path)), start, control.selectionEnd ?? start, "end");
    } else {
      addOption(control, button);
      control.value = button.dataset.path;
    }
    notifyChange(control);
    control.focus();
    const hint = document.getElementById("pick-hint");
    if (hint) {
      const name = button.querySelector(".field-name").textContent;
      hint.textContent = window.relay.text("Mapped %(name)s to %(field)s.", { name, field: current.getAttribute("aria-label") });
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest(".field-pick");
    if (button) connect(button);
  });

  // ---- searching in a list --------------------------------------------------------------------
  document.addEventListener("input", (event) => {
    const list = event.target.dataset?.filter && document.getElementById(event.target.dataset.filter);
    if (!list) return;
    const text = event.target.value.trim().toLowerCase();
    for (const item of list.children) item.hidden = !item.textContent.toLowerCase().includes(text);
  });

  // ---- conditions without a value, such as "is empty" -----------------------------------------
  function showValues() {
    for (const row of document.querySelectorAll(".condition")) {
      const chosen = row.querySelector("[data-op]").selectedOptions[0];
      const input = row.querySelector("[data-value]");
      input.hidden = chosen?.dataset.values === "none";
      input.placeholder = chosen?.dataset.values === "many" ? "a, b, c" : "";
    }
  }
  for (const name of ["change", "DOMContentLoaded", "htmx:afterSettle"]) {
    document.addEventListener(name, showValues);
  }
})();
