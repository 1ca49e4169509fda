"""The texts of the scripts (``relay/static/js``) in the language of the page.

The scripts name a text by its English wording, as the pages do.  A page in another language carries
the translations in a block of JSON, which the browser does not run.
"""

from __future__ import annotations

from flask import Flask

from relay.i18n import N_, SOURCE, _, language, ngettext

NUM = "%(num)s"  # stays in the text: the script puts in the number
TEXTS = (
    N_("Close"),
    N_("Copy"),
    N_("Copied"),
    N_("The browser did not allow copying. Select the text and copy it."),
    N_("Your browser can't reach Relay. Check your connection. This page keeps trying."),
    N_(
        "Your browser can't reach Relay, so nothing was sent. Your entries are still here. Try again."
    ),
    N_("The request failed in Relay (error %(status)s). Nothing was changed. Try again."),
    N_("The request failed in Relay (error %(status)s)."),
    N_("Select all on this page"),
    N_("just now"),
    N_("%(num)s h ago"),
    N_("%(num)s min ago"),
    N_("%(num)s s ago"),
    N_("in %(num)s h"),
    N_("in %(num)s min"),
    N_("in %(num)s s"),
    N_("under 10 ms"),
    N_("Search in the data"),
    N_("Show %(some)s of %(num)s more"),
    N_("%(values)s, the first %(num)s:"),
    N_("Mapped %(name)s to %(field)s."),
    N_("No passkey was used: the request was canceled, or it took too long."),
    N_("This device already has a passkey for your account."),
    N_("Passkeys can't be used at this address. Open Relay at its public URL."),
    N_("Your session has expired"),
    N_("Sign in to continue. This page keeps what you entered."),
    N_("Relay kept what you entered on this page and filled it in again."),
    N_("Discard it"),
)
COUNTED = {
    "%(num)s day ago": lambda n: ngettext("%(num)s day ago", "%(num)s days ago", n, num=NUM),
    "in %(num)s day": lambda n: ngettext("in %(num)s day", "in %(num)s days", n, num=NUM),
    "%(num)s value": lambda n: ngettext("%(num)s value", "%(num)s values", n, num=NUM),
}


def script_texts() -> dict[str, str | list[str]]:
    """The translations by English text; none on an English page."""
    if language() == SOURCE:
        return {}
    return {text: _(text) for text in TEXTS} | {
        one: [words(1), words(2)] for one, words in COUNTED.items()
    }


def init_app(app: Flask) -> None:
    app.add_template_global(script_texts)
