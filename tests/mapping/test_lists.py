"""A list of an event in a text field: one per line, names, count, first."""

from __future__ import annotations

from typing import Any

import pytest

from relay.mapping.lists import STYLES, show_list
from relay.mapping.rules import fill

ITEMS = [
    {"name": "Blue teapot", "sku": "TEA-1", "quantity": 2, "total": "89.90"},
    {"title": "Green tea"},
    {},
    {"sku": "TEA-3", "qty": "1", "meta": {"Engraving": "For Jane", "tags": ["a", "b"]}},
]


@pytest.mark.parametrize(
    ("value", "lines", "names", "count", "first"),
    [
        (
            ITEMS,
            "2 × Blue teapot\nGreen tea\n1 × TEA-3",
            "Blue teapot, Green tea, TEA-3",
            3,
            "2 × Blue teapot",
        ),
        (["red", "", "b\nlue"], "red\nb lue", "red, b lue", 2, "red"),
        ([[1, 2], {"a": 3}], "1, 2\n3", "1, 2, 3", 2, "1, 2"),
        ([], None, None, None, None),
        ("no list", "no list", "no list", "no list", "no list"),
    ],
)
def test_a_list_is_shown_as_chosen(
    value: Any, lines: Any, names: Any, count: Any, first: Any
) -> None:
    shown = [show_list(value, style) for style in STYLES]
    assert shown == [lines, names, count, first]
    assert show_list(value, "") is show_list(value, "unknown") is value


def test_a_rule_with_a_style_fills_a_text() -> None:
    scope = {"data": {"items": ITEMS}}
    rules = {"note": {"path": ["data", "items"], "list": "names", "as": "text"}}
    assert fill(rules, scope) == {"note": "Blue teapot, Green tea, TEA-3"}
