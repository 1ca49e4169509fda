"""Fields as the macro ``field`` draws them, and the few steps from a posted form to values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request
from marshmallow import Schema

from relay.destinations.setting_fields import setting_fields
from relay.errors import Invalid

LONGEST = 100_000


@dataclass(frozen=True)
class Field:
    """One input.  ``widget``: text, email, url, number, password, textarea, headers, select, checkbox.

    ``secret`` is write-only: the form gets the masked old value as placeholder, never the value.
    ``shown_if`` maps another field to the value with which this one is of use; ``advanced`` ones are
    folded away.
    """

    name: str
    label: str
    widget: str = "text"
    help: str = ""
    placeholder: str = ""
    required: bool = False
    secret: bool = False
    choices: Sequence[tuple[str, str]] = ()
    shown_if: Mapping[str, str] | None = None
    autocomplete: str = "off"
    rows: int = 4
    low: int | None = None
    high: int | None = None
    advanced: bool = False

    def is_of_use(self, values: Mapping[str, Any]) -> bool:
        """Whether the other fields are such that this one matters."""
        return all(values.get(name) == wanted for name, wanted in (self.shown_if or {}).items())


def fields_of(schema: Schema) -> list[Field]:
    """The form of a schema, in its order."""
    return [
        Field(
            name=setting.name,
            label=setting.label,
            widget=setting.widget,
            help=setting.help,
            placeholder=setting.placeholder,
            required=setting.required,
            secret=setting.secret,
            choices=setting.choices,
            shown_if=setting.shown_if,
            advanced=setting.advanced,
        )
        for setting in setting_fields(schema)
    ]


def text(name: str) -> str:
    """A posted value without blanks around it; NUL, which no database holds, is dropped."""
    return request.form.get(name, "")[:LONGEST].replace("\x00", "").strip()


def whole_number(name: str) -> int:
    """Raises Invalid."""
    value = text(name) or "0"
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise Invalid({name: ["Enter a whole number."]})
    return int(value)


def page_after() -> int | None:
    """Where the asked page of a list begins: ``?after=``; nonsense is the first page."""
    value = request.args.get("after", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None


def posted() -> dict[str, Any]:
    """What was posted, to redraw the form with; never passwords."""
    return {k: v for k, v in request.form.items() if k not in ("password", "csrf_token")}
