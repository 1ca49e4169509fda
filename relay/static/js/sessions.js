// Forms lose nothing: the connection and the session are checked before a filled form is sent, an expired
// session asks for the sign-in on the page, and a reload shows again what was typed.
(() => {
  "use strict";

  const page = () => document.body.dataset;
  const { isChanged, text: words } = window.relay;
  const UNSENT = words("Your browser can't reach Relay, so nothing was sent. Your entries are still here. Try again.");

  // ---- the session --------------------------------------------------------------------------
  // -> the session of this browser, null if there is none; throws if Relay cannot be reached
  async function readSession() {
    const answer = await fetch(page().session, { headers: { "Relay-Poll": "1", "HX-Request": "true" } });
    if (answer.status === 401) return null;
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    return answer.json();
  }

  function useToken(token) {
    for (const field of document.querySelectorAll('input[name="csrf_token"]')) field.value = token;
    document.body.setAttribute("hx-headers", JSON.stringify({ "X-CSRFToken": token }));
  }

  // Continue if the same person has signed in again. For another person, reload the page.
  function goOn(session, retry) {
    if (session.email !== page().person) return location.reload();
    useToken(session.csrf_token);
    document.getElementById("sign-in-again")?.remove();
    retry?.();
  }

  async function renew(retry) {
    const session = await readSession().catch(() => null);
    if (session) goOn(session, retry);
    else ask(retry);
  }

  // ---- signing in again, in a dialog ----------------------------------------------------------
  async function ask(retry) {
    if (document.getElementById("sign-in-again")) return;
    const dialog = document.createElement("dialog");
    dialog.id = "sign-in-again";
    dialog.className = "dialog";
    dialog.setAttribute("aria-labelledby", "sign-in-again-title");
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    document.body.append(dialog);
    const answer = await fetch(page().signIn).catch(() => null);
    if (!answer) return dialog.remove();
    show(dialog, await answer.text());
    dialog.showModal();
    focusFirst(dialog);
    dialog.addEventListener("submit", (event) => send(event, dialog, retry));
    window.addEventListener("focus", () => check(dialog, retry));
  }

  // Another tab may have signed in.
  async function check(dialog, retry) {
    if (!dialog.isConnected) return;
    const session = await readSession().catch(() => null);
    if (session && dialog.isConnected) goOn(session, retry);
  }

  function show(dialog, html) {
    const found = new DOMParser().parseFromString(html, "text/html").querySelector("main .card-body");
    if (!found) return location.reload();
    found.querySelector("h1")?.remove();
    for (const form of found.querySelectorAll("form[data-passkey]")) form.remove();
    for (const link of found.querySelectorAll("a")) link.target = "_blank";
    for (const name of ["id", "for", "aria-describedby"]) {  // the page can have fields of the same names
      for (const one of found.querySelectorAll(`[${name}]`)) one.setAttribute(name, `again-${one.getAttribute(name)}`);
    }
    const title = document.createElement("h2");
    title.id = "sign-in-again-title";
    title.textContent = words("Your session has expired");
    const text = document.createElement("p");
    text.className = "text-secondary";
    text.textContent = words("Sign in to continue. This page keeps what you entered.");
    dialog.replaceChildren(title, text, ...found.childNodes);
    const email = dialog.querySelector('input[name="email"]');
    if (email) {
      email.value = page().person;
      email.readOnly = true;
    }
  }

  const focusFirst = (dialog) =>
    dialog.querySelector("input:not([type=hidden]):not([readonly]):not([hidden])")?.focus();

  async function send(event, dialog, retry) {
    event.preventDefault();
    const form = event.target;
    const answer = await fetch(form.getAttribute("action"), { method: "POST", body: new FormData(form) }).catch(() => null);
    if (!answer) return window.relay.showError(UNSENT, "toast-unreachable");
    const session = await readSession().catch(() => null);
    if (session) return goOn(session, retry);
    show(dialog, await answer.text());
    focusFirst(dialog);
  }

  // ---- requests of htmx -----------------------------------------------------------------------
  function again(detail) {
    const { elt, requestConfig } = detail;
    if (requestConfig.headers["Relay-Poll"]) return undefined;
    return () => {
      const form = elt.matches("form") ? elt : null;
      if (form) form.requestSubmit(requestConfig.triggeringEvent?.submitter);
      else window.htmx.trigger(elt, requestConfig.triggeringEvent?.type || "click");
    };
  }

  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const { xhr } = event.detail;
    if (!page().person || !(xhr.status === 401 || xhr.getResponseHeader("Relay-Expired"))) return;
    event.preventDefault();
    renew(again(event.detail));
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    const asked = document.getElementById("sign-in-again");
    if (asked && event.detail.requestConfig.headers["Relay-Poll"]) event.preventDefault();
  });

  // ---- forms that the browser sends -----------------------------------------------------------
  const BUSY_MS = 2000;
  const actionOf = (form) => form.getAttribute("action") || location.href;  // a field can be called "action"
  const isKeptForm = (form) => form.getAttribute("method") === "post" && !form.closest("dialog");
  const posts = (form) => isKeptForm(form) && !form.hasAttribute("hx-post");
  const controlsOf = (form) => [...form.querySelectorAll("input, select, textarea")];
  const fieldsOf = (form) => controlsOf(form).filter((one) => one.name && one.type !== "hidden" && one.type !== "submit");
  const isFilled = (form) => form.dataset.changed === "1" || fieldsOf(form).some(isChanged);

  async function submitChecked(form, button) {
    let session;
    try {
      session = await readSession();
    } catch {
      return window.relay.showError(UNSENT, "toast-unreachable");
    }
    const submit = () => {
      form.dataset.checked = "1";
      delete form.dataset.busy;
      form.requestSubmit(button);
    };
    if (session) goOn(session, submit);
    else ask(submit);
  }

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!posts(form) || event.defaultPrevented) return;
    if (form.dataset.busy) return event.preventDefault();  // pressed twice
    if (!page().person || form.dataset.checked || !isFilled(form)) {
      delete form.dataset.checked;
      form.dataset.busy = "1";
      setTimeout(() => delete form.dataset.busy, BUSY_MS);
      leave(form);
      return;
    }
    event.preventDefault();
    form.dataset.busy = "1";
    const { submitter } = event;
    await submitChecked(form, submitter?.isConnected ? submitter : null).finally(() => delete form.dataset.busy);
  });

  // ---- what was typed is there again after a reload, or when a person comes back ----------------
  const PREFIX = "relay-draft:";
  // Forms of one page can go to one action: they differ in their fields or in what they are about.
  const aboutOf = (form) => form.matches(".confirm-box") ? controlsOf(form)
    .filter((one) => one.type !== "submit" && one.name !== "csrf_token")
    .map((one) => one.type === "hidden" ? `${one.name}=${one.value}` : one.name).join(" ") : "";
  const keyOf = (form) => `${PREFIX}${location.pathname}${location.search} ${actionOf(form)} ${aboutOf(form)}`;
  const isKept = (field) => field.type !== "password" && field.type !== "file" && !field.dataset.secret;
  const stored = {
    read: (key) => {
      try {
        return JSON.parse(sessionStorage.getItem(key));
      } catch {
        return null;
      }
    },
    write: (key, value) => {
      try {
        sessionStorage.setItem(key, JSON.stringify(value));
      } catch {
        // no storage, or it is full: the page itself keeps what was typed
      }
    },
    keys: () => {
      try {
        return Object.keys(sessionStorage).filter((key) => key.startsWith(PREFIX));
      } catch {
        return [];
      }
    },
  };

  function valuesOf(form) {
    const fields = fieldsOf(form).filter(isKept).filter(isChanged);
    return fields.map((one) => [one.name, one.type, one.value, one.type === "checkbox" || one.type === "radio" ? one.checked : null]);
  }

  function saveDraft(form) {
    if (!page().person || !isKeptForm(form)) return;
    const values = valuesOf(form);
    if (values.length) stored.write(keyOf(form), { values, person: page().person });
    else sessionStorage.removeItem(keyOf(form));
  }

  // A form that was sent needs its draft only until a page answers that is not an error.
  function leave(form) {
    if (actionOf(form).endsWith("/sign-out")) for (const key of stored.keys()) sessionStorage.removeItem(key);
    delete form.dataset.changed;
    const draft = stored.read(keyOf(form));
    if (draft) stored.write(keyOf(form), { ...draft, sent: true });
  }

  document.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (detail.successful && detail.elt.matches("form")) sessionStorage.removeItem(keyOf(detail.elt));
  });

  function restore() {
    if (!page().person || document.querySelector("[data-error-page]")) return;
    for (const key of stored.keys()) {
      const draft = stored.read(key);
      if (draft?.sent || draft?.person !== page().person) sessionStorage.removeItem(key); // another person's, too
    }
    let restored = false;
    for (const form of document.querySelectorAll("main form")) {
      const draft = isKeptForm(form) && stored.read(keyOf(form));
      if (!draft || document.querySelector(".is-invalid")) continue;
      for (const [name, type, value, checked] of draft.values) {
        const field = fieldsOf(form).find((one) => one.name === name && one.type === type && (checked === null || one.value === value));
        if (!field) continue;
        if (checked === null) field.value = value;
        else field.checked = checked;
        restored = true;
        field.dispatchEvent(new Event("change", { bubbles: true }));
      }
    }
    if (restored) sayRestored();
  }

  function sayRestored() {
    const notice = document.createElement("div");
    notice.className = "alert notice";
    notice.setAttribute("role", "status");
    const text = document.createElement("div");
    text.textContent = words("Relay kept what you entered on this page and filled it in again.");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-sm";
    button.dataset.discardDraft = "1";
    button.textContent = words("Discard it");
    notice.append(text, button);
    document.querySelector("main > .container-xl")?.prepend(notice);
  }

  for (const name of ["input", "change"]) {
    document.addEventListener(name, (event) => {
      const form = event.target.form;
      if (!form || !form.closest("main") || !(event.isTrusted || form.hasAttribute("data-unsaved"))) return;
      if (form.hasAttribute("data-unsaved")) form.dataset.changed = "1";
      saveDraft(form);
    });
  }
  window.addEventListener("beforeunload", (event) => {
    if (document.querySelector("form[data-unsaved][data-changed]")) event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-discard-draft]")) return;
    for (const form of document.querySelectorAll("main form")) sessionStorage.removeItem(keyOf(form));
    for (const form of document.querySelectorAll("form[data-changed]")) delete form.dataset.changed;
    location.reload();
  });
  document.addEventListener("DOMContentLoaded", restore);
})();
