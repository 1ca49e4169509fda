"""Names, e-mail addresses and phone numbers are read as people write them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.mapping.people import email_in, email_within, name_in, phone_in, split_name


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("anna@example.com", "anna@example.com"),
        (" anna@example.com ", "anna@example.com"),
        ('"anna@example.com "', "anna@example.com"),
        ("“anna@example.com”", "anna@example.com"),
        ("'anna@example.com'", "anna@example.com"),
        ("Anna Muster <anna@example.com>", "anna@example.com"),
        ('"Muster, Anna" <anna@example.com>', "anna@example.com"),
        ("<anna@example.com>", "anna@example.com"),
        ("mailto:anna@example.com", "anna@example.com"),
        ("mailto:anna@example.com?subject=Hi", "anna@example.com"),
        ("anna@example.com.", "anna@example.com"),
        ("anna @ example.com", "anna@example.com"),
        ("anna@example.com, ben@example.com", "anna@example.com"),
        ("anna@example.com; ben@example.com", "anna@example.com"),
        ("anna@example.com\n", "anna@example.com"),
        ("Anna.Muster+tea@Shop.Example.co.uk", "Anna.Muster+tea@Shop.Example.co.uk"),
        ("anna@müller.example", "anna@müller.example"),
        ("@anna.muster", ""),
        ("anna@", ""),
        ("anna@localhost", ""),
        ("anna@example", ""),
        ("anna at example.com", ""),
        ("Write to anna@example.com please", ""),
        ("https://example.com/@anna.muster", ""),
        ("a@b@c.com", ""),
        ("", ""),
        (None, ""),
        (7, ""),
        (["anna@example.com"], ""),
    ],
)
def test_an_address_is_cleaned(value: Any, address: str) -> None:
    assert email_in(value) == address


def test_an_address_is_found_within_a_text() -> None:
    assert email_within("Write to anna@example.com, please.") == "anna@example.com"
    assert email_within("Find me as @anna.muster") == "" == email_within(None)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("+49 30 123456", "+49 30 123456"),
        ("(030) 12 34 56-7", "(030) 12 34 56-7"),
        ("0 800 TEA POT 1", ""),
        ("tel:+4930123456", "+4930123456"),
        ("+1 555 0100 ext. 12", "+1 555 0100 ext. 12"),
        ("Tel. 030 123456", "Tel. 030 123456"),
        (" 030/123456 (Büro)", "030/123456 (Büro)"),
        ("٠٣٠١٢٣٤٥٦", "٠٣٠١٢٣٤٥٦"),
        (49301234567, "49301234567"),
        ("mail", ""),
        ("yes", ""),
        ("anna12345@example.com", ""),
        ("31.12.1990", ""),
        ("2026-03-01", ""),
        ("123", ""),
        ("Call me after 6 pm", ""),
        ("", ""),
        (None, ""),
        (True, ""),
    ],
)
def test_a_phone_number_looks_like_one(value: Any, number: str) -> None:
    assert phone_in(value) == number


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Anna Muster", "Anna", "Muster"),
        ("Anna", "Anna", ""),
        ("Anna Maria von der Heide", "Anna Maria", "von der Heide"),
        ("Ludwig van Beethoven", "Ludwig", "van Beethoven"),
        ("María José de la Cruz", "María José", "de la Cruz"),
        ("Jean-Luc Picard", "Jean-Luc", "Picard"),
        ("Muster, Anna", "Anna", "Muster"),
        ("von der Heide, Anna Maria", "Anna Maria", "von der Heide"),
        ("Martin King, Jr.", "Martin", "King, Jr."),
        ("Dr. Anna Muster", "Anna", "Muster"),
        ("Frau Dr. Anna Muster", "Anna", "Muster"),
        ("Mr. Smith", "", "Smith"),
        ("M. Dupont", "", "Dupont"),
        ("J. R. R. Tolkien", "J.", "R. R. Tolkien"),
        ("王小明", "王小明", ""),
        ("O’Brien Conan", "O’Brien", "Conan"),
        ("  Anna   Muster  ", "Anna", "Muster"),
        ("Van Morrison", "Van", "Morrison"),
        ("", "", ""),
    ],
)
def test_a_whole_name_is_split(name: str, first: str, last: str) -> None:
    assert split_name(name) == (first, last)


def test_an_address_or_a_number_is_no_name() -> None:
    assert [name_in(x) for x in ("Anna\nMuster", "a@example.com", "12", "https://x.y", None)] == [
        "Anna Muster",
        "",
        "",
        "",
        "",
    ]


ANYTHING = st.text(max_size=80) | st.emails() | st.integers() | st.none() | st.booleans()


@given(ANYTHING)
def test_no_character_is_invented(value: Any) -> None:
    written = "" if value is None else str(value)
    for found in (email_in(value), phone_in(value), name_in(value), *split_name(name_in(value))):
        assert set(found) <= set(written) | {" "}
        assert len(found) <= len(written)


@given(st.emails().filter(lambda address: "'" not in address))
def test_a_plain_address_is_kept(address: str) -> None:
    for written in (address, f" {address}\n", f"Anna Muster <{address}>", f'"{address}"'):
        assert email_in(written) == address


NAME = st.text(st.characters(categories=("Lu", "Ll")), min_size=2, max_size=12)


@given(NAME, NAME)
def test_the_parts_of_a_name_are_the_whole_name(first: str, last: str) -> None:
    parts = split_name(f"{first} {last}")
    assert " ".join(filter(None, parts)) == f"{first} {last}" or parts == ("", last)


@given(st.from_regex(r"\+[1-9][0-9]{1,2}[ -]?\(?[0-9]{2,4}\)?[ -]?[0-9]{3,7}", fullmatch=True))
def test_a_phone_number_is_kept_as_written(number: str) -> None:
    assert phone_in(number) == number.strip()


def test_a_very_long_text_is_searched_only_at_its_beginning() -> None:
    assert email_within("Write to jane@example.com " + "a" * 200_000) == "jane@example.com"
    assert email_within("a" * 200_000) == ""
