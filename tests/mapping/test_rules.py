"""A mapping fills a destination's fields from the event."""

from typing import Any

import pytest

from relay.errors import Undeliverable
from relay.mapping.rules import fill, value_at

EVENT: dict[str, Any] = {
    "event": "lead.created",
    "data": {
        "fields": {"E-mail": "jane@example.com", "Your name": "Jane", "Note": ""},
        "items": [{"name": "Blue teapot"}, {"name": "Green tea"}],
        "total": 0,
    },
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (["event"], "lead.created"),
        (["data", "fields", "Your name"], "Jane"),
        (["data", "items", "1", "name"], "Green tea"),
        (["data", "items", "2", "name"], None),
        (["data", "items", "²"], None),
        (["data", "items", "-1"], None),
        (["data", "total"], 0),
        (["data", "fields", "E-mail", "__class__"], None),
        (["nothing", "here"], None),
    ],
)
def test_a_path_finds_its_value_and_nothing_else(path: list[str], found: Any) -> None:
    assert value_at(EVENT, path) == found


def test_fields_texts_and_defaults_fill_the_targets() -> None:
    rules = {
        "email": {"path": ["data", "fields", "E-mail"]},
        "title": {"text": "A lead from {{ data.fields['Your name'] }}"},
        "note": {"path": ["data", "fields", "Note"], "default": "none"},
        "phone": {"path": ["data", "fields", "Phone"]},
        "total": {"path": ["data", "total"]},
    }
    assert fill(rules, EVENT) == {
        "email": "jane@example.com",
        "title": "A lead from Jane",
        "note": "none",
        "total": 0,
    }


def test_a_text_with_a_mistake_is_said_and_not_sent() -> None:
    with pytest.raises(Undeliverable):
        fill({"text": {"text": "{% if %}"}}, EVENT)
