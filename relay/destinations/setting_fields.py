"""The settings of a kind as data, for the form, ``flask kinds`` and the docs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, fields, missing


@dataclass(frozen=True)
class SettingField:
    """One setting of a kind, read from its schema.

    ``widget`` is the form's input (see ``dashboard.forms.Field``).  ``type`` is ``text``,
    ``long_text``, ``url``, ``email``, ``number``, ``yes_no`` or ``choice`` (one of ``choices``, as
    ``(value, label)``).  ``default`` is None for a setting without one.  ``shown_if`` names another
    setting and the value with which this one is used.  ``group`` is the heading of a form that it
    belongs under, ``rows`` the height of a long text.
    """

    name: str
    label: str
    type: str
    widget: str
    required: bool
    secret: bool
    choices: tuple[tuple[str, str], ...]
    default: Any
    help: str
    placeholder: str
    shown_if: Mapping[str, str]
    advanced: bool
    group: str = ""
    rows: int = 4


WIDGET_TYPES = {
    "textarea": "long_text",
    "headers": "long_text",
    "select": "choice",
    "checkbox": "yes_no",
    "password": "text",
}


def widget_of(field: fields.Field) -> str:  # type: ignore[type-arg]
    """The form widget of a schema's field: the one in its metadata, or one for its class."""
    if named := field.metadata.get("widget"):
        return str(named)
    for field_class, widget in (
        (fields.Boolean, "checkbox"),
        (fields.Number, "number"),
        (fields.Url, "url"),
        (fields.Email, "email"),
    ):
        if isinstance(field, field_class):
            return widget
    return "text"


def setting_fields(schema: Schema) -> list[SettingField]:
    """The settings of a schema, in its order."""
    return [_setting(name, field) for name, field in schema.fields.items()]


def _setting(name: str, field: fields.Field) -> SettingField:  # type: ignore[type-arg]
    metadata, widget = field.metadata, widget_of(field)
    return SettingField(
        name=name,
        label=str(metadata.get("label", name)),
        type=WIDGET_TYPES.get(widget, widget),
        widget=widget,
        required=field.required,
        secret=bool(metadata.get("secret", False)),
        choices=tuple((value, label) for value, label in metadata.get("choices", ())),
        default=None if field.load_default is missing else field.load_default,
        help=str(metadata.get("help", "")),
        placeholder=str(metadata.get("placeholder", "")),
        shown_if=dict(metadata.get("shown_if") or {}),
        advanced=bool(metadata.get("advanced", False)),
        group=str(metadata.get("group", "")),
        rows=int(metadata.get("rows", 4)),
    )
