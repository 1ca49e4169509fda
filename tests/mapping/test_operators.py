"""Operators compare values as people expect and never raise."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from relay.mapping.conditions import Condition
from relay.mapping.operators import (
    OPERATORS,
    as_number,
    as_time,
    compare,
    join_words,
    leaves,
    quoted_value,
)
from tests.support.events import VARIED_ORDER


def holds(path: str, op: str, value: str = "") -> bool:
    return Condition(("data", *path.split(".")), op, value).holds(VARIED_ORDER)


@pytest.mark.parametrize(
    ("path", "op", "value", "expected"),
    [
        # numbers, as numbers and as decimal text
        ("total", "is", "129.9", True),
        ("total", "is", "129.91", False),
        ("total", "at_least", "129.90", True),
        ("total", "at_least", "1000", False),
        ("total", "more_than", "129.90", False),
        ("total", "less_than", "1000", True),
        ("total", "at_most", "99", False),
        ("count", "is", "3.0", True),
        ("count", "at_least", " 3 ", True),
        ("zero", "is", "0", True),
        ("zero", "is_filled", "", True),
        ("zero", "less_than", "-1", False),
        # text that is no number is never compared as one
        ("number", "is", "7", False),
        ("number", "is", "007", True),
        ("status", "at_least", "5", False),
        ("status", "at_most", "5", False),
        ("total", "at_least", "a lot", False),
        ("consent", "at_least", "1", False),
        # text in any case
        ("status", "is", " processing ", True),
        ("status", "is_not", "PROCESSING", False),
        ("customer.email", "ends_with", "@example.com", True),
        ("customer.email", "starts_with", "jane", True),
        ("customer.email", "contains", "EXAMPLE", True),
        ("customer.email", "not_contains", "example", False),
        ("customer.phone", "starts_with", "+49", False),
        # lists of values, in the event and in the condition
        ("customer.country", "one_of", "at, de , ch", True),
        ("customer.country", "none_of", "at,ch", True),
        ("customer.country", "one_of", "", False),
        ("tags", "is", "vip", True),
        ("tags", "is_not", "vip", False),
        ("tags", "contains", "letter", True),
        ("tags", "one_of", "a, VIP", True),
        ("items", "contains", "tea-blue", True),
        ("items", "is", "TEA-100", True),
        ("items", "not_contains", "coffee", True),
        ("items.0.sku", "is", "TEA-BLUE", True),
        ("items.9.sku", "is", "TEA-BLUE", False),
        # yes and no
        ("consent", "is", "yes", True),
        ("consent", "is", "true", True),
        ("consent", "is", "no", False),
        ("refused", "is", "no", True),
        ("refused", "is_filled", "", True),
        # days and instants
        ("created_at", "at_least", "2026-03-01", True),
        ("created_at", "more_than", "2026-03-01", False),
        ("created_at", "less_than", "2026-03-01T23:30:01Z", True),
        ("created_at", "is", "2026-03-02T00:30:00+01:00", True),
        ("local_at", "is", "2026-03-01", True),
        ("day", "at_most", "2026-02-28", False),
        ("day", "at_least", "yesterday", False),
        # what is missing
        ("gone", "is", "", True),
        ("gone", "is", "x", False),
        ("gone", "is_not", "x", True),
        ("gone", "contains", "x", False),
        ("gone", "not_contains", "x", True),
        ("gone", "none_of", "x", True),
        ("gone", "at_least", "0", False),
        ("gone", "is_empty", "", True),
        ("gone", "is_filled", "", False),
        ("nothing", "is_empty", "", True),
        ("note", "is_empty", "", True),
        ("empty_list", "is_empty", "", True),
        ("gone.deeper.still", "is_empty", "", True),
        ("status.deeper", "is", "Processing", False),
        ("customer", "is_filled", "", True),
    ],
)
def test_values_are_compared_as_people_expect(
    path: str, op: str, value: str, expected: bool
) -> None:
    assert holds(path, op, value) is expected


FIRST, LAST = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-10:00"  # out of UTC's calendar


VALUES = [
    None,
    "",
    "x",
    "NaN",
    "1e999",
    "9" * 100,
    "2026-13-45",
    1.5,
    True,
    [],
    {},
    [[[1]]],
    FIRST,
    LAST,
]


OTHERS = ["", "x", "NaN", "inf", "0", "2026-02-30", "9" * 100, ",", "٣", FIRST, LAST]


@pytest.mark.parametrize("op", OPERATORS)
def test_no_value_makes_an_operator_raise(op: str) -> None:
    for value, other in itertools.product(VALUES, OTHERS):
        one, scope = Condition(("data", "v"), op, other), {"data": {"v": value}}
        assert one.holds(scope) in (True, False)
        assert one.words() and one.why_not(scope)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (True, "yes"),
        (False, "no"),
        ("129.90", "129.90"),
        ("2026-03-01", "2026-03-01"),
        ([1, None, {"a": "x"}], "“1, x”"),
        (" two\n lines ", "“two lines”"),
        ("x" * 60, f"“{'x' * 60}”"),
        ("x" * 61, f"“{'x' * 59}…”"),
    ],
)
def test_a_value_in_a_sentence(value: Any, words: str) -> None:
    assert quoted_value(value) == words


@pytest.mark.parametrize(
    ("words", "joined"),
    [([], ""), (["a"], "a"), (["a", "b"], "a or b"), (["a", "b", "c"], "a, b or c")],
)
def test_words_are_joined(words: list[str], joined: str) -> None:
    assert join_words(words, "or") == joined


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (1.5, Decimal("1.5")),
        (Decimal("1E+2"), Decimal(100)),
        (7, Decimal(7)),
        (" 7 ", Decimal(7)),
        (True, None),
        ([7], None),
        (b"7", None),
        (None, None),
    ],
)
def test_what_is_a_number(value: Any, number: Decimal | None) -> None:
    assert as_number(value) == number


def test_a_time_without_an_offset_is_in_utc() -> None:
    assert as_time("2026-03-01T12:00:00") == datetime(2026, 3, 1, 12, tzinfo=UTC)
    found = as_time("2026-03-01T12:00:00+02:00")
    assert isinstance(found, datetime) and found.utcoffset() == timedelta(0) and found.hour == 10
    assert as_time("2026-03-01") == date(2026, 3, 1) and as_time(20260301) is None


@pytest.mark.parametrize(
    ("value", "other", "result"),
    [
        ("2026-03-01", "2026-03-01T23:59:59Z", 0),  # a day and a time: the days are compared
        ("2026-03-01T23:59:59Z", "2026-03-01", 0),
        ("2026-03-02", "2026-03-01T23:59:59Z", 1),
        ("2026-03-01T10:00:00Z", "2026-03-01T12:00:00+01:00", -1),
        ("2026-03-01", "5", None),
        ("5", "2026-03-01", None),
    ],
)
def test_days_and_times_are_compared(value: str, other: str, result: int | None) -> None:
    assert compare(value, other) == result


def test_values_are_found_six_levels_deep() -> None:
    nested: Any = "found"
    for _ in range(6):
        nested = [nested]
    assert list(leaves(nested)) == ["found"] and list(leaves([nested])) == []


@pytest.mark.parametrize(("word", "expected"), [("yes", True), ("no", False), ("YES", True)])
def test_yes_and_no_within_a_list_are_words(word: str, expected: bool) -> None:
    assert Condition(("v",), "contains", word).holds({"v": [True]}) is expected
    assert Condition(("v",), "contains", word).holds({"v": [False]}) is not expected
