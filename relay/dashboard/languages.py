"""The language of a page: the one that the person chose, else the browser's, else English."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import dropwhile
from typing import Any

from flask import Flask, Response, g, has_request_context, request
from flask_babel import Babel
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream
from markupsafe import Markup, escape

from relay import i18n

OTHERS = ("/api", "/webhooks", "/healthz", "/readyz", "/metrics")  # read by machines: English


def current_language() -> str:
    """The language of the request; English outside of one."""
    if not has_request_context() or request.path.startswith(OTHERS):
        return i18n.SOURCE
    person = g.get("person")
    if person is not None and person.language in i18n.LANGUAGES:
        return str(person.language)
    if "browser_language" not in g:
        g.browser_language = _of_browser()
    return str(g.browser_language)


def _of_browser() -> str:
    return request.accept_languages.best_match(i18n.LANGUAGES, i18n.SOURCE) or i18n.SOURCE


class TrustedTexts(Extension):
    """Tells texts that a template writes itself, which may have markup, from those that it gets.

    ``_("Save")`` becomes ``gettext("Save")``.  ``_(label)`` stays, and escapes: anyone may have written it.
    """

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        tokens = list(stream)
        for at, token in enumerate(tokens):
            if token.type == "name" and token.value == "_" and _is_literal(tokens[at + 1 : at + 9]):
                token = Token(token.lineno, "name", "gettext")
            yield token


def _is_literal(tokens: list[Token]) -> bool:
    kinds = [token.type for token in tokens]
    strings = len(kinds[1:]) - len(list(dropwhile(lambda kind: kind == "string", kinds[1:])))
    return (
        kinds[:1] == ["lparen"]
        and strings > 0
        and kinds[strings + 1 : strings + 2] in (["rparen"], ["comma"])
    )


def _filled(text: str, values: dict[str, Any]) -> Markup:
    """A text of a template writes ``%%`` for a percent sign; one without values may have ``%``."""
    trusted = Markup(text)  # noqa: S704 - the text of a template, or escaped
    return trusted % values if values else trusted.replace("%%", "%")


def trusted_text(text: str, /, **values: Any) -> Markup:
    return _filled(i18n.gettext(text), values)


def given_text(text: Any, /, **values: Any) -> Markup:
    if isinstance(text, Markup):  # made by a template, so it is translated
        return text
    return _filled(escape(i18n.gettext(text)), values)


def counted_text(one: str, many: str, num: int, /, **values: Any) -> Markup:
    found = i18n.translations(i18n.language()).ngettext(one, many, num)
    return _filled(found, {"num": num, **values})


def text_of_context(context: str, text: str, /, **values: Any) -> Markup:
    return _filled(i18n.pgettext(context, text), values)


def tell_language(response: Response) -> Response:
    """Which language a page has, and that the browser's setting decides it, unless the person chose one."""
    if response.mimetype == "text/html":
        response.headers["Content-Language"] = i18n.language()
        response.vary.add("Accept-Language")
    return response


def init_app(app: Flask) -> None:
    app.after_request(tell_language)
    Babel(app, default_locale=i18n.SOURCE, locale_selector=i18n.language)
    i18n.ask_for_language(current_language)
    environment = app.jinja_env
    environment.newstyle_gettext = True  # type: ignore[attr-defined]  # values are put in by these functions
    environment.add_extension(TrustedTexts)
    environment.globals.update(
        {"gettext": trusted_text, "ngettext": counted_text, "_": given_text},
        pgettext=text_of_context,
        language=i18n.language,
        N_=i18n.N_,  # for what a file of macros sets outside of them: that is done once only
    )
    environment.policies["ext.i18n.trimmed"] = True
