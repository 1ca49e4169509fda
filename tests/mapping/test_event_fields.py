"""The fields of real events and their examples."""

from __future__ import annotations

import json
from typing import Any

from relay.mapping import event_fields, prompts
from relay.mapping.pii import Masker

EVENT = {
    "event": "lead.created",
    "data": {"fields": {"Message": "Hello"}, "score": 3, "tags": ["a", "b"], "empty": ""},
}


def data(shown: Any, text: str = "", most: int = 500) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(prompts.data_of(shown, text, EVENT, Masker(EVENT), most))
    return found


def test_the_fields_of_events_come_with_a_value_that_says_something() -> None:
    events = [
        {"data": {"a": "", "b": {"c": "x" * 200, "d": [{"n": "Tea"}, 2]}}},
        {"data": {"a": " one\n two ", "e": True}},
    ]
    found = {one.label: one.example for one in event_fields.fields_of(events)}
    assert found == {"a": "one two", "b.c": "x" * 79 + "…", "b.d": "Tea, 2", "e": "yes"}
