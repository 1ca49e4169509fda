"""Applies a mapping: fills the fields of a destination from an event.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from relay.errors import Undeliverable
from relay.i18n import _
from relay.mapping.computed import compute
from relay.mapping.convert import PartlyFits, convert
from relay.mapping.lists import show_list
from relay.mapping.operators import is_empty
from relay.mapping.paths import value_at
from relay.mapping.printing import plain_text
from relay.mapping.templates import escape_html, render
from relay.mapping.written import InputFormat, format_of
from relay.rules.notes import Note

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
    @property
    def group(self) -> str: ...


@dataclass(frozen=True)
class FieldProblem:
    """Why a target has no valid value.  ``code`` is that of an Undeliverable.

    With a ``note``, the target is optional: the message is sent without it.
    """

    target: str
    code: str
    sentence: str
    note: Note | None = None
    reason: str = ""

    def as_note(self, label: str) -> FieldProblem:
        """The same problem of a target that can be left out."""
        note = Note(self.target, label, self.reason)
        return FieldProblem(self.target, self.code, note.sentence, note, self.reason)


@dataclass(frozen=True)
class FilledMapping:
    values: dict[str, Any]
    problems: tuple[FieldProblem, ...]

    @property
    def notes(self) -> tuple[Note, ...]:
        """What is left out."""
        return tuple(problem.note for problem in self.problems if problem.note)

    @property
    def errors(self) -> tuple[FieldProblem, ...]:
        """The problems that stop the message: those of required targets."""
        return tuple(problem for problem in self.problems if not problem.note)


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
    converted to the types of ``targets``.  A value that does not fit is left out; for a required
    target that raises Undeliverable, with the ``field``.  A missing required target is not an error
    here: the kind decides that.
    """
    filled = fill_with_problems(rules, scope, escape, targets, keep_empty)
    if filled.errors:
        first = filled.errors[0]
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
        value = None
        try:
            value = _filled(name, rule, scope, escape, by_name.get(name))
        except _Unfit as exc:
            value = exc.value
            problems.append(exc.problem)
        if not is_empty(value):
            values[name] = value
        elif keep_empty:
            values[name] = None
    return FilledMapping(values, tuple(problems))


class _Unfit(Exception):
    """A rule's value does not fit; ``value`` is the part of it that does, or None."""

    def __init__(self, problem: FieldProblem, value: Any = None):
        super().__init__(problem.sentence)
        self.problem, self.value = problem, value


def _filled(
    name: str,
    rule: Mapping[str, Any],
    scope: Mapping[str, Any],
    escape: bool,
    target: FieldSpec | None,
) -> Any:
    """The value of one rule.  Raises _Unfit."""
    try:
        value = _value(rule, scope, escape)
    except Undeliverable as exc:
        raise _Unfit(_template_problem(name, exc, target)) from exc
    if is_empty(value):
        return None
    try:
        input_format = format_of(scope, rule.get("path"))
        value = _converted(value, rule, target, input_format, in_list="[]" in name)
    except PartlyFits as exc:
        problem = FieldProblem(name, "bad_value", "", reason=f"{quoted(exc.left_out)} {exc}")
        raise _Unfit(problem.as_note(_label(name, target)), exc.value) from exc
    except ValueError as exc:
        raise _Unfit(_value_problem(name, value, exc, target)) from exc
    if escape and template_of(rule) is None and isinstance(value, str):
        return escape_html(value)  # ``render`` has escaped the values of a text
    return value


def _value_problem(
    name: str, value: Any, exc: ValueError, target: FieldSpec | None
) -> FieldProblem:
    label = _label(name, target)
    sentence = _(
        "%(label)s gets “%(value)s”, which %(why)s.",
        label=_(label),
        value=shortened(value),
        why=exc,
    )
    problem = FieldProblem(name, "bad_value", sentence, reason=f"{quoted(value)} {exc}")
    return problem if target is not None and target.required else problem.as_note(label)


def _template_problem(name: str, exc: Undeliverable, target: FieldSpec | None) -> FieldProblem:
    """A text that does not work.  Only a field that the kind declares as optional can be left out."""
    label = _label(name, target)
    reason = str(exc).partition(". ")[0].rstrip(".")
    problem = FieldProblem(name, exc.code, f"{_(label)}: {exc}", reason=reason)
    return problem if target is None or target.required else problem.as_note(label)


def template_of(rule: Mapping[str, Any]) -> str | None:
    """The Liquid text of a rule: a person's, or the standard text of a kind; None for other rules."""
    found: str | None = rule.get("text", rule.get("template"))
    return found


def _value(rule: Mapping[str, Any], scope: Mapping[str, Any], escape: bool) -> Any:
    template = template_of(rule)
    if template is not None:
        value: Any = render(template, scope, escape)
    elif "computed" in rule:
        value = compute(rule, scope)
    else:
        value = show_list(value_at(scope, rule["path"]), rule.get("list", ""))
    return rule.get("default") if is_empty(value) else value


def _converted(
    value: Any,
    rule: Mapping[str, Any],
    target: FieldSpec | None,
    input_format: InputFormat,
    in_list: bool = False,
) -> Any:
    if in_list and isinstance(value, list):
        return [
            None if is_empty(one) else _converted(one, rule, target, input_format, True)
            for one in value
        ]
    if "as" in rule:
        return convert(value, rule["as"], input_format=input_format)
    if target is None:
        return value
    return convert(value, target.type, target.choices, input_format)


def _label(name: str, target: FieldSpec | None) -> str:
    return target.label if target is not None else name


def quoted(value: Any) -> str:
    """A value for a sentence, in quotes and cut if it is long."""
    return _("“%(value)s”", value=shortened(value))


def shortened(value: Any) -> str:
    """A value for a sentence, cut if it is long."""
    line = " ".join(plain_text(value).split())
    return line if len(line) <= 60 else line[:59] + "…"
