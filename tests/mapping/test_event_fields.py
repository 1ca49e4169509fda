"""The fields of real events and their examples."""

from __future__ import annotations

from relay.mapping import event_fields


def test_every_field_has_a_nonempty_example_if_there_is_one() -> None:
    events = [
        {"data": {"a": "", "b": {"c": "x" * 200, "d": [{"n": "Tea"}, 2]}}},
        {"data": {"a": " one\n two ", "e": True}},
    ]
    found = {one.label: one.example for one in event_fields.fields_of(events)}
    assert found == {"a": "one two", "b.c": "x" * 79 + "…", "b.d": "Tea, 2", "e": "yes"}
