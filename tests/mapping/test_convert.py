"""Values are converted to the type of a destination's field, or have a reason why not."""

from __future__ import annotations

from typing import Any

import pytest

from relay.exact_json import PlainDecimal
from relay.mapping.convert import convert

CHOICES = (("lead", "Lead"), ("customer", "Customer"))


@pytest.mark.parametrize(
    ("value", "wanted", "expected"),
    [
        ("129.90", "number", PlainDecimal("129.90")),
        (" 7 ", "number", 7),
        (3, "number", 3),
        (True, "number", 1),
        ("yes", "yes_no", True),
        ("0", "yes_no", False),
        (1, "yes_no", True),
        (False, "yes_no", False),
        ("2026-03-01", "date", "2026-03-01"),
        ("2026-03-01T12:00:00Z", "date", "2026-03-01T12:00:00+00:00"),
        ("2026-03-01 12:00:00", "date", "2026-03-01T12:00:00+00:00"),
        ("2026-03-01T12:00:00+02:00", "date", "2026-03-01T10:00:00+00:00"),
        (" jane@example.com ", "email", "jane@example.com"),
        ("Customer", "choice", "customer"),
        ("LEAD", "choice", "lead"),
        ("Lead; customer", "choices", ["lead", "customer"]),
        (["Customer", "lead"], "choices", ["customer", "lead"]),
        ("lead", "choices", ["lead"]),
        (7, "text", "7"),
        (True, "text", "yes"),
        (["a", 1], "text", "a, 1"),
        ("  two\nlines ", "long_text", "  two\nlines "),
        ({"a": [1]}, "any", {"a": [1]}),
    ],
)
def test_a_value_is_converted(value: Any, wanted: str, expected: Any) -> None:
    found = convert(value, wanted, CHOICES if wanted.startswith("choice") else ())
    assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize(
    ("value", "wanted", "why"),
    [
        ("a lot", "number", "is not a number"),
        ("1e400", "number", "is not a number"),
        ("NaN", "number", "is not a number"),
        ([1], "number", "is not a number"),
        ("perhaps", "yes_no", "neither yes nor no"),
        (2, "yes_no", "neither yes nor no"),
        ("tomorrow", "date", "is not a date"),
        ("2026-02-30", "date", "is not a date"),
        (1767225600, "date", "is not a date"),
        ("jane", "email", "is not an e-mail address"),
        ("a@b", "email", "is not an e-mail address"),
        ("jane@example.com, joe@example.com", "email", "is not an e-mail address"),
        ("friend", "choice", "not one of its options (Lead, Customer)"),
        ("lead, friend", "choices", "not one of its options (Lead, Customer)"),
        ("9999-12-31T23:59:59-10:00", "date", "is not a date"),
        ({"a": 1}, "text", "has several fields"),
        ([{"a": 1}], "email", "has several fields"),
    ],
)
def test_a_value_that_does_not_fit_has_a_reason(value: Any, wanted: str, why: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as refused:
        convert(value, wanted, CHOICES if wanted.startswith("choice") else ())
    assert why in str(refused.value)
