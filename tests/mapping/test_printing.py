"""Values print as people write them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.mapping.printing import plain_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "yes"),
        (False, "no"),
        (0, "0"),
        (1e-05, "0.00001"),
        (1e16, "10000000000000000"),
        (259.8, "259.8"),
        (Decimal("259.80"), "259.80"),
        (Decimal("1E-8"), "0.00000001"),
        ("0.00001000", "0.00001000"),
        (["A", "B"], "A, B"),
        (["A", None, "", True], "A, yes"),
        ([["A", "B"], "C"], "A, B, C"),
        ({"first_name": "Anna", "vip": True, "note": ""}, "first name: Anna, vip: yes"),
        (
            [{"name": "Teapot", "quantity": 2}, {"name": "Tea"}],
            "name: Teapot, quantity: 2; name: Tea",
        ),
        ([], ""),
        ({}, ""),
    ],
)
def test_a_value_prints_as_people_write_it(value: Any, text: str) -> None:
    assert plain_text(value) == text


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON_VALUES.filter(lambda value: not isinstance(value, str)))
def test_no_value_prints_with_marks_of_a_programming_language(value: Any) -> None:
    def texts(tree: Any) -> str:
        """All characters that people wrote in the value."""
        if isinstance(tree, dict):
            return "".join(str(name) + texts(inner) for name, inner in tree.items())
        if isinstance(tree, list):
            return "".join(map(texts, tree))
        return tree if isinstance(tree, str) else ""

    written = texts(value)
    for mark in ("True", "False", "None", "[", "{", "'"):
        assert mark in written or mark not in plain_text(value)


@given(st.floats(min_value=-1e15, max_value=1e15).filter(lambda n: not n or abs(n) > 1e-50))
def test_a_number_keeps_its_value_and_has_no_exponent(number: float) -> None:
    text = plain_text(number)
    assert float(text) == number and "e" not in text.lower()
