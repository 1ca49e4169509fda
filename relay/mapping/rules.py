"""A mapping in work: what each of a destination's fields is filled with.  Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from relay.errors import Undeliverable
from relay.mapping.convert import convert
from relay.mapping.operators import is_empty
from relay.mapping.paths import value_at
from relay.mapping.templates import escaped, render

Rules = Mapping[str, Mapping[str, Any]]


class FieldSpec(Protocol):
    """What is to be known of a destination's field (see ``relay.destinations.base.Target``)."""

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
    """Why a target does not get what it wants.  ``code`` is as an Undeliverable's."""

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
    """The value of each target, by name; what came out empty is its default, or left out.

    ``rules`` are as ``relay.destinations.base.Rule`` says, ``escape`` as in ``render``.  Values are
    converted to the types of ``targets``.  With ``keep_empty``, nothing is there as None.
    Raises Undeliverable, with the ``field``, where a value does not fit.  Whether a required one is
    missing is for the kind to say: it may know another way.
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
    """As ``fill``, with all that is wrong instead of an error for the first."""
    known = {one.name: one for one in targets}
    values: dict[str, Any] = {}
    problems: list[FieldProblem] = []
    for name, rule in rules.items():
        target = known.get(name)
        try:
            value = _value(rule, scope, escape)
        except Undeliverable as exc:
            problems.append(FieldProblem(name, exc.code, f"{_label(name, target)}: {exc}"))
            continue
        if not is_empty(value):
            try:
                value = _converted(value, rule, target)
                if escape and "text" not in rule and isinstance(value, str):
                    value = escaped(value)  # a text's values are escaped as they are put in
            except ValueError as exc:
                sentence = f"{_label(name, target)} gets {shown(value)}, which {exc}."
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


def _converted(value: Any, rule: Mapping[str, Any], target: FieldSpec | None) -> Any:
    if "as" in rule:
        return convert(value, rule["as"])
    return convert(value, target.type, target.choices) if target is not None else value


def _label(name: str, target: FieldSpec | None) -> str:
    return target.label if target is not None else name


def shown(value: Any) -> str:
    """A value within a sentence, in quotes and not too long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    line = " ".join(text.split())
    return f"“{line if len(line) <= 60 else line[:59] + '…'}”"
