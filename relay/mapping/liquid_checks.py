"""Finds the faults of a Liquid text that would otherwise show only when it is filled.

A text with an unknown tag or filter, or with values after a filter's colon that it cannot take, never
works for any event.  Values that come from the event are not checked: they differ.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from functools import partial
from typing import Any

from liquid import BoundTemplate, Environment, RenderContext
from liquid.ast import Node
from liquid.builtin.expressions import Filter, KeywordArgument
from liquid.builtin.expressions.primitive import Literal
from liquid.exceptions import LiquidSyntaxError
from liquid.expression import Expression

from relay.i18n import _

UNKNOWN_TAG = re.compile(r"unexpected tag '([^']*)'")
ELSE_IF = re.compile(r"{%-?\s*else\s+if\b")
# Values as events have them.  A filter that fails for all of them cannot take what is after its colon.
PROBES: tuple[Any, ...] = (
    "some text",
    "12.50",
    "dGVhcG90",  # base64
    "2026-03-01T12:00:00+02:00",
    12,
    ["a", "b"],
    [{"name": "a", "total": "1.50"}],
    {"name": "a"},
)
# What authors of other templates write, and the name here.
OTHER_NAMES = {
    "lower": "downcase",
    "lowercase": "downcase",
    "upper": "upcase",
    "uppercase": "upcase",
    "title": "capitalize",
    "trim": "strip",
    "length": "size",
    "count": "size",
    "add": "plus",
    "subtract": "minus",
    "multiply": "times",
    "divide": "divided_by",
    "mod": "modulo",
    "concatenate": "append",
    "format": "date",
    "strftime": "date",
    "to_json": "json",
    "safe": "strip",
    "raw": "strip",
    "elseif": "elsif",
    "elif": "elsif",
    "else_if": "elsif",
    "set": "assign",
    "foreach": "for",
    "switch": "case",
}


def fault_of(template: BoundTemplate, text: str) -> str:
    """The first fault of ``text``, which parses as ``template``, as a sentence; empty if there is none."""
    if ELSE_IF.search(text):
        return _("Write elsif instead of else if.")
    for used in filters_in(template):
        if why := _fault_of_filter(used, template.env):
            return why
    return ""


def unknown_tag(exc: Exception, environment: Environment) -> str:
    """A sentence about a tag that does not exist; empty for any other error."""
    found = UNKNOWN_TAG.search(str(getattr(exc, "message", "")))
    if not isinstance(exc, LiquidSyntaxError) or not found:
        return ""
    name = found[1]
    if name.startswith("end") or name in ("else", "elsif", "when"):
        return _(
            "%(tag)s has no beginning before it, such as %(opening)s.",
            tag=f"{{% {name} %}}",
            opening=f"{{% {_opening(name)} … %}}",
        )
    known = [tag for tag in environment.tags if tag.isalpha() and tag not in HIDDEN_TAGS]
    return _("There is no tag “%(name)s”.", name=name) + _suggestion(name, known)


HIDDEN_TAGS = ("content", "illegal", "output")


def _opening(name: str) -> str:
    if name == "when":
        return "case"
    return name.removeprefix("end") if name.startswith("end") and name != "end" else "if"


def _suggestion(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = OTHER_NAMES.get(name.lower()) or next(iter(get_close_matches(name, names, 1, 0.5)), "")
    return " " + _("Do you mean “%(name)s”?", name=close) if close in names else ""


def filters_in(template: BoundTemplate) -> Iterator[Filter]:
    """All filters of a template, in the order of the text."""
    context = RenderContext(template)
    nodes: list[Node] = list(reversed(template.nodes))
    while nodes:
        node = nodes.pop()
        for expression in node.expressions():
            yield from _filters_of(expression)
        nodes += reversed(list(node.children(context, include_partials=False)))


def _filters_of(expression: Expression) -> Iterator[Filter]:
    yield from getattr(expression, "filters", None) or ()
    for inner in expression.children():
        yield from _filters_of(inner)


def _fault_of_filter(used: Filter, environment: Environment) -> str:
    found = environment.filters.get(used.name)
    if found is None:
        unknown = _("There is no filter “%(name)s”.", name=used.name)
        return f"{unknown}{_suggestion(used.name, environment.filters)}"
    bound = _without_library_arguments(found, environment)
    options = {one.name: one.value for one in used.args if isinstance(one, KeywordArgument)}
    values = [one.value for one in used.args if not isinstance(one, KeywordArgument)]
    if why := _wrong_count(used.name, bound, len(values), options):
        return why
    literals = [one for one in (*values, *options.values()) if isinstance(one, Literal)]
    if len(literals) < len(used.args):
        return ""
    given = [one.value for one in values if isinstance(one, Literal)]
    named = {name: one.value for name, one in options.items() if isinstance(one, Literal)}
    if any(_works(bound, probe, given, named) for probe in PROBES):
        return ""
    if not literals:
        return _("The filter “%(name)s” does not work with any value.", name=used.name)
    said = ", ".join(map(str, literals))
    return _("The filter “%(name)s” does not work with %(values)s.", name=used.name, values=said)


def _without_library_arguments(
    found: Callable[..., Any], environment: Environment
) -> Callable[..., Any]:
    """The filter with what the library passes to it."""
    extra: dict[str, Any] = {}
    if getattr(found, "with_environment", False):
        extra["environment"] = environment
    if getattr(found, "with_context", False):
        extra["context"] = RenderContext(environment.from_string(""))
    return partial(found, **extra) if extra else found


def _wrong_count(name: str, found: Callable[..., Any], count: int, options: Iterable[str]) -> str:
    """Why a filter does not take so many values, or these options; empty if it does."""
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError):
        return ""
    parameters = list(signature.parameters.values())
    by_place = [
        one
        for one in parameters
        if one.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    ][1:]
    takes_any = any(one.kind is inspect.Parameter.VAR_POSITIONAL for one in parameters)
    known = {one.name for one in parameters[1:]}
    for option in options:
        if option not in known and not any(
            one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters
        ):
            return _(
                "The filter “%(name)s” does not know the option “%(option)s”.",
                name=name,
                option=option,
            )
    least = sum(one.default is inspect.Parameter.empty for one in by_place)
    named = sum(one.name in set(options) for one in by_place)
    if least <= count + named and (takes_any or count <= len(by_place)):
        return ""
    return _takes(least, len(by_place), name=name, count=count)


def _takes(least: int, most: int, **said: Any) -> str:
    if most == 0:
        return _("The filter “%(name)s” takes no values after a colon, not %(count)s.", **said)
    if least == most == 1:
        return _("The filter “%(name)s” needs 1 value after a colon, not %(count)s.", **said)
    if least == most:
        return _(
            "The filter “%(name)s” needs %(most)s values after a colon, not %(count)s.",
            most=most,
            **said,
        )
    if least == 0 and most == 1:
        return _("The filter “%(name)s” takes up to 1 value after a colon, not %(count)s.", **said)
    if least == 0:
        return _(
            "The filter “%(name)s” takes up to %(most)s values after a colon, not %(count)s.",
            most=most,
            **said,
        )
    return _(
        "The filter “%(name)s” needs %(least)s to %(most)s values after a colon, not %(count)s.",
        least=least,
        most=most,
        **said,
    )


def _works(found: Callable[..., Any], left: Any, given: list[Any], named: dict[str, Any]) -> bool:
    try:
        found(left, *given, **named)
    except Exception:  # the library's filters raise all kinds of errors
        return False
    return True
