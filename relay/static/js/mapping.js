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

  function connect(button) {
    if (!current?.isConnected) choose(document.querySelector(".target"));
    if (!current) return;
    const control = controlOf(current);
    if (control.matches("textarea")) {
      const start = control.selectionStart ?? control.value.length;
      control.setRangeText(inLiquid(JSON.parse(button.dataset.path)), start, control.selectionEnd ?? start, "end");
    } else {
      control.value = button.dataset.path;
    }
    notifyChange(control);
    control.focus();
    const hint = document.getElementById("pick-hint");
    if (hint) {
      const name = button.querySelector(".field-name").textContent;
      hint.textContent = `Mapped ${name} to ${current.getAttribute("aria-label")}.`;
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
