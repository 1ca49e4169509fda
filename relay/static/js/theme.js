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
  // the server writes times in the browser's zone, unless the person chose another one
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
  if (/^[A-Za-z0-9_+\/-]+$/.test(zone)) {
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `relay-zone=${zone}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
  }
  apply();
  dark.addEventListener("change", apply);
})();
