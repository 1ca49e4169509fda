"""The body with the values of a mapping."""

from typing import Any

import pytest

from relay.destinations.envelope import content_of, form_pairs, nested
from relay.exact_json import loads
from relay.mapping.rules import fill
from tests.support.kind_contract import message

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


ITEMS = ["data", "items", "[]", "name"]


@pytest.mark.parametrize(
    ("rules", "body"),
    [
        (
            {"lines[].title": {"path": ITEMS}},
            {"lines": [{"title": "Blue teapot"}, {"title": "Green tea"}]},
        ),
        (
            {"shop": {"text": "1"}, "lines[].shop.id": {"text": "A"}, "lines[].t": {"path": ITEMS}},
            {
                "shop": "1",
                "lines": [
                    {"t": "Blue teapot", "shop": {"id": "A"}},
                    {"t": "Green tea", "shop": {"id": "A"}},
                ],
            },
        ),
        ({"tags[]": {"text": "new"}}, {"tags": ["new"]}),
        ({"tags[]": {"path": ITEMS}}, {"tags": ["Blue teapot", "Green tea"]}),
        (
            {"a.b[].c[]": {"path": ITEMS}},
            {"a": {"b": [{"c": ["Blue teapot"]}, {"c": ["Green tea"]}]}},
        ),
        ({"tags[]": {"path": ["data", "none"]}}, {"tags": []}),
        ({"lines[].title": {"path": ["data", "none", "[]", "name"]}}, {"lines": []}),
        (
            {"lines[].qty": {"path": ["data", "items", "[]", "qty"], "as": "number"}},
            {"lines": [{"qty": 2}, {"qty": None}]},
        ),
    ],
)
def test_names_with_brackets_make_lists(rules: dict[str, Any], body: dict[str, Any]) -> None:
    items = [{"name": "Blue teapot", "qty": "2"}, {"name": "Green tea"}]
    event = {"data": EVENT["data"] | {"items": items}}
    assert nested(fill(rules, event, False, keep_empty=True)) == body


def test_an_object_becomes_form_fields_with_brackets() -> None:
    body = loads('{"a":{"b":1,"c":{"d":19.90}},"l":[true,{"x":null}],"t":"a&b=c"}')
    assert list(form_pairs(body)) == [
        ("a[b]", "1"),
        ("a[c][d]", "19.90"),
        ("l[0]", "true"),
        ("l[1][x]", ""),
        ("t", "a&b=c"),
    ]


def test_the_whole_event_has_the_optional_fields_of_the_site() -> None:
    sent = {
        "occurred_at": "2026-03-01T00:30:00+01:00",
        "revision": 3,
        "timezone": "Europe/Berlin",
        "locale": "de_DE",
    }
    plain = message()
    with_fields = message(payload={**plain.payload, **sent, "other": 1})
    assert content_of(with_fields) == content_of(plain) | sent
