"""Applies a mapping: fills the fields of a destination from an event.  Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from relay.errors import Undeliverable
from relay.mapping.convert import convert
from relay.mapping.operators import is_empty
from relay.mapping.paths import value_at
from relay.mapping.templates import escape_html, render

Rules = Mapping[str, Mapping[str, Any]]


class FieldSpec(Protocol):
    """A field of a destination, see ``relay.destinations.base.TargetField``."""

    @property
    def name(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def required(self) -> bool: ...
    @property
    def choices(self) -> Sequence[tuple[str, str]]: ...


@dataclass(frozen=True)
class FieldProblem:
    """Why a target has no valid value.  ``code`` is that of an Undeliverable."""

    target: str
    code: str
    sentence: str


@dataclass(frozen=True)
class FilledMapping:
    values: dict[str, Any]
    problems: tuple[FieldProblem, ...]


def fill(
    rules: Rules,
    scope: Mapping[str, Any],
    escape: bool = True,
    targets: Iterable[FieldSpec] = (),
    keep_empty: bool = False,
) -> dict[str, Any]:
    """Apply ``rules`` to an event.  -> the value of each target, by name

    An empty value becomes the rule's default, or is left out; with ``keep_empty`` it is None.
    ``rules`` are as in ``relay.destinations.base.Rule``, ``escape`` as in ``render``.  Values are
    converted to the types of ``targets``.  Raises Undeliverable, with the ``field``, if a value does
    not fit.  A missing required target is not an error here: the kind decides that.
    """
    filled = fill_with_problems(rules, scope, escape, targets, keep_empty)
    if filled.problems:
        first = filled.problems[0]
        raise Undeliverable(first.code, first.sentence, first.target)
    return filled.values


def fill_with_problems(
    rules: Rules,
    scope: Mapping[str, Any],
    escape: bool = True,
    targets: Iterable[FieldSpec] = (),
    keep_empty: bool = False,
) -> FilledMapping:
    """Like ``fill``, but returns all problems instead of raising the first."""
    by_name = {target.name: target for target in targets}
    values: dict[str, Any] = {}
    problems: list[FieldProblem] = []
    for name, rule in rules.items():
        target = by_name.get(name)
        try:
            value = _value(rule, scope, escape)
        except Undeliverable as exc:
            problems.append(FieldProblem(name, exc.code, f"{_label(name, target)}: {exc}"))
            continue
        if not is_empty(value):
            try:
                value = _converted(value, rule, target, in_list="[]" in name)
                if escape and "text" not in rule and isinstance(value, str):
                    value = escape_html(value)  # ``render`` has escaped the values of a text
            except ValueError as exc:
                sentence = f"{_label(name, target)} gets {quoted(value)}, which {exc}."
                problems.append(FieldProblem(name, "bad_value", sentence))
                continue
        if not is_empty(value):
            values[name] = value
        elif keep_empty:
            values[name] = None
    return FilledMapping(values, tuple(problems))


def _value(rule: Mapping[str, Any], scope: Mapping[str, Any], escape: bool) -> Any:
    if "text" in rule:
        value: Any = render(rule["text"], scope, escape)
    else:
        value = value_at(scope, rule["path"])
    return rule.get("default") if is_empty(value) else value


def _converted(
    value: Any, rule: Mapping[str, Any], target: FieldSpec | None, in_list: bool = False
) -> Any:
    if in_list and isinstance(value, list):
        return [None if is_empty(one) else _converted(one, rule, target, True) for one in value]
    if "as" in rule:
        return convert(value, rule["as"])
    return convert(value, target.type, target.choices) if target is not None else value


def _label(name: str, target: FieldSpec | None) -> str:
    return target.label if target is not None else name


def quoted(value: Any) -> str:
    """A value for a sentence, in quotes and cut if it is long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    line = " ".join(text.split())
    return f"“{line if len(line) <= 60 else line[:59] + '…'}”"
