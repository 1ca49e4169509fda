// The command palette (Ctrl-K or Cmd-K): finds pages, sites, destinations and events, by keyboard alone.
(() => {
  "use strict";

  const dialog = () => document.getElementById("palette");
  const input = () => document.getElementById("palette-input");
  const hits = () => [...dialog().querySelectorAll(".palette-hit")];

  function open() {
    const box = dialog();
    if (!box || box.open || document.querySelector("dialog[open]")) return;
    box.showModal();
    input().value = "";
    window.htmx.trigger(input(), "palette-open");
    input().focus();
  }

  function mark(hit) {
    for (const one of hits()) one.setAttribute("aria-selected", String(one === hit));
    if (hit) {
      input().setAttribute("aria-activedescendant", hit.id);
      hit.scrollIntoView({ block: "nearest" });
    } else {
      input().removeAttribute("aria-activedescendant");
    }
  }
  const marked = () => hits().find((one) => one.getAttribute("aria-selected") === "true");

  function move(step) {
    const all = hits();
    if (all.length) mark(all[(all.indexOf(marked()) + step + all.length) % all.length]);
  }

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "k") {
      if (!dialog()) return;
      event.preventDefault();
      open();
    } else if (dialog()?.open && event.target === input()) {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        move(event.key === "ArrowDown" ? 1 : -1);
      } else if (event.key === "Enter") {
        event.preventDefault();
        // the answer to what was typed may still be on its way
        if (dialog().querySelector(".htmx-request")) dialog().dataset.enter = "1";
        else marked()?.click();
      }
    }
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-palette]");
    if (button && dialog()) {
      event.preventDefault();
      open();
    } else if (event.target === dialog()) {
      dialog().close();  // beside the box
    }
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (!event.detail.target.closest?.("#palette") && event.detail.target.id !== "palette-results") return;
    mark(hits()[0]);
    if (dialog().dataset.enter) {
      delete dialog().dataset.enter;
      marked()?.click();
    }
  });
  document.addEventListener("DOMContentLoaded", () => {
    const mac = /Mac|iPhone|iPad/.test(navigator.platform);
    for (const keys of document.querySelectorAll("[data-palette-keys]")) {
      keys.textContent = mac ? "⌘K" : "Ctrl K";
      keys.hidden = false;
    }
  });
})();
