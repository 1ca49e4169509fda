"""No text of marshmallow reaches a sender or the owner of a site."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest
from marshmallow import Schema, fields, validate

from relay.event_types import EVENT_TYPES
from relay.ingest import schemas
from relay.ingest.schemas import ENVELOPE, TYPES, flatten
from relay.ingest.sentences import EventSchema, with_inner


def classes(module: Any, base: type) -> Iterator[type]:
    for _, found in inspect.getmembers(module, inspect.isclass):
        if issubclass(found, base) and found.__module__.startswith("marshmallow"):
            yield found


def with_operators(message: str) -> set[str]:
    """A message of ``Range`` for each kind of end; every other message as it is."""
    range_of = validate.Range
    found = {message}
    for name, words in (
        ("{min_op}", (range_of.message_gte, range_of.message_gt)),
        ("{max_op}", (range_of.message_lte, range_of.message_lt)),
    ):
        found = {one.replace(name, word) for one in found for word in words}
    return found


def default_messages() -> set[str]:
    """Every message of marshmallow, as a template."""
    found = set(Schema._default_error_messages.values())
    for field_class in classes(fields, fields.Field):
        found |= set(getattr(field_class, "default_error_messages", {}).values())
    for validator_class in classes(validate, validate.Validator):
        for name, value in vars(validator_class).items():
            if isinstance(value, str) and name.startswith(("message_", "default_message")):
                found |= with_operators(value)
    return {message for message in found if " " in message.strip()}


DEFAULTS = default_messages()
PATTERNS = [
    re.compile(re.sub(r"(?:\\\{)+[^}]*?(?:\\\})+", ".*", re.escape(message)))
    for message in DEFAULTS
]


def is_default(message: str) -> bool:
    return any(pattern.fullmatch(message) for pattern in PATTERNS)


def all_fields(schema: Schema, path: str) -> Iterator[tuple[str, fields.Field]]:
    for name, field in schema.fields.items():
        for inner in with_inner(field):
            yield f"{path}.{name}", inner
            if isinstance(inner, fields.Nested):
                yield from all_fields(inner.schema, f"{path}.{name}")


def every_schema() -> Iterator[tuple[str, Schema]]:
    yield "", ENVELOPE
    yield from TYPES.items()


def test_the_messages_of_marshmallow_are_known() -> None:
    for message in (
        "Missing data for required field.",
        "Field may not be null.",
        "Not a valid string.",
        "Not a valid mapping type.",
        "String does not match expected pattern.",
        "Longer than maximum length 12.",
        "Must be greater than or equal to 0 and less than or equal to 5.",
        "Invalid input type.",
    ):
        assert is_default(message), message
    assert not is_default("Must be text.")


def test_no_field_and_no_validator_of_any_schema_has_a_message_of_marshmallow() -> None:
    seen = 0
    for name, schema in every_schema():
        assert isinstance(schema, EventSchema), name
        assert not [m for m in schema.error_messages.values() if is_default(m)], name
        for path, field in all_fields(schema, name):
            seen += 1
            wrong = {code: m for code, m in field.error_messages.items() if is_default(str(m))}
            assert not wrong, (path, wrong)
            for validator in field.validators:
                error = getattr(validator, "error", "its own")
                assert error and not is_default(str(error)), (path, validator)
    assert seen > 40


WRONG = (
    None,
    True,
    5,
    -1,
    2**60,
    1.5,
    "",
    "x" * 600,
    "\u00fc",
    [],
    [1],
    [[]],
    {},
    {"": 1},
    {"a": [None]},
)


@pytest.mark.parametrize("event_type", sorted(TYPES))
def test_no_wrong_value_of_any_field_gets_a_message_of_marshmallow(event_type: str) -> None:
    schema, sample = TYPES[event_type], EVENT_TYPES[event_type].sample
    found = flatten(schema.validate({}), "data") | flatten(schema.validate([]), "data")
    for name, field in schema.fields.items():
        for value in WRONG:
            found |= flatten(schema.validate(sample | {field.data_key or name: value}), "data")
    for value in WRONG:
        for name in ENVELOPE.fields:
            found |= flatten(ENVELOPE.validate({name: value}))
    sentences = {sentence for reasons in found.values() for sentence in reasons}
    assert sentences
    assert not [sentence for sentence in sentences if is_default(sentence)]


def test_the_schemas_are_found_by_their_base() -> None:
    """A schema that does not inherit from EventSchema would keep the library's texts."""
    own = [
        found
        for _, found in inspect.getmembers(schemas, inspect.isclass)
        if issubclass(found, Schema) and found not in (Schema, EventSchema)
    ]
    assert own and all(issubclass(found, EventSchema) for found in own)
