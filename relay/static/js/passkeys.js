// Passkeys: a form with data-passkey="get" or "create" asks the browser, then posts what it answers.
(() => {
  "use strict";

  const toBytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));
  const toText = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  const withIds = (list) => (list || []).map((one) => ({ ...one, id: toBytes(one.id) }));

  // base64url in JSON <-> bytes of the browser: Safari before 18.4 has no toJSON
  function fromJson(options) {
    const read = { ...options, challenge: toBytes(options.challenge) };
    if (options.user) read.user = { ...options.user, id: toBytes(options.user.id) };
    read.excludeCredentials = withIds(options.excludeCredentials);
    read.allowCredentials = withIds(options.allowCredentials);
    return read;
  }

  function toJson(made) {
    const response = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (made.response[name]) response[name] = toText(made.response[name]);
    }
    if (made.response.getTransports) response.transports = made.response.getTransports();
    return JSON.stringify({ id: made.id, rawId: toText(made.rawId), type: made.type, response });
  }

  const { text: words } = window.relay;
  const SENTENCES = {
    NotAllowedError: words("No passkey was used: the request was canceled, or it took too long."),
    InvalidStateError: words("This device already has a passkey for your account."),
    SecurityError: words("Passkeys can't be used at this address. Open Relay at its public URL."),
  };

  async function ask(form) {
    const url = form.dataset.options;
    const headers = { "X-CSRFToken": form.elements.csrf_token.value };
    const answer = await fetch(url, { method: "POST", headers });
    if (answer.status === 403) return location.reload(); // the page asks for a proof first
    const options = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(options.sentence || words("The request failed in Relay (error %(status)s).", { status: answer.status }));
    const made = await navigator.credentials[form.dataset.passkey]({ publicKey: fromJson(options) });
    form.elements[form.dataset.field || "passkey"].value = toJson(made);
    form.submit();
  }

  async function start(form) {
    if (!form.reportValidity()) return;
    const error = form.querySelector("[data-passkey-error]");
    error.textContent = "";
    try {
      await ask(form);
    } catch (reason) {
      error.textContent = SENTENCES[reason.name] || reason.message;
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    for (const form of document.querySelectorAll("form[data-passkey]")) {
      const button = form.querySelector("[data-passkey-button]");
      if (!button || !window.PublicKeyCredential) continue;
      for (const hidden of form.querySelectorAll("[data-passkey-shown][hidden]")) hidden.hidden = false;
      button.addEventListener("click", () => start(form));
    }
  });
})();
