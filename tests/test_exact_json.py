"""JSON that keeps the digits of its numbers."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.exact_json import ExactFloat, dumps, loads

EXACT = ("19.90", "0.00001000", "999999999999999.99", "1e2", "-0.0", "1.0E+10", "0.1")


@pytest.mark.parametrize("text", EXACT)
def test_a_number_stays_as_it_was_written(text: str) -> None:
    assert dumps(loads(f'{{"a":[{text}]}}')) == f'{{"a":[{text}]}}'
    assert str(loads(text)) == text


@pytest.mark.parametrize(
    ("text", "number"), [("+1.5", "1.5"), (".5", "0.5"), ("5.", "5"), ("007.50", "7.50")]
)
def test_a_number_that_json_does_not_allow_is_written_as_json(text: str, number: str) -> None:
    assert dumps(ExactFloat(text)) == number


def test_it_computes_as_a_float() -> None:
    assert ExactFloat("19.90") + 0.1 == 20.0 and json.dumps(ExactFloat("19.90")) == "19.9"


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.text()
        | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_what_is_written_is_read_again(value: object) -> None:
    written = dumps(value)
    assert json.loads(written) == value
    assert written == json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def test_decimals_are_numbers_and_what_is_no_json_is_refused() -> None:
    assert dumps({"a": Decimal("10.50")}) == '{"a":10.50}'
    for wrong in (float("nan"), float("inf"), Decimal("NaN")):
        with pytest.raises(ValueError, match="not JSON"):
            dumps([wrong])
    with pytest.raises(TypeError, match="set is not JSON"):
        dumps({1, 2})
    with pytest.raises(ValueError, match="NaN"):
        loads("[NaN]")
