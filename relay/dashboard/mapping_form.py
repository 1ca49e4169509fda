"""A mapping as rows of a form, and back: one row per field of the destination."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from relay.destinations.base import Rule, TargetField
from relay.errors import Invalid
from relay.mapping.event_fields import EventField
from relay.mapping.paths import EACH, as_text, from_text, readable_path

KEY = re.compile(r"r(\d{1,3})-name")
TEXT, FIXED = "text", "fixed:"
MAX_SHOWN_TARGETS = 12
MAX_ROWS = 200
YES_NO = (("yes", "Yes"), ("no", "No"))
TYPES = {
    "text": "text",
    "long_text": "text",
    "email": "e-mail address",
    "number": "number",
    "date": "date",
    "day": "date",
    "yes_no": "yes or no",
    "choice": "one of a list",
    "choices": "several of a list",
}
FREE_TYPES = (
    ("", "as it is"),
    ("text", "as text"),
    ("number", "as a number"),
    ("date", "as a date"),
    ("yes_no", "as yes or no"),
)


@dataclass(frozen=True)
class MappingRow:
    """One destination field.

    ``origin`` is empty, ``text``, ``fixed:`` and a choice, or an event field as ``paths.as_text`` writes it.
    """

    name: str
    origin: str = ""
    text: str = ""
    default: str = ""
    as_type: str = ""
    target: TargetField | None = None

    @property
    def label(self) -> str:
        return self.target.label if self.target else self.name

    @property
    def choices(self) -> Sequence[tuple[str, str]]:
        if self.target is None:
            return ()
        return YES_NO if self.target.type == "yes_no" else self.target.choices

    @property
    def words(self) -> str:
        """The label of the event field."""
        return readable_path(from_text(self.origin))

    @property
    def rule(self) -> Rule | None:
        """The rule of this row; None if the row is empty."""
        rule: dict[str, Any]
        if self.origin == TEXT:
            rule = {"text": self.text}
        elif self.origin.startswith(FIXED):
            rule = {"text": self.origin.removeprefix(FIXED)}
        elif path := from_text(self.origin):
            rule = {"path": path}
        elif self.default:
            rule = {"text": ""}
        else:
            return None
        if self.default:
            rule["default"] = self.default
        if self.as_type:
            rule["as"] = self.as_type
        return rule


def row_of(name: str, rule: Rule, target: TargetField | None = None) -> MappingRow:
    """The row of a stored rule."""
    text = str(rule.get("text", ""))
    row = MappingRow(
        name,
        TEXT if "text" in rule else as_text(rule["path"]),
        text,
        str(rule.get("default", "")),
        str(rule.get("as", "")),
        target,
    )
    if "text" in rule and text in {value for value, _ in row.choices}:
        return replace(row, origin=FIXED + text, text="")
    return replace(row, origin="") if rule.get("text") == "" else row


def rows_of(rules: Mapping[str, Rule], targets: Sequence[TargetField]) -> list[MappingRow]:
    """The rows shown at first: mapped and required fields, and all fields if there are few."""
    known = {target.name: target for target in targets}
    few = len(targets) <= MAX_SHOWN_TARGETS
    rows = [
        row_of(target.name, rules[target.name], target)
        if target.name in rules
        else MappingRow(target.name, target=target)
        for target in targets
        if target.name in rules or target.required or few
    ]
    return rows + [row_of(name, rule) for name, rule in rules.items() if name not in known]


def free_rows(fields: Iterable[EventField]) -> list[MappingRow]:
    """A first custom mapping: all data fields of the event under their own names."""
    return [
        MappingRow(".".join(field.path[1:]), as_text(field.path))
        for field in fields
        if field.path[0] == "data" and EACH not in field.path
    ][:MAX_ROWS]


def posted(form: Mapping[str, str], targets: Sequence[TargetField]) -> list[MappingRow]:
    """The rows of a posted form."""
    known = {target.name: target for target in targets}
    numbers = sorted(int(found[1]) for key in form if (found := KEY.fullmatch(key)))
    rows = []
    for number in numbers[:MAX_ROWS]:
        name, origin, default, as_type = (
            form.get(f"r{number}-{part}", "").replace("\x00", "").strip()
            for part in ("name", "from", "default", "as")
        )
        text = form.get(f"r{number}-text", "").replace("\x00", "").replace("\r\n", "\n")
        known_type = as_type in {value for value, _ in FREE_TYPES}
        rows.append(
            MappingRow(name, origin, text, default, as_type if known_type else "", known.get(name))
        )
    return rows


def rules_of(rows: Iterable[MappingRow]) -> dict[str, Rule]:
    """The mapping of these rows.  Raises Invalid if a name is missing or used twice."""
    rules: dict[str, Rule] = {}
    for row in rows:
        rule = row.rule
        if rule is None:
            continue
        if not row.name:
            raise Invalid({"rows": ["Enter a name for each field, or remove the field."]})
        if row.name in rules:
            raise Invalid({row.name: [f"Two fields are called {row.label}. Rename or remove one."]})
        rules[row.name] = rule
    return rules


def changed(
    rows: list[MappingRow], do: str, new_field: str, targets: Sequence[TargetField]
) -> list[MappingRow]:
    """The rows after a button: ``add`` (the field called ``new_field``), ``drop:2``.  Raises Invalid."""
    verb, _, place = do.partition(":")
    if verb == "drop" and place.isascii() and place.isdigit():
        return [row for number, row in enumerate(rows) if number != int(place[:4])]
    if verb != "add":
        return rows
    if not targets:
        return [*rows, MappingRow("")]
    found = next(
        (
            target
            for target in targets
            if new_field.lower()
            in (target.name.lower(), _shown(target).lower(), target.label.lower())
        ),
        None,
    )
    if found is None:
        raise Invalid(
            {"new_field": [f"There is no field called {new_field}. Choose one from the list."]}
        )
    if found.name in {row.name for row in rows}:
        raise Invalid({"new_field": [f"{found.label} is already mapped."]})
    return [*rows, MappingRow(found.name, target=found)]


def _shown(target: TargetField) -> str:
    return f"{target.group}: {target.label}" if target.group else target.label
