"""The filters of Liquid texts that differ from the library's.

- Values print as in ``printing``, also behind filters such as ``join``, ``upcase`` and ``append``.
- Numbers are decimals, see ``liquid_numbers``.
- ``date`` keeps the offset that the event has, or converts to a time zone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import wraps
from typing import Any
from zoneinfo import ZoneInfo

from dateutil import parser
from liquid import Environment, Markup, RenderContext, escape
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.cycle_tag import CycleNode, CycleTag
from liquid.builtin.tags.echo_tag import EchoNode, EchoTag
from liquid.filter import sequence_filter, with_context
from liquid.undefined import is_undefined

from relay.i18n import _
from relay.mapping import liquid_numbers
from relay.mapping.printing import plain_text

# The library turns the value of these into text with ``str``.
TEXT_FILTERS = (
    "append base64_decode base64_encode base64_url_safe_decode base64_url_safe_encode capitalize downcase "
    "escape escape_once escapejs lstrip newline_to_br prepend remove remove_first remove_last replace "
    "replace_first replace_last rstrip slice split squish strip strip_html strip_newlines truncate "
    "truncatewords upcase url_decode url_encode"
).split()
# These take texts after the colon too.
TEXT_ARGUMENTS = frozenset(
    "append prepend remove remove_first remove_last replace replace_first replace_last split".split()
)
DAY = re.compile(r"\d{4}-\d\d-\d\d")
OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")
NO_PARTIALS = ("include", "render")  # there are no other texts to include


def install(environment: Environment) -> None:
    """Replace filters and tags of the library by those of this module."""
    filters = environment.filters
    for name in TEXT_FILTERS:
        filters[name] = _on_text(filters[name], name)
    filters["join"], filters["date"] = join, date_filter
    filters |= liquid_numbers.FILTERS
    for tag in (PrintedOutput, PrintedEcho, PrintedCycle):
        environment.add_tag(tag)
    for name in NO_PARTIALS:
        del environment.tags[name]


# ---- values as text -----------------------------------------------------------------------------


def printed(value: Any) -> Any:
    """A value as text; what the library prints well stays as it is."""
    if isinstance(value, list | tuple):
        items = [text for inner in value if (text := printed_text(inner))]
        if any(isinstance(inner, dict) for inner in value):
            return "; ".join(items)
        return (Markup(", ") if any(isinstance(text, Markup) for text in items) else ", ").join(
            items
        )
    return plain_text(value) if isinstance(value, bool | float | Decimal | dict) else value


def printed_text(value: Any) -> str:
    value = printed(value)
    if isinstance(value, str):
        return value
    return "" if value is None else str(value)


def _on_text(found: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The filter, for values of any type."""

    @wraps(found)
    def on_text(left: Any, *args: Any, **options: Any) -> Any:
        if name != "slice" or not isinstance(left, list | tuple):
            left = printed(left)
        if name in TEXT_ARGUMENTS:
            args = tuple(map(printed, args))
        return found(left, *args, **options)

    return on_text


@sequence_filter
def join(left: Any, separator: object = " ") -> str:
    """The items with ``separator`` between them."""
    return printed_text(separator).join(map(printed_text, left))


def output_text(value: Any, escapes: bool) -> str:
    """A value as it is written into the result."""
    is_range = isinstance(value, range)
    text = f"{value.start}..{value.stop - 1}" if is_range else printed_text(value)
    return escape(text) if escapes else text


class PrintedOutputNode(OutputNode):
    def render_to_output(self, context: RenderContext, buffer: Any) -> int:
        text = output_text(self.expression.evaluate(context), context.autoescape)
        return int(buffer.write(text))


class PrintedOutput(Output):
    node_class = PrintedOutputNode


class PrintedEchoNode(EchoNode, PrintedOutputNode):
    pass


class PrintedEcho(EchoTag):
    node_class = PrintedEchoNode


class PrintedCycleNode(CycleNode):
    def render_to_output(self, context: RenderContext, buffer: Any) -> int:
        group = printed_text(self.group.evaluate(context)) if self.group else ""
        values = [argument.evaluate(context) for argument in self.args]
        place = context.cycle(group or tuple(map(printed_text, values)), len(values))
        return int(buffer.write(output_text(values[place], context.autoescape)))


class PrintedCycle(CycleTag):
    node_class = PrintedCycleNode


# ---- dates --------------------------------------------------------------------------------------


@with_context
def date_filter(left: Any, pattern: Any, zone: Any = None, *, context: RenderContext) -> Any:
    """A date in the format of ``strftime``.

    A time keeps the offset that it has in the event.  With ``zone``, or a ``timezone`` of the event
    such as ``Europe/Berlin`` or ``+02:00``, it is converted.  A date without a time stays the same day.
    Raises ValueError for an unknown zone.
    """
    chosen = _chosen_zone(zone, context)
    if is_undefined(left) or left is None:
        return ""
    if is_undefined(pattern) or not str(pattern):
        return printed(left)
    moment = moment_of(left)
    if moment is None:
        return printed(left)
    if isinstance(moment, datetime):
        if chosen is not None:
            zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            with suppress(OverflowError):  # at the end of the calendar the time stays as it is
                moment = zoned.astimezone(chosen)
    else:
        moment = datetime.combine(moment, time.min)
    return moment.strftime(str(pattern))


def _chosen_zone(zone: Any, context: RenderContext) -> tzinfo | None:
    """The zone of the filter, else that of the event or an ``assign``; None if there is none."""
    if zone is not None and not is_undefined(zone):
        return zone_of(str(zone))
    site = context.resolve("timezone", default=None)
    if not isinstance(site, str):
        return None
    try:
        return zone_of(site)
    except ValueError:
        return None  # the site's own setting: the event is delivered with its times as they are


def zone_of(name: str) -> tzinfo:
    """A time zone such as ``Europe/Berlin`` or ``+02:00``.  Raises ValueError."""
    if found := OFFSET.fullmatch(name.strip()):
        offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
        return timezone(-offset if found[1] == "-" else offset)
    try:
        return ZoneInfo(name.strip())
    except (KeyError, ValueError, OSError) as exc:
        raise ValueError(_("there is no time zone %(name)s", name=name)) from exc


def moment_of(value: Any) -> date | None:
    """A day or a time, from ISO 8601, Unix seconds, a usual written form, or ``now``; else None."""
    if isinstance(value, bool) or not isinstance(value, str | int | date):
        return None
    if isinstance(value, date):
        return value
    text = str(value).strip()
    if text in ("now", "today"):
        return datetime.now(UTC)
    if re.fullmatch(r"-?\d+", text) and len(text) != 8:
        return datetime.fromtimestamp(int(text), UTC)
    try:
        if DAY.fullmatch(text) or len(text) == 8:
            return date.fromisoformat(text)
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    try:
        found = parser.parse(text)
    except (parser.ParserError, OverflowError):
        return None
    assert isinstance(found, datetime)
    return found
