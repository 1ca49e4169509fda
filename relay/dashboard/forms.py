"""Form fields for the macro ``field``, and the values of a posted form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from flask import request
from marshmallow import Schema

from relay.destinations.setting_fields import setting_fields
from relay.errors import Invalid
from relay.i18n import _

MAX_LENGTH = 100_000


@dataclass(frozen=True)
class Field:
    """One input.  ``widget``: text, email, url, address, number, time, password, textarea, headers, select, checkbox.

    An ``address`` is a URL that may lack its https://, which a browser's own field for URLs rejects.
    ``label``, ``help``, ``placeholder``, ``group`` and the labels of ``choices`` are marked with ``N_``: the macro
    translates them.  ``help_values`` are for the placeholders of ``help``.
    ``secret`` is write-only: the form gets the masked old value as a placeholder, never the value.
    ``shown_if`` maps another field to the value with which this one applies; ``advanced`` fields are
    under "More settings".
    """

    name: str
    label: str
    widget: str = "text"
    help: str = ""
    help_values: Mapping[str, Any] = field(default_factory=dict)
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
    group: str = ""

    def is_of_use(self, values: Mapping[str, Any]) -> bool:
        """Whether the field applies with these values of the other fields."""
        return all(values.get(name) == wanted for name, wanted in (self.shown_if or {}).items())


def fields_of(schema: Schema) -> list[Field]:
    """The form fields of a schema, in its order."""
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
            group=setting.group,
            rows=setting.rows,
        )
        for setting in setting_fields(schema)
    ]


def groups_of(fields: Iterable[Field]) -> list[tuple[str, list[Field]]]:
    """The fields under their headings; fields without one have an empty heading."""
    return [(title, list(members)) for title, members in groupby(fields, lambda f: f.group)]


def text(name: str) -> str:
    """A posted value without surrounding spaces and without NUL, which no database stores."""
    return request.form.get(name, "")[:MAX_LENGTH].replace("\x00", "").strip()


def whole_number(name: str) -> int:
    """A posted number, 0 if empty.  Raises Invalid."""
    value = text(name) or "0"
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise Invalid({name: [_("Enter a whole number.")]})
    return int(value)


def page_after() -> int | None:
    """Where a page of a list begins: ``?after=``; an invalid value means the first page."""
    value = request.args.get("after", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None


def posted() -> dict[str, Any]:
    """The posted values, to show the form again; never passwords."""
    return {k: v for k, v in request.form.items() if k not in ("password", "csrf_token")}
