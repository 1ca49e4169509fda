"""Liquid's filters for numbers compute with decimals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay import exact_json
from relay.errors import Undeliverable
from relay.mapping.templates import render

SCOPE = exact_json.loads(
    '{"a": 10.50, "n": 7, "t": "129.90", "big": 999999999999999.99, "tiny": 1e-05, "word": "tea",'
    ' "items": [{"p": 1.10, "q": 2}, {"p": "2.20"}, {"q": 1}]}'
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ tiny }} {{ big }} {{ a }}", "0.00001 999999999999999.99 10.50"),
        ("{{ t | times: 2 }}", "259.80"),
        ("{{ big | plus: 0.01 }}", "1000000000000000.00"),
        ("{{ t | minus: '29.90' }}", "100.00"),
        ("{{ a | divided_by: 3 }}", "3.5"),
        ("{{ n | divided_by: 2 }}", "3"),
        ("{{ 10 | divided_by: 4.0 }}", "2.5"),
        ("{{ n | times: 3 }}", "21"),
        ("{{ n | modulo: 4 }} {{ a | modulo: 3 }}", "3 1.50"),
        ("{{ t | round: 1 }} {{ t | round }} {{ 2.345 | round: 2 }}", "129.9 130 2.35"),
        ("{{ t | floor }} {{ t | ceil }}", "129 130"),
        ("{{ a | at_least: 11 }} {{ a | at_most: 11 }}", "11 10.50"),
        ("{{ '-5.50' | abs }} {{ -3 | abs }}", "5.50 3"),
        ("{{ items | sum: 'p' }} {{ items | map: 'q' | sum }}", "3.30 3"),
        ("{{ word | plus: 1 }}", "1"),
        ("{{ nothing | times: 2 }}", "0"),
        ("{% if a > 10 and a == 10.5 %}yes{% endif %}", "yes"),
        ("{{ items | json }}", '[{"p": 1.10, "q": 2}, {"p": "2.20"}, {"q": 1}]'),
    ],
)
def test_a_filter_keeps_the_digits(text: str, expected: str) -> None:
    assert render(text, SCOPE, escape=False) == expected


@pytest.mark.parametrize("text", ["{{ a | divided_by: 0 }}", "{{ n | modulo: 0 }}"])
def test_a_division_by_zero_is_an_error_of_the_text(text: str) -> None:
    with pytest.raises(Undeliverable):
        render(text, SCOPE)


MONEY = st.decimals(min_value=Decimal(-(10**15)), max_value=Decimal(10**15), places=2)


@given(MONEY, MONEY)
def test_money_is_added_and_subtracted_exactly(one: Decimal, other: Decimal) -> None:
    scope: dict[str, Any] = {"a": f"{one:f}", "b": f"{other:f}"}
    text = render("{{ a | plus: b }} {{ a | minus: b }}", scope, escape=False)
    assert [Decimal(part) for part in text.split()] == [one + other, one - other]
