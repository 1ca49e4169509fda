"""The language of a page: the one that the person chose, else the browser's, else English."""

from __future__ import annotations

from flask import Flask, g, has_request_context, request
from flask_babel import Babel

from relay import i18n

OTHERS = ("/api", "/webhooks", "/healthz", "/readyz", "/metrics")  # read by machines: English


def current_language() -> str:
    """The language of the request; English outside of one."""
    if not has_request_context():
        return i18n.SOURCE
    person = g.get("person")
    if person is not None and person.language in i18n.LANGUAGES:
        return str(person.language)
    if "browser_language" not in g:
        g.browser_language = _of_browser()
    return str(g.browser_language)


def _of_browser() -> str:
    if request.path.startswith(OTHERS):
        return i18n.SOURCE
    return request.accept_languages.best_match(i18n.LANGUAGES, i18n.SOURCE) or i18n.SOURCE


def _ngettext(one: str, many: str, num: int) -> str:
    """Without its values: the template puts them in, escaped."""
    return i18n.translations(i18n.language()).ngettext(one, many, num)


def init_app(app: Flask) -> None:
    Babel(app, default_locale=i18n.SOURCE, locale_selector=i18n.language)
    i18n.ask_for_language(current_language)
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        i18n.gettext, _ngettext, newstyle=True, pgettext=i18n.pgettext
    )
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    app.jinja_env.globals["language"] = i18n.language
    app.jinja_env.globals["N_"] = (
        i18n.N_
    )  # for what is set outside of a macro: that is done once only
