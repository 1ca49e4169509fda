"""A mapping as rows of a form, and back: one row a field of the destination."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from relay.destinations.base import Rule, TargetField
from relay.errors import Invalid
from relay.mapping.event_fields import EventField
from relay.mapping.paths import as_text, from_text, readable_path

KEY = re.compile(r"r(\d{1,3})-name")
TEXT, FIXED = "text", "fixed:"
SHOWN_AT_ONCE = 12
MOST_ROWS = 200
YES_NO = (("yes", "Yes"), ("no", "No"))
TYPES = {
    "text": "text",
    "long_text": "text",
    "email": "e-mail address",
    "number": "number",
    "date": "date",
    "yes_no": "yes or no",
    "choice": "one of a list",
    "choices": "some of a list",
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
    """``origin`` is empty, ``text``, ``fixed:`` and a choice, or a field's path as ``paths.as_text`` writes it."""

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
        """The field that it is connected to."""
        return readable_path(from_text(self.origin))

    @property
    def rule(self) -> Rule | None:
        """What is meant; None where nothing is."""
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
    """From what is stored."""
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
    """The rows that are shown at first: what is filled, what is needed, and all where they are few."""
    known = {one.name: one for one in targets}
    few = len(targets) <= SHOWN_AT_ONCE
    rows = [
        row_of(one.name, rules[one.name], one)
        if one.name in rules
        else MappingRow(one.name, target=one)
        for one in targets
        if one.name in rules or one.required or few
    ]
    return rows + [row_of(name, rule) for name, rule in rules.items() if name not in known]


def free_rows(fields: Iterable[EventField]) -> list[MappingRow]:
    """A first object of one's own: the fields of the event under their names."""
    return [
        MappingRow(".".join(one.path[1:]), as_text(one.path))
        for one in fields
        if one.path[0] == "data"
    ][:MOST_ROWS]


def posted(form: Mapping[str, str], targets: Sequence[TargetField]) -> list[MappingRow]:
    """What stands in the form."""
    known = {one.name: one for one in targets}
    numbers = sorted(int(found[1]) for key in form if (found := KEY.fullmatch(key)))
    rows = []
    for number in numbers[:MOST_ROWS]:
        name, origin, default, as_type = (
            form.get(f"r{number}-{part}", "").replace("\x00", "").strip()
            for part in ("name", "from", "default", "as")
        )
        text = form.get(f"r{number}-text", "").replace("\x00", "").replace("\r\n", "\n")
        fine = as_type in {value for value, _ in FREE_TYPES}
        rows.append(
            MappingRow(name, origin, text, default, as_type if fine else "", known.get(name))
        )
    return rows


def rules_of(rows: Iterable[MappingRow]) -> dict[str, Rule]:
    """The mapping that rows mean.  Raises Invalid where a name comes twice, or is missing."""
    rules: dict[str, Rule] = {}
    for row in rows:
        rule = row.rule
        if rule is None:
            continue
        if not row.name:
            raise Invalid({"rows": ["Give each field a name, or take it away."]})
        if row.name in rules:
            raise Invalid({row.name: [f"There are two fields called {row.label}."]})
        rules[row.name] = rule
    return rules


def changed(
    rows: list[MappingRow], do: str, wanted: str, targets: Sequence[TargetField]
) -> list[MappingRow]:
    """After a button: ``add`` (the field that ``wanted`` names), ``drop:2``.  Raises Invalid."""
    verb, _, place = do.partition(":")
    if verb == "drop" and place.isascii() and place.isdigit():
        return [row for number, row in enumerate(rows) if number != int(place[:4])]
    if verb != "add":
        return rows
    if not targets:
        return [*rows, MappingRow("")]
    found = next(
        (
            one
            for one in targets
            if wanted.lower() in (one.name.lower(), _shown(one).lower(), one.label.lower())
        ),
        None,
    )
    if found is None:
        raise Invalid({"wanted": [f"There is no field called {wanted}. Choose one of the list."]})
    if found.name in {row.name for row in rows}:
        raise Invalid({"wanted": [f"{found.label} is in the list already."]})
    return [*rows, MappingRow(found.name, target=found)]


def _shown(target: TargetField) -> str:
    return f"{target.group}: {target.label}" if target.group else target.label
