"""A mapping as rows of a form, and back: one row per field of the destination."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from relay.destinations.base import Rule, TargetField
from relay.errors import Invalid
from relay.i18n import N_, SOURCE, _, language
from relay.mapping.checks import in_use
from relay.mapping.computed import COMPUTED, sentence
from relay.mapping.event_fields import EventField
from relay.mapping.lists import STYLES
from relay.mapping.paths import EACH, as_text, from_text, readable_path

KEY = re.compile(r"r(\d{1,3})-name")
TEXT, FIXED, WORKED_OUT = "text", "fixed:", "computed:"
MAX_SHOWN_TARGETS = 12
MAX_ROWS = 200
MAX_VALUE = 200
YES_NO = (("yes", N_("Yes")), ("no", N_("No")))
TYPES = {
    "text": N_("text"),
    "long_text": N_("text"),
    "email": N_("e-mail address"),
    "number": N_("number"),
    "date": N_("date"),
    "day": N_("date"),
    "yes_no": N_("yes or no"),
    "choice": N_("one of a list"),
    "choices": N_("several of a list"),
}
FREE_TYPES = (
    ("", N_("as it is")),
    ("text", N_("as text")),
    ("number", N_("as a number")),
    ("date", N_("as a date")),
    ("yes_no", N_("as yes or no")),
)


@dataclass(frozen=True)
class MappingRow:
    """One destination field.

    ``origin`` is empty, ``text``, ``fixed:`` and a choice, ``computed:`` and a computed field, or an
    event field as ``paths.as_text`` writes it.  ``values`` are those that a computed field needs.
    """

    name: str
    origin: str = ""
    text: str = ""
    default: str = ""
    as_type: str = ""
    target: TargetField | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    list_style: str = ""

    @property
    def label(self) -> str:
        return _(self.target.label) if self.target else self.name

    @property
    def in_sentence(self) -> str:
        """The label within a sentence."""
        shown = self.label or _("this field")
        return shown.lower() if language() == SOURCE else shown

    @property
    def choices(self) -> Sequence[tuple[str, str]]:
        if self.target is None:
            return ()
        found = YES_NO if self.target.type == "yes_no" else self.target.choices
        return [(value, _(label)) for value, label in found]

    @property
    def is_choice(self) -> bool:
        """Whether the value is not a field of the event, so that it is always in the list."""
        return self.origin in ("", TEXT) or self.origin.startswith((FIXED, WORKED_OUT))

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
        elif self.origin.startswith(WORKED_OUT):
            rule = self._computed_rule()
        elif path := from_text(self.origin):
            rule = {"path": path} | ({"list": self.list_style} if self.list_style else {})
        elif self.default:
            rule = {"text": ""}
        else:
            return None
        if self.default:
            rule["default"] = self.default
        if self.as_type:
            rule["as"] = self.as_type
        return rule

    def _computed_rule(self) -> dict[str, Any]:
        """The rule of a computed field, with the values that it needs."""
        rule: dict[str, Any] = {"computed": self.computed}
        found = COMPUTED.get(self.computed)
        needed = [one.name for one in found.parameters] if found else []
        if chosen := {name: self.values[name] for name in needed if self.values.get(name)}:
            rule["with"] = chosen
        return rule

    @property
    def computed(self) -> str:
        """The name of the computed field; empty if there is none."""
        is_computed = self.origin.startswith(WORKED_OUT)
        return self.origin.removeprefix(WORKED_OUT) if is_computed else ""

    def values_of(self, computed: str) -> str:
        """The values for a computed field as words, such as ``Paid → Closed won, otherwise → New``."""
        rule = {"computed": computed, "with": self.values}
        words = sentence(rule, dict(self.choices)).partition(": ")[2]
        return words[:1].upper() + words[1:] or _("Choose the values")


def row_of(name: str, rule: Rule, target: TargetField | None = None) -> MappingRow:
    """The row of a stored rule."""
    text = str(rule.get("text", ""))
    row = MappingRow(
        name,
        _origin_of(rule),
        text,
        str(rule.get("default", "")),
        str(rule.get("as", "")),
        target,
        dict(rule.get("with") or {}),
        str(rule.get("list", "")),
    )
    if "text" in rule and text in {value for value, _ in row.choices}:
        return replace(row, origin=FIXED + text, text="")
    return replace(row, origin="") if rule.get("text") == "" else row


def _origin_of(rule: Rule) -> str:
    if "computed" in rule:
        return f"{WORKED_OUT}{rule['computed']}"
    return TEXT if "text" in rule else as_text(rule["path"])


def rows_of(rules: Mapping[str, Rule], targets: Sequence[TargetField]) -> list[MappingRow]:
    """The rows shown at first: mapped fields, those that a mapped object requires, and all fields if
    there are few.
    """
    known = {target.name: target for target in targets}
    needed = {target.name for target in in_use(rules, targets) if target.required}
    few = len(targets) <= MAX_SHOWN_TARGETS
    rows = [
        row_of(target.name, rules[target.name], target)
        if target.name in rules
        else MappingRow(target.name, target=target)
        for target in targets
        if target.name in rules or target.name in needed or few
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
        row = MappingRow(
            name, origin, text, default, as_type if known_type else "", known.get(name)
        )
        style = form.get(f"r{number}-list", "")
        values = _posted_values(form, f"r{number}-with-")
        rows.append(replace(row, values=values, list_style=style if style in STYLES else ""))
    return rows


def _posted_values(form: Mapping[str, str], prefix: str) -> dict[str, str]:
    """The values for a computed field, by the names of its parameters."""
    return {
        key.removeprefix(prefix): value.replace("\x00", "").strip()[:MAX_VALUE]
        for key, value in form.items()
        if key.startswith(prefix) and value.strip()
    }


def check_texts(rows: Iterable[MappingRow]) -> None:
    """Raises Invalid for a custom text that nobody has written yet."""
    empty = [row for row in rows if row.origin == TEXT and not row.text.strip()]
    if empty:
        raise Invalid({row.name: [_("Write the text, or choose another value.")] for row in empty})


def rules_of(rows: Iterable[MappingRow]) -> dict[str, Rule]:
    """The mapping of these rows.  Raises Invalid if a name is missing or used twice."""
    rules: dict[str, Rule] = {}
    for row in rows:
        rule = row.rule
        if rule is None:
            continue
        if not row.name:
            raise Invalid({"rows": [_("Enter a name for each field, or remove the field.")]})
        if row.name in rules:
            raise Invalid(
                {
                    row.name: [
                        _("Two fields are called %(label)s. Rename or remove one.", label=row.label)
                    ]
                }
            )
        rules[row.name] = rule
    return rules


def changed(
    rows: list[MappingRow],
    do: str,
    new_field: str,
    targets: Sequence[TargetField],
    standard: Mapping[str, Rule] | None = None,
) -> list[MappingRow]:
    """The rows after a button: ``add`` (the field called ``new_field``), ``drop:2``, or ``standard:2``,
    which fills in the standard text for a person to change.  Raises Invalid.
    """
    verb, _colon, place = do.partition(":")
    is_place = place.isascii() and place.isdigit()
    if verb == "standard" and is_place:
        return [
            replace(row, text=_standard_text(row, standard)) if number == int(place[:4]) else row
            for number, row in enumerate(rows)
        ]
    if verb == "drop" and is_place:
        return [row for number, row in enumerate(rows) if number != int(place[:4])]
    if verb != "add":
        return rows
    if not targets:
        return [*rows, MappingRow("")]
    found = _find_target(targets, new_field)
    if found.name in {row.name for row in rows}:
        raise Invalid({"new_field": [_("%(label)s is already mapped.", label=_(found.label))]})
    return [*rows, MappingRow(found.name, target=found)]


def _find_target(targets: Sequence[TargetField], text: str) -> TargetField:
    """The field with this name, or the only one with the text in its name.  Raises Invalid."""
    text = " ".join(text.lower().split())
    for one in targets:
        if text in (one.name.lower(), _shown(one).lower(), _(one.label).lower()):
            return one
    close = [one for one in targets if text and text in f"{_shown(one)} {one.name}".lower()]
    if len(close) == 1:
        return close[0]
    names = ", ".join(_shown(one) for one in close[:5]) + (", …" if len(close) > 5 else "")
    why = (
        _("Several fields match: %(names)s.", names=names)
        if close
        else _("There is no field called %(text)s.", text=text)
    )
    raise Invalid({"new_field": [" ".join([why, _("Choose one from the list.")])]})


def _standard_text(row: MappingRow, standard: Mapping[str, Rule] | None) -> str:
    return str((standard or {}).get(row.name, {}).get("template", row.text))


def _shown(target: TargetField) -> str:
    return f"{_(target.group)}: {_(target.label)}" if target.group else _(target.label)
