// The texts of the scripts in the language of the page. The block #texts has them by their English text; an English
// page has no such block. relay/dashboard/script_texts.py names all texts.
(() => {
  "use strict";

  const block = document.getElementById("texts");
  const found = block ? JSON.parse(block.textContent) : {};
  const filled = (text, values) => text.replace(/%\((\w+)\)s/g, (_whole, name) => values[name]);

  // text("Mapped %(name)s.", { name })
  const text = (english, values = {}) => filled(found[english] ?? english, values);

  // counted("%(num)s value", "%(num)s values", 3)
  function counted(one, many, num, values = {}) {
    const forms = found[one] ?? [one, many];
    return filled(forms[num === 1 ? 0 : 1], { num, ...values });
  }

  window.relay = { text, counted, language: document.documentElement.lang || "en" };
})();
