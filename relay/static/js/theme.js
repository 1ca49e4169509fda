// Light or dark mode, set before the first paint: the user's choice, else the system's.
(() => {
  "use strict";
  const root = document.documentElement;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try {
      return localStorage.getItem("relay-theme");
    } catch {
      return null;
    }
  };
  const apply = () => {
    root.setAttribute("data-bs-theme", chosen() || (dark.matches ? "dark" : "light"));
  };
  root.classList.add("js");
  apply();
  dark.addEventListener("change", apply);
})();
