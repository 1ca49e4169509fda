"""The body with the values of a mapping."""

from typing import Any

import pytest

from relay.destinations.envelope import nested
from relay.mapping.rules import fill

EVENT: dict[str, Any] = {
    "event": "lead.created",
    "data": {
        "fields": {"E-mail": "jane@example.com", "Your name": "Jane", "Note": ""},
        "items": [{"name": "Blue teapot"}, {"name": "Green tea"}],
        "total": 0,
    },
}


def test_a_mapped_body_keeps_its_structure_and_types() -> None:
    rules = {
        "customer.email": {"path": ["data", "fields", "E-mail"]},
        "customer.phone": {"path": ["data", "fields", "Phone"]},
        "total": {"path": ["data", "total"]},
        "words": {"path": ["data", "total"], "as": "text"},
        "items": {"path": ["data", "items"]},
    }
    assert nested(fill(rules, EVENT, False, keep_empty=True)) == {
        "customer": {"email": "jane@example.com", "phone": None},
        "total": 0,
        "words": "0",
        "items": EVENT["data"]["items"],
    }


@pytest.mark.parametrize(
    ("names", "body"),
    [
        (["a.b", "a"], {"a": 2}),
        (["a", "a.b"], {"a": {"b": 2}}),
        (["a.b.c", "a.b.d"], {"a": {"b": {"c": 1, "d": 2}}}),
    ],
)
def test_colliding_names_still_make_an_object(names: list[str], body: dict[str, Any]) -> None:
    assert nested({name: number for number, name in enumerate(names, 1)}) == body
