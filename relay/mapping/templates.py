"""Liquid templates over one event and the AI's answer, within ``liquid_limits``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import islice
from typing import Any

from liquid import BoundTemplate
from liquid.exceptions import (
    FilterArgumentError,
    FilterError,
    FilterValueError,
    LiquidError,
    LiquidTypeError,
    OutputStreamLimitError,
)
from liquid.filter import int_arg, liquid_filter
from markupsafe import Markup

from relay import exact_json
from relay.errors import Undeliverable
from relay.i18n import N_, _
from relay.mapping import liquid_checks, liquid_filters, liquid_limits
from relay.mapping.liquid_limits import BoundedEnvironment

MAX_LENGTH = 20_000
MAX_INDENT = 8
LONGEST_TEXT, LONGEST_LIST = 4_000, 100  # of a value in a text that became too long
HAS_ERROR = N_("The text has an error in its {{ }} or {% %} parts.")
TOO_DEEP = N_("The text is nested too deeply in its {{ }} or {% %} parts.")


@liquid_filter
def as_json(value: object, indent: object = None) -> str:
    """The filter ``json``: a number keeps all its digits."""
    wanted = min(max(int_arg(indent), 0), MAX_INDENT) if indent else None
    return exact_json.dumps(value, indent=wanted, spaced=True)


ESCAPING, PLAIN = (BoundedEnvironment(autoescape=autoescape) for autoescape in (True, False))
for environment in (ESCAPING, PLAIN):
    environment.add_filter("json", as_json)
    liquid_filters.install(environment)
del ESCAPING.filters["safe"]  # no template can turn the escaping off
NEWLINE = re.compile(r"\r\n|[\r\n]")
QUOTED_LINE = re.compile(r"^>.*\{\{.*$", re.MULTILINE)
END_OF_OUTPUT = re.compile(r"(-?\}\})")


def quote_lines(value: Any) -> Any:
    """``> `` before each further line of a text, as chats and e-mails write a quote."""
    return NEWLINE.sub("\n> ", value) if isinstance(value, str) else value


def quote_lines_escaped(value: Any) -> Any:
    return Markup(quote_lines(str(Markup.escape(value)))) if isinstance(value, str) else value  # noqa: S704


PLAIN.add_filter("quote_lines", quote_lines)
ESCAPING.add_filter("quote_lines", quote_lines_escaped)


def with_quotes(text: str) -> str:
    """A template in which every value in a line that begins with ``>`` is quoted line by line."""
    return QUOTED_LINE.sub(lambda line: END_OF_OUTPUT.sub(r" | quote_lines \1", line[0]), text)


@lru_cache(maxsize=500)
def parse(text: str, escaping: bool = True) -> BoundTemplate:
    return (ESCAPING if escaping else PLAIN).from_string(with_quotes(text))


def check_template(text: str) -> str | None:
    """Why a text cannot work for any event, as a sentence, or None.

    It finds what filling finds too: a text that does not parse, an unknown tag or filter, and values
    that a filter cannot take.
    """
    if why := _parse_error(text):
        return why
    try:
        found = liquid_checks.fault_of(parse(text), text)
    except RecursionError:
        return _(TOO_DEEP)
    return f"{_(HAS_ERROR)} {found}" if found else None


def _parse_error(text: str) -> str | None:
    """Why a text cannot be parsed, as a sentence, or None."""
    if len(text) > MAX_LENGTH:
        return _("The text is longer than %(most)s characters.", most=f"{MAX_LENGTH:,}")
    try:
        parse(text)
    except LiquidError as exc:
        if tag := liquid_checks.unknown_tag(exc, ESCAPING):
            return f"{_(HAS_ERROR)} {tag}"
        return _("The text has an error in its {{ }} or {%% %%} parts: %(why)s.", why=reason(exc))
    except RecursionError:
        return _(TOO_DEEP)
    return None


def reason(exc: Exception) -> str:
    """The error in one line, with the place where it is."""
    token = getattr(exc, "token", None)
    other = (
        _("it is nested too deeply")
        if isinstance(exc, RecursionError)
        else _("a value does not fit")
    )
    message = str(getattr(exc, "message", None) or other)
    if isinstance(exc, FilterArgumentError | FilterError | FilterValueError | LiquidTypeError):
        # the library's words are for programmers
        message = _("a filter does not work with this value")
    if token is None or token.start_index < 0:
        return message
    line = token.source.count("\n", 0, token.start_index)
    near = token.source.split("\n")[line].strip()
    place = near if len(near) <= 60 else near[:59] + "…"
    return _("%(why)s, near “%(place)s”", why=message, place=place)


def render(text: str, scope: Mapping[str, Any], escape: bool = True) -> str:
    """Render a template with the values of ``scope``.  Raises Undeliverable.

    With ``escape``, & < > become ``&amp;`` ``&lt;`` ``&gt;`` as in HTML and Slack, but only in values
    and after all filters.  So a visitor's text stays text, and no filter cuts an escaped character.
    """
    if why := _parse_error(text):
        raise Undeliverable(
            "bad_template", " ".join([why, _("Change the text in the mapping or the settings.")])
        )
    try:
        rendered = _rendered(text, scope, escape)
    except Exception as exc:  # the library's filters raise all kinds of errors for unusual values
        raise Undeliverable(
            "bad_template",
            _(
                "The text does not work with this event: %(why)s. Change the text in the mapping or the "
                "settings.",
                why=reason(exc),
            ),
        ) from exc
    return unescape_quotes(rendered) if escape else rendered


def _rendered(text: str, scope: Mapping[str, Any], escape: bool) -> str:
    """If the result would be too long, each long value is cut, so that the rest still arrives."""
    liquid_limits.start()
    try:
        return parse(text, escape).render(scope)
    except OutputStreamLimitError:
        liquid_limits.start()
        return parse(text, escape).render(_cut(scope))


def _cut(value: Any) -> Any:
    """A value with long texts, lists and objects cut; an ellipsis says so."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST_TEXT else value[: LONGEST_TEXT - 1] + "…"
    if isinstance(value, Mapping):
        return {name: _cut(inner) for name, inner in islice(value.items(), LONGEST_LIST)}
    if isinstance(value, list | tuple):
        return [_cut(inner) for inner in value[:LONGEST_LIST]]
    return value


def escape_html(text: str) -> str:
    """A value escaped as in ``render``, for use without a template."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescape_quotes(text: str) -> str:
    """Undo the library's escaping of quotes, which HTML text and Slack do not need."""
    return text.replace("&#39;", "'").replace("&#34;", '"')


def paths_in(text: str) -> list[tuple[str, ...]]:
    """The paths that a template uses; none if it cannot be parsed."""
    if _parse_error(text):
        return []
    found = []
    for segments in parse(text).global_variable_segments():
        plain = []
        for segment in segments:
            if not isinstance(segment, str | int):
                break
            plain.append(str(segment))
        found.append(tuple(plain))
    return sorted(found)
