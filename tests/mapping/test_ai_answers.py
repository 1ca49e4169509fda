"""Only the declared fields of an answer are used, each with its type."""

from __future__ import annotations

from typing import Any

import pytest

from relay.errors import Undeliverable
from relay.mapping.ai_answers import AnswerField, field_of, name_of, schema_of, validate

FIELDS = (
    AnswerField("topic", "choice", "What about", ("sales", "Support")),
    AnswerField("urgent", "yes_no"),
    AnswerField("score", "number"),
    AnswerField("summary", "text"),
)


GOOD: dict[str, Any] = {"topic": "sales", "urgent": True, "score": 4, "summary": "Hi"}


def test_strict_servers_accept_the_schema() -> None:
    schema = schema_of(FIELDS)
    assert schema["required"] == list(schema["properties"]) == [f.name for f in FIELDS]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["topic"] == {
        "type": "string",
        "description": "What about",
        "enum": ["sales", "Support"],
    }
    assert schema["properties"]["urgent"] == {"type": "boolean"}


def test_only_declared_fields_are_used() -> None:
    assert validate(FIELDS, GOOD | {"admin": True, "data": {}}) == GOOD


@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [
        ("topic", "SUPPORT", "Support"),
        ("topic", " sales ", "sales"),
        ("urgent", "no", False),
        ("urgent", "True", True),
        ("urgent", 0, False),
        ("score", "4.5", 4.5),
        ("score", -2, -2),
        ("score", 1e3, 1000.0),
        ("summary", "", ""),
        ("summary", "a\x00b\x1b\ud800c\nd", "abc\nd"),
        ("summary", "x" * 5000, "x" * 2000),
    ],
)
def test_a_value_is_converted_to_the_type_of_its_field(name: str, value: Any, taken: Any) -> None:
    assert validate(FIELDS, GOOD | {name: value})[name] == taken


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("topic", "weather"),
        ("topic", None),
        ("topic", ["sales"]),
        ("urgent", "maybe"),
        ("urgent", 2),
        ("score", True),
        ("score", "four"),
        ("score", float("nan")),
        ("score", float("inf")),
        ("score", "9" * 400),
        ("summary", 4),
        ("summary", {"a": 1}),
    ],
)
def test_a_value_of_another_type_is_an_error(name: str, value: Any) -> None:
    with pytest.raises(Undeliverable) as refused:
        validate(FIELDS, GOOD | {name: value})
    assert name in str(refused.value)


def test_fields_survive_a_round_trip_through_json() -> None:
    assert tuple(field_of(one.as_json()) for one in FIELDS) == FIELDS
    assert FIELDS[0].path == ("ai", "topic")
    assert name_of(" Summary of the wish! ") == "summary_of_the_wish"
