// Parts of a page that refresh themselves: focus, selection, open sections and what was typed stay.
(() => {
  "use strict";

  const FIELDS = "input, select, textarea";
  const isPoll = (detail) => detail.requestConfig?.headers["Relay-Poll"];

  // Whether a person has changed the value that the server sent.
  function isChanged(field) {
    if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
    if (field.matches("select")) {
      const options = [...field.options];
      const first = options.some((one) => one.defaultSelected) || field.multiple ? null : options[0];
      return options.some((one) => one.selected !== (one.defaultSelected || one === first));
    }
    return field.value !== field.defaultValue;
  }

  window.Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, element) =>
    !(name === "open" && element.matches("details, dialog"));
  window.Idiomorph.defaults.callbacks.beforeNodeMorphed = (old) =>
    !(old instanceof Element) || !(old.matches(FIELDS) && (old === document.activeElement || isChanged(old)));

  // Whether a person reads, confirms or fills in something in there at the moment.
  function isUsed(list) {
    if (list.matches("[data-keep-open]") && list.querySelector(
      "details.confirm[open], input:focus, select:focus, textarea:focus")) return true;
    const marked = window.getSelection();
    return Boolean(marked && !marked.isCollapsed && marked.containsNode(list, true));
  }

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (isPoll(event.detail) && isPaused() && event.detail.elt.closest("main")) event.preventDefault();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { detail } = event;
    if (!isPoll(detail)) return;
    if (isUsed(detail.target)) detail.shouldSwap = false;
    else detail.swapOverride = "morph:outerHTML";
  });

  // ---- a button during its request: htmx drops further presses, and the button keeps the focus ----
  function buttonOf({ elt, requestConfig }) {
    if (!elt.matches('[hx-sync="this:drop"]')) return null;
    return elt.matches("button") ? elt : requestConfig?.triggeringEvent?.submitter || elt.querySelector("button");
  }
  document.addEventListener("htmx:beforeSend", (event) => buttonOf(event.detail)?.setAttribute("aria-disabled", "true"));
  document.addEventListener("htmx:afterRequest", (event) => buttonOf(event.detail)?.removeAttribute("aria-disabled"));

  // ---- pausing the refreshes -----------------------------------------------------------------
  const button = () => document.querySelector("[data-pause]");
  const isPaused = () => button()?.getAttribute("aria-pressed") === "true";

  document.addEventListener("click", (event) => {
    const pressed = event.target.closest("[data-pause]");
    if (!pressed) return;
    pressed.setAttribute("aria-pressed", String(pressed.getAttribute("aria-pressed") !== "true"));
  });
  document.addEventListener("DOMContentLoaded", () => {
    if (button()) button().hidden = false;
  });

  window.relay = { ...window.relay, isChanged };
})();
