"""Liquid texts in which every value is escaped for its place: JSON, or the path of a URL.

A value is escaped after all its filters, so a visitor's text stays a value: it can neither end a JSON
string nor add a member, and it cannot lead to another path.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from liquid import BoundTemplate, Undefined
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.capture_tag import CaptureNode, CaptureTag
from liquid.builtin.tags.echo_tag import EchoTag
from liquid.exceptions import LiquidError

from relay import exact_json
from relay.errors import Undeliverable
from relay.i18n import _
from relay.mapping import liquid_filters, liquid_limits, templates
from relay.mapping.liquid_limits import BoundedEnvironment

# These tags write values in ways of their own, or read other templates.
UNESCAPED_TAGS = ("cycle", "tablerow", "include", "render")
NEAR = 30  # characters on each side of an error that are shown
MAX_DEPTH = 64


class Escaped(str):
    """A text that is already escaped."""


def in_json(value: Any) -> str:
    """A value in a JSON text: a text without its quotes, a number, or a list or object as a whole."""
    if isinstance(value, Escaped):
        return value
    if value is None or isinstance(value, Undefined):
        return ""
    if isinstance(value, bool | int | float | Decimal | list | tuple | Mapping):
        return exact_json.dumps(value)
    return exact_json.dumps(str(value))[1:-1]


def in_path(value: Any) -> str:
    """A value as a part of a URL's path.  Raises LiquidError if it is empty: that is another URL."""
    if isinstance(value, Escaped):
        return value
    text = "" if isinstance(value, Undefined) else liquid_filters.printed_text(value)
    if not text.strip():
        raise LiquidError(_("a value in the path is empty"), token=None)
    return quote(text, safe="")


class EscapedOutputNode(OutputNode):
    def render_to_output(self, context: Any, buffer: Any) -> int:
        return int(buffer.write(context.env.escape_value(self.expression.evaluate(context))))


class EscapedOutput(Output):
    node_class = EscapedOutputNode


class EscapedEcho(EchoTag):
    node_class = EscapedOutputNode  # type: ignore[assignment]


class EscapedCaptureNode(CaptureNode):
    def _assign(self, context: Any, buf: Any) -> None:
        context.assign(self.name, Escaped(buf.getvalue()))


class EscapedCapture(CaptureTag):
    node_class = EscapedCaptureNode


class JsonEnvironment(BoundedEnvironment):
    """Values are escaped for JSON; the filter ``json`` makes a whole value, with its quotes."""

    escape_value = staticmethod(in_json)


class PathEnvironment(BoundedEnvironment):
    """Values are escaped for a URL's path."""

    escape_value = staticmethod(in_path)


JSON, PATH = JsonEnvironment(), PathEnvironment()
for environment in (JSON, PATH):
    liquid_filters.install(environment)
    for tag in (EscapedOutput, EscapedEcho, EscapedCapture):
        environment.add_tag(tag)
    for name in UNESCAPED_TAGS:
        environment.tags.pop(name, None)


def _whole(value: Any, *_: Any) -> Escaped:
    plain = None if isinstance(value, Undefined) else value
    return Escaped(exact_json.dumps(plain))


JSON.add_filter("json", _whole)


def check(text: str, *, path: bool = False) -> str | None:
    """The error of a text as a sentence, or None."""
    try:
        _parse(text, path)
    except Undeliverable as exc:
        return str(exc)
    return None


def _parse(text: str, path: bool) -> BoundTemplate:
    """Raises Undeliverable."""
    if why := templates.check_template(text):
        raise Undeliverable("bad_template", why)
    try:
        return (PATH if path else JSON).from_string(text)
    except LiquidError as exc:  # a tag that is not possible here
        why = templates.reason(exc)
        raise Undeliverable(
            "bad_template", _("The text cannot be used here: %(why)s.", why=why)
        ) from exc


def _render(text: str, scope: Mapping[str, Any], path: bool) -> str:
    template = _parse(text, path)
    liquid_limits.start()
    try:
        return template.render(scope)
    except Exception as exc:  # the library's filters raise all kinds of errors for unusual values
        raise Undeliverable(
            "bad_template",
            _(
                "The text does not work with this event: %(why)s. Change the text in the settings.",
                why=templates.reason(exc),
            ),
        ) from exc


def render_path(text: str, scope: Mapping[str, Any]) -> str:
    """A part of a URL's path.  Raises Undeliverable, also for a value that is empty."""
    return _render(text, scope, path=True).strip()


def render_json(text: str, scope: Mapping[str, Any]) -> str:
    """A text that is valid JSON.  Raises Undeliverable with the place of the error."""
    made = _render(text, scope, path=False).strip()
    try:
        if made.count("{") + made.count("[") > MAX_DEPTH:
            _check_depth(made)
        exact_json.loads(made)
    except (ValueError, RecursionError) as exc:
        raise Undeliverable(
            "bad_json",
            _(
                "The JSON text in the settings gives no valid JSON for this event: %(why)s. Change the text "
                "in the settings.",
                why=_place(made, exc),
            ),
        ) from exc
    return made


def _check_depth(text: str) -> None:
    depth = 0
    for sign in text:  # strings count too: this only guards the parser, which recurses
        depth += (sign in "[{") - (sign in "]}")
        if depth > MAX_DEPTH * 4:
            raise RecursionError


def _place(text: str, exc: Exception) -> str:
    """What is wrong and where, with the text around it."""
    if not text:
        return _("it is empty")
    if not isinstance(exc, json.JSONDecodeError):
        return str(exc) if isinstance(exc, ValueError) else _("it is nested too deeply")
    before = " ".join(text[max(0, exc.pos - NEAR) : exc.pos].split())
    after = " ".join(text[exc.pos : exc.pos + NEAR].split())
    return _(
        "%(error)s in line %(line)s, column %(column)s, after “%(before)s” and before “%(after)s”",
        error=exc.msg[0].lower() + exc.msg[1:],
        line=exc.lineno,
        column=exc.colno,
        before=before,
        after=after,
    )
