"""The sentences of schema errors, for every field and validator that an event's schema can use.

A schema that inherits from ``EventSchema`` needs no texts of its own: they are set when its fields
are bound.  A validator keeps the ``error`` that it was given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import Schema, fields, validate

OBJECT, LIST, TEXT, NUMBER = (
    "Must be an object.",
    "Must be a list.",
    "Must be text.",
    "Must be a number.",
)
# by class of field, from the general to the special
SENTENCES: tuple[tuple[type[Any], Mapping[str, str]], ...] = (
    (
        fields.Field,
        {
            "required": "This field is missing.",
            "null": "Must not be null.",
            "validator_failed": "This value is not allowed.",
        },
    ),
    (fields.String, {"invalid": TEXT, "invalid_utf8": TEXT}),
    (
        fields.Number,
        {"invalid": NUMBER, "too_large": "The number is too large.", "special": NUMBER},
    ),
    (fields.Integer, {"invalid": "Must be a whole number."}),
    (fields.Boolean, {"invalid": "Must be true or false."}),
    (fields.Mapping, {"invalid": OBJECT}),
    (fields.List, {"invalid": LIST}),
    (fields.Nested, {"type": OBJECT}),
)


class EventSchema(Schema):
    """Base of every schema of ingest."""

    error_messages = {"type": OBJECT, "unknown": "Relay does not know this field."}

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        for field in with_inner(field_obj):
            for kind, sentences in SENTENCES:
                if isinstance(field, kind):
                    own = getattr(type(field), "default_error_messages", {})
                    is_ours = type(field).__module__.partition(".")[0] != "marshmallow"
                    field.error_messages |= {
                        code: sentence
                        for code, sentence in sentences.items()
                        if not (is_ours and code in own)
                    }
            for validator in field.validators:
                set_sentence(validator, isinstance(field, fields.Mapping | fields.List))


def with_inner(field: fields.Field[Any]) -> Iterator[fields.Field[Any]]:
    """A field with the fields of a list's items and of an object's keys and values."""
    yield field
    for name in ("inner", "key_field", "value_field"):
        if (inner := getattr(field, name, None)) is not None:
            yield from with_inner(inner)


def set_sentence(validator: Any, is_container: bool) -> None:
    """Give a validator of marshmallow its sentence, if it has none."""
    if isinstance(validator, validate.Length) and not validator.error:
        unit = "entries" if is_container else "characters"
        if validator.equal is not None:
            validator.error = f"Must have {{equal}} {unit}."
        elif validator.min and validator.max is not None:
            validator.error = f"Must have {{min}} to {{max}} {unit}."
        else:
            words = "at most {max}" if validator.max is not None else "at least {min}"
            validator.error = f"Must have {words} {unit}."
    elif isinstance(validator, validate.Range) and not validator.error:
        ends = [
            *([f"at least {validator.min}"] if validator.min is not None else []),
            *([f"at most {validator.max}"] if validator.max is not None else []),
        ]
        validator.error = f"Must be {' and '.join(ends)}."
    elif isinstance(validator, validate.Regexp) and validator.error == validator.default_message:
        validator.error = "Does not have the expected form."
    elif isinstance(validator, validate.OneOf) and validator.error == validator.default_message:
        validator.error = "Allowed values: {choices}."
