// A payload as a tree: sections fold, a search lists what it finds, and the whole text can be copied.
(() => {
  "use strict";

  const { text: words, counted } = window.relay;
  const MOST = 200;  // rows that are built at once: a payload can have ten thousand values
  const isTree = (value) => value !== null && typeof value === "object" && !(value instanceof Written);

  class Written {  // a number as it was written: the browser would round it
    constructor(source) {
      this.source = source;
    }
  }

  const parse = (text) =>
    JSON.parse(text, (_key, value, context) => typeof value === "number" && context?.source ? new Written(context.source) : value);

  function element(name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  const written = (value) => value instanceof Written ? value.source : JSON.stringify(value);
  const kindOf = (value) => value instanceof Written ? "number" : value === null ? "null" : typeof value;

  function row(key, value) {
    const line = element("div", "json-row");
    line.append(element("span", "json-key", key), ": ");
    const shown = element("bdi", `json-${kindOf(value)}`, written(value));
    line.append(shown);
    return line;
  }

  function section(key, value, open) {
    const box = element("details", "json-section");
    const entries = Object.entries(value);
    const size = Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`;
    const head = element("summary");
    head.append(element("span", "json-key", key), " ", element("span", "text-secondary", size));
    box.append(head);
    box.addEventListener("toggle", () => box.childElementCount === 1 && box.append(list(entries)));
    box.open = open;
    return box;
  }

  function list(entries, from = 0) {
    const box = element("div", "json-list");
    for (const [key, value] of entries.slice(from, from + MOST)) {
      box.append(isTree(value) ? section(key, value, from === 0 && entries.length < 30) : row(key, value));
    }
    const left = entries.length - from - MOST;
    if (left > 0) {
      const more = element("button", "btn btn-sm", words("Show %(some)s of %(num)s more", { some: Math.min(left, MOST), num: left }));
      more.type = "button";
      more.addEventListener("click", () => more.replaceWith(list(entries, from + MOST)));
      box.append(more);
    }
    return box;
  }

  function* leaves(value, path = "") {
    for (const [key, inner] of Object.entries(value)) {
      const here = path ? `${path}.${key}` : key;
      if (isTree(inner)) yield* leaves(inner, here);
      else yield [here, inner];
    }
  }

  function found(value, text) {
    const box = element("div", "json-list");
    let count = 0;
    for (const [path, inner] of leaves(value)) {
      if (!`${path} ${written(inner)}`.toLowerCase().includes(text)) continue;
      count += 1;
      if (count <= MOST) box.append(row(path, inner));
    }
    const values = counted("%(num)s value", "%(num)s values", count);
    const shown = count > MOST ? words("%(values)s, the first %(num)s:", { values, num: MOST }) : values;
    box.prepend(element("div", "text-secondary", shown));
    return box;
  }

  function build(holder) {
    const source = holder.querySelector("pre");
    let value;
    try {
      value = parse(source.textContent);
    } catch {
      return;  // not JSON: the text stays
    }
    if (!isTree(value)) return;
    const tree = element("div", "json-tree");
    const show = (text) => tree.replaceChildren(text ? found(value, text) : list(Object.entries(value)));
    const search = element("input", "form-control form-control-sm");
    search.type = "search";
    search.placeholder = words("Search in the data");
    search.setAttribute("aria-label", words("Search in the data"));
    search.addEventListener("input", () => show(search.value.trim().toLowerCase()));
    const bar = holder.querySelector(".json-bar");
    bar.prepend(search);
    bar.hidden = false;
    tree.setAttribute("aria-live", "polite");
    source.hidden = true;
    source.after(tree);
    show("");
  }

  function enhance() {
    for (const holder of document.querySelectorAll("[data-json]:not([data-ready])")) {
      holder.dataset.ready = "1";
      build(holder);
    }
  }
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy-text]");
    if (!button) return;
    const text = button.closest("[data-copied]").querySelector("pre").textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      return window.relay.showError(words("The browser did not allow copying. Select the text and copy it."), "toast-copy");
    }
    button.lastChild.textContent = words("Copied");
    setTimeout(() => {
      button.lastChild.textContent = words("Copy");
    }, 2000);
  });
  document.addEventListener("DOMContentLoaded", enhance);
  document.addEventListener("htmx:afterSettle", enhance);
})();
