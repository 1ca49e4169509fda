"""JSON keeps the digits of its numbers."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.exact_json import PlainDecimal, dumps, loads

EXACT = ("19.90", "0.00001000", "999999999999999.99", "-5.0", "0.1", "2.50", "-0.0")
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",)))
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.parametrize("text", EXACT)
def test_a_number_stays_as_it_was_written(text: str) -> None:
    assert dumps(loads(f'{{"a":[{text}]}}')) == f'{{"a":[{text}]}}'
    assert str(loads(text)) == f"{loads(text)}" == text


def test_no_number_has_an_exponent() -> None:
    assert dumps(loads("[1e-05, 1E-7, 2.5e3]")) == "[0.00001,0.0000001,2500]"


def test_an_extreme_exponent_makes_no_long_text() -> None:
    assert dumps(loads("[1e-9999999999999999999, 0e99999999, 1e-50000000]")) == "[0.0,0.0,0.0]"
    with pytest.raises(ValueError, match="too large"):
        loads("[1e99999999]")


@given(st.decimals(allow_nan=False, allow_infinity=False, places=8))
def test_any_decimal_survives_a_round_trip(value: Decimal) -> None:
    assert loads(dumps([value]))[0] == value


@given(JSON)
def test_everything_else_is_written_as_json_does(value: object) -> None:
    written = dumps(value)
    assert written == json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    assert json.loads(written) == value


def test_a_text_that_looks_like_a_marked_number_stays_a_text() -> None:
    text = r"\u00005\u0000"
    assert loads(dumps([text, PlainDecimal("1.50")])) == [text, Decimal("1.50")]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("NaN")])
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="JSON"):
        dumps([value])
    with pytest.raises(ValueError, match="NaN is not JSON"):
        loads("[NaN]")


@pytest.mark.parametrize("value", [object(), {1, 2}])
def test_what_json_does_not_have_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="is not JSON"):
        dumps(value)
