"""Paths: their value, their Liquid form, their label."""

from __future__ import annotations

from typing import Any

import pytest

from relay.mapping import paths
from relay.mapping.paths import value_at

FIRST, LAST = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-10:00"  # out of UTC's calendar


@pytest.mark.parametrize(
    ("path", "liquid", "words"),
    [
        (["data", "total"], "{{ data.total }}", "total"),
        (["data", "fields", "E-mail"], "{{ data.fields.E-mail }}", "E-mail"),
        (["data", "fields", "Your name"], '{{ data.fields["Your name"] }}', "Your name"),
        (
            ["data", "fields", 'The "real" one'],
            "{{ data.fields['The \"real\" one'] }}",
            'The "real" one',
        ),
        (["data", "items", "0", "sku"], "{{ data.items[0].sku }}", "items 0 sku"),
        (["data", "customer_note"], "{{ data.customer_note }}", "customer note"),
        (["site_name"], "{{ site_name }}", "site name"),
        (["ai", "intent"], "{{ ai.intent }}", "AI intent"),
        (["data"], "{{ data }}", "data"),
        (["fields"], "{{ fields }}", "fields"),
        (["data", "Straße"], "{{ data.Straße }}", "Straße"),
    ],
)
def test_a_path_has_a_liquid_form_and_a_label(path: list[str], liquid: str, words: str) -> None:
    from relay.mapping.templates import render

    assert paths.readable_path(path) == words
    assert paths.from_text(paths.as_text(path)) == path
    scope: Any = "found"
    for key in reversed(path):
        scope = [scope] if key == "0" else {key: scope}
    assert render(liquid, scope) == "found"


@pytest.mark.parametrize("text", ["", "no json", "{}", "[1]", '["a",', "[" * 5000, "null"])
def test_an_invalid_text_is_an_empty_path(text: str) -> None:
    assert paths.from_text(text) == []


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
        (["data", "items", "[]", "name"], ["Blue teapot", "Green tea"]),
        (["data", "items", "[]"], EVENT["data"]["items"]),
        (["data", "fields", "[]", "name"], None),
        (["data", "items", "0", "[]"], None),
    ],
)
def test_a_path_finds_its_value_or_none(path: list[str], found: Any) -> None:
    assert value_at(EVENT, path) == found


def test_a_path_as_text_is_short_and_readable() -> None:
    assert paths.as_text(["data", "Straße"]) == '["data","Straße"]'
    assert paths.readable_path([]) == ""


def test_a_path_has_at_most_12_keys() -> None:
    assert paths.from_text(paths.as_text(["a"] * 12)) == ["a"] * 12
    assert paths.from_text(paths.as_text(["a"] * 13)) == []
