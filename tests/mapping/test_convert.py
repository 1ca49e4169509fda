"""Values are converted to the type of a destination's field, or have a reason why not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.exact_json import PlainDecimal
from relay.mapping import written
from relay.mapping.convert import PartlyFits, convert

CHOICES = (("lead", "Lead"), ("customer", "Customer"))


@pytest.mark.parametrize(
    ("value", "wanted", "expected"),
    [
        ("129.90", "number", PlainDecimal("129.90")),
        (0.1, "number", PlainDecimal("0.1")),
        (1e-05, "text", "0.00001"),
        (Decimal("1E-5"), "number", PlainDecimal("0.00001")),
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
        ("2026-03-01T12:00:00+02:00", "date", "2026-03-01T12:00:00+02:00"),
        ("2026-03-01T00:30:00+02:00", "day", "2026-03-01"),
        ("31.12.1990", "day", "1990-12-31"),
        (["yes"], "yes_no", True),
        (" jane@example.com ", "email", "jane@example.com"),
        ("Customer", "choice", "customer"),
        ("LEAD", "choice", "lead"),
        ("Lead; customer", "choices", ["lead", "customer"]),
        (["Customer", "lead"], "choices", ["customer", "lead"]),
        ("lead, Lead\ncustomer", "choices", ["lead", "customer"]),
        ("lead", "choices", ["lead"]),
        (7, "text", "7"),
        (True, "text", "yes"),
        (False, "text", "no"),
        (" spaces\n", "text", " spaces\n"),
        (" spaces ", "any_other", "spaces"),
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
        ("foe, friend", "choices", "not one of its options (Lead, Customer)"),
        ([], "day", "is not a date"),
        ("9999-12-31T23:59:59-10:00", "date", "is not a date"),
        ({"a": 1}, "text", "has several fields"),
        ([{"a": 1}], "email", "has several fields"),
    ],
)
def test_a_value_that_does_not_fit_has_a_reason(value: Any, wanted: str, why: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as refused:
        convert(value, wanted, CHOICES if wanted.startswith("choice") else ())
    assert why in str(refused.value)


def test_of_several_choices_those_that_fit_are_kept() -> None:
    with pytest.raises(PartlyFits, match="not one of its options") as partly:
        convert("lead, friend", "choices", CHOICES)
    assert (partly.value.value, partly.value.left_out) == (["lead"], "friend")


def test_a_label_with_a_comma_is_one_choice() -> None:
    choices = (("tea", "Tea, green"), ("red", "Red"))
    assert convert("Tea, green, Red", "choices", choices) == ["tea", "red"]


def test_an_internal_value_wins_over_the_label_of_another_choice() -> None:
    choices = (("1", "2"), ("2", "1"))
    assert convert("1", "choice", choices) == "1"


WORDS = st.text(st.characters(codec="utf-8", exclude_characters=";,|\n"), min_size=1).filter(
    lambda text: written.same_choice(text) == text and bool(text.strip())
)


@given(st.lists(WORDS, unique=True, min_size=1, max_size=6), st.data())
def test_any_ticked_boxes_become_their_values(values: list[str], data: st.DataObject) -> None:
    choices = [(value, f"The {value}!") for value in values]
    ticked = data.draw(st.lists(st.sampled_from(choices), unique=True, min_size=1))
    for separator in ("; ", ",", " | ", "\n"):
        for position in (0, 1):
            text = separator.join(choice[position].upper() for choice in ticked)
            if all(
                written.same_choice(c[position].upper()) == written.same_choice(c[position])
                for c in ticked
            ):
                assert convert(text, "choices", choices) == [value for value, _ in ticked]


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cc",)), max_size=80)


@given(NAMES)
def test_a_name_is_given_as_it_is(name: str) -> None:
    assert convert(name, "text") == name


@given(st.text("0123456789+-()/. ext#", max_size=40))
def test_a_phone_number_is_kept_as_it_was_written(number: str) -> None:
    assert convert(number, "text") == number


@pytest.mark.parametrize(
    ("count", "named"),
    [(5, "L0, L1, L2, L3, L4"), (6, "L0, L1, L2, L3, L4, …"), (7, "L0, L1, L2, L3, L4, …")],
)
def test_the_reason_names_the_first_five_choices(count: int, named: str) -> None:
    choices = tuple((f"v{n}", f"L{n}") for n in range(count))
    with pytest.raises(ValueError, match=rf"^is not one of its options \({named}\)$"):
        convert("none", "choice", choices)


def test_a_list_item_is_one_choice_with_its_comma() -> None:
    choices = (("a", "One, two"), ("b", "Two"))
    assert convert(["One, two", "Two"], "choices", choices) == ["a", "b"]
    assert convert("One, two, Two", "choices", choices) == ["a", "b"]
    with pytest.raises(ValueError, match="is not one of its options"):
        convert(["One, two; Two"], "choices", choices)


@pytest.mark.parametrize(
    ("value", "wanted", "why"),
    [
        (None, "number", "is not a number"),
        (
            {"a": 1},
            "text",
            "has several fields and is not a text; use a text with one of its fields",
        ),
        (
            [{"a": 1}],
            "text",
            "has several fields and is not a text; use a text with one of its fields",
        ),
    ],
)
def test_a_reason_is_exactly_this(value: Any, wanted: str, why: str) -> None:
    with pytest.raises(ValueError) as refused:
        convert(value, wanted)
    assert str(refused.value) == why


def test_what_people_write_is_read_in_the_format_of_the_field() -> None:
    german = written.InputFormat("de_DE", by_person=True)
    american = written.InputFormat("en_US", by_person=True)
    assert convert("1.234", "number", (), german) == 1234
    assert convert("1.234", "number", (), american) == PlainDecimal("1.234")
    assert convert("1/2/2026", "date", (), american) == "2026-01-02"
