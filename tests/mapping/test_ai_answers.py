"""Only the declared fields of an answer are used, each with its type."""

from __future__ import annotations

import json
from typing import Any

import pytest

from relay.errors import Undeliverable
from relay.mapping import prompts
from relay.mapping.ai_answers import AnswerField, field_of, name_of, schema_of, validate
from relay.mapping.pii import Masker

FIELDS = (
    AnswerField("topic", "choice", "What about", ("sales", "Support")),
    AnswerField("urgent", "yes_no"),
    AnswerField("score", "number"),
    AnswerField("summary", "text"),
)


GOOD: dict[str, Any] = {"topic": "sales", "urgent": True, "score": 4, "summary": "Hi"}


def test_the_schema_is_one_that_strict_servers_take() -> None:
    schema = schema_of(FIELDS)
    assert schema["required"] == list(schema["properties"]) == [f.name for f in FIELDS]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["topic"] == {
        "type": "string",
        "description": "What about",
        "enum": ["sales", "Support"],
    }
    assert schema["properties"]["urgent"] == {"type": "boolean"}


def test_only_declared_fields_come_through() -> None:
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
def test_a_value_is_taken_in_its_type(name: str, value: Any, taken: Any) -> None:
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
def test_a_value_of_another_type_is_no_answer(name: str, value: Any) -> None:
    with pytest.raises(Undeliverable) as refused:
        validate(FIELDS, GOOD | {name: value})
    assert name in str(refused.value)


def test_fields_are_kept_and_read_again() -> None:
    assert tuple(field_of(one.as_json()) for one in FIELDS) == FIELDS
    assert FIELDS[0].path == ("ai", "topic")
    assert name_of(" Summary of the wish! ") == "summary_of_the_wish"


EVENT = {
    "event": "lead.created",
    "data": {"fields": {"Message": "Hello"}, "score": 3, "tags": ["a", "b"], "empty": ""},
}


def data(shown: Any, text: str = "", most: int = 500) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(prompts.data_of(shown, text, EVENT, Masker(EVENT), most))
    return found
