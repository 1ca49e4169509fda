"""Numbers, dates, answers and addresses are read as people write them, or said to be unclear."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.mapping.written import (
    InputFormat,
    date_of,
    email_of,
    format_of,
    number_of,
    same_choice,
    yes_no_of,
)

PERSON = InputFormat(by_person=True)
GERMAN, AMERICAN = (InputFormat(name, by_person=True) for name in ("de_DE", "en_US"))


@pytest.mark.parametrize(
    ("text", "written", "expected"),
    [
        ("0.00001000", PERSON, "0.00001000"),
        ("999999999999999.99", PERSON, "999999999999999.99"),
        ("1.234,56", PERSON, "1234.56"),
        ("1,234.56", PERSON, "1234.56"),
        ("1 234,56 €", PERSON, "1234.56"),
        ("1\u202f234,56\u00a0€", PERSON, "1234.56"),
        ("1'234.50 CHF", PERSON, "1234.50"),
        ("1’234.50", PERSON, "1234.50"),
        ("12,34,567.89", PERSON, "1234567.89"),
        ("1.234.567", PERSON, "1234567"),
        ("12,5", PERSON, "12.5"),
        ("0,123", PERSON, "0.123"),
        ("1234,567", PERSON, "1234.567"),
        ("€ 12,-", PERSON, "12"),
        ("-$1,200.5", PERSON, "-1200.5"),
        ("−5", PERSON, "-5"),
        ("1.234", InputFormat(), "1.234"),
        ("1.234", GERMAN, "1234"),
        ("1.234", AMERICAN, "1.234"),
        ("1,234", GERMAN, "1.234"),
        ("1,234", AMERICAN, "1234"),
        ("1.234", InputFormat("de_CH", by_person=True), "1.234"),
        ("1.234 €", PERSON, "1234"),
        ("1,234", InputFormat(currency="EUR", by_person=True), "1234"),
        ("R$ 5", PERSON, "5"),
        ("12 kr", PERSON, "12"),
        ("1234", GERMAN, "1234"),
        (".5", PERSON, "0.5"),
    ],
)
def test_a_number_keeps_its_digits(text: str, written: InputFormat, expected: str) -> None:
    assert str(number_of(text, written)) == expected


@pytest.mark.parametrize(
    ("text", "written", "why"),
    [
        ("1,200", PERSON, "can mean 1200 or 1.200"),
        ("1.200", PERSON, "can mean 1200 or 1.200"),
        ("1.234", InputFormat(currency="KWD", by_person=True), "can mean"),
        ("11-50", PERSON, "is not a number"),
        ("1.2.3", PERSON, "is not a number"),
        ("1,2,3", PERSON, "is not a number"),
        ("1 23", PERSON, "is not a number"),
        ("1e-05", PERSON, "is not a number"),
        ("12 apples", PERSON, "is not a number"),
        ("€", PERSON, "is not a number"),
        ("", PERSON, "is not a number"),
        (".", PERSON, "is not a number"),
        ("9" * 100, PERSON, "is not a number"),
    ],
)
def test_what_is_no_number_or_unclear_has_a_reason(
    text: str, written: InputFormat, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        number_of(text, written)


MONEY = st.decimals(
    min_value=Decimal("-1e15"), max_value=Decimal("1e15"), allow_nan=False, places=2
)
MARKS = st.sampled_from(["", "€", "$", "EUR", "CHF", "kr"])


def grouped(amount: Decimal, group: str, point: str) -> str:
    """An amount as a shop prints it."""
    whole, _, rest = f"{amount:,.2f}".partition(".")
    return whole.replace(",", group) + point + rest


@given(
    MONEY,
    st.sampled_from([(",", "."), (".", ","), (" ", ","), ("'", "."), ("\u00a0", ",")]),
    MARKS,
    st.booleans(),
)
def test_printed_money_is_read_back_exactly(
    amount: Decimal, style: tuple[str, str], mark: str, first: bool
) -> None:
    text = grouped(amount, *style)
    text = f"{mark} {text}" if first else f"{text} {mark}"
    assert number_of(text.strip(), PERSON) == amount


@given(MONEY)
def test_a_decimal_of_a_program_keeps_every_digit(amount: Decimal) -> None:
    assert f"{amount:f}" == f"{Decimal(number_of(f'{amount:f}')):.2f}"


@given(st.text(max_size=30), st.sampled_from([PERSON, GERMAN, AMERICAN]))
def test_any_text_is_a_number_or_a_reason(text: str, written: InputFormat) -> None:
    with suppress(ValueError):
        assert "e" not in str(number_of(text, written)).lower()


@pytest.mark.parametrize(
    ("text", "written", "expected"),
    [
        ("31.12.1990", PERSON, "1990-12-31"),
        ("3.4.1990", AMERICAN, "1990-04-03"),
        ("31/12/1990", PERSON, "1990-12-31"),
        ("12/31/1990", PERSON, "1990-12-31"),
        ("03/03/1990", PERSON, "1990-03-03"),
        ("03/04/1990", AMERICAN, "1990-03-04"),
        ("03/04/1990", GERMAN, "1990-04-03"),
        ("03/04/1990", InputFormat("en_GB"), "1990-04-03"),
        ("03-04-1990", InputFormat("fr"), "1990-04-03"),
        ("1990/12/31", PERSON, "1990-12-31"),
        ("1990.12.31.", PERSON, "1990-12-31"),
        ("1 March 2026", PERSON, "2026-03-01"),
        ("March 1st, 2026", PERSON, "2026-03-01"),
        ("Sunday, 1 March 2026", PERSON, "2026-03-01"),
        ("1. März 2026", PERSON, "2026-03-01"),
        ("1er mars 2026", PERSON, "2026-03-01"),
        ("1 de marzo de 2026", PERSON, "2026-03-01"),
        ("1 marzo 2026", PERSON, "2026-03-01"),
        ("1 de março de 2026", PERSON, "2026-03-01"),
        ("1 maart 2026", PERSON, "2026-03-01"),
        ("1 marca 2026", PERSON, "2026-03-01"),
        ("1 mars 2026", PERSON, "2026-03-01"),
        ("1. března 2026", PERSON, "2026-03-01"),
        ("1 Mart 2026", PERSON, "2026-03-01"),
        ("1. maaliskuuta 2026", PERSON, "2026-03-01"),
        ("31.12.1990, 14:30 Uhr", PERSON, "1990-12-31T14:30:00+00:00"),
        ("2026-03-01T00:30:00+02:00", PERSON, "2026-03-01T00:30:00+02:00"),
        ("2026-03-01 00:30:00", PERSON, "2026-03-01T00:30:00+00:00"),
    ],
)
def test_a_date_is_read(text: str, written: InputFormat, expected: str) -> None:
    assert date_of(text, written).isoformat() == expected


@pytest.mark.parametrize(
    ("text", "written", "why"),
    [
        ("03/04/1990", PERSON, "can mean 1990-04-03 or 1990-03-04"),
        ("03/04/1990", InputFormat("en_CA"), "can mean"),
        ("31.13.1990", PERSON, "is not a date"),
        ("29.02.2025", PERSON, "is not a date"),
        ("13/13/1990", PERSON, "is not a date"),
        ("31.12.90", PERSON, "a year of two digits"),
        ("1 Smarch 2026", PERSON, "is not a date"),
        ("tomorrow", PERSON, "is not a date"),
        ("9999-12-31T23:59:59-10:00", PERSON, "is not a date"),
        ("", PERSON, "is not a date"),
    ],
)
def test_what_is_no_date_or_unclear_has_a_reason(text: str, written: InputFormat, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        date_of(text, written)


DAYS = st.dates(min_value=date(1000, 1, 1))
OFFSETS = st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
FORMS = ["%Y-%m-%d", "%d.%m.%Y", "%Y/%m/%d", "%d %B %Y", "%B %d, %Y", "%A, %d %b %Y"]


@given(DAYS, st.sampled_from(FORMS))
def test_a_day_in_any_unambiguous_form_is_that_day(day: date, form: str) -> None:
    assert date_of(day.strftime(form), PERSON) == day


@given(DAYS)
def test_a_day_in_figures_follows_the_locale_or_is_unclear(day: date) -> None:
    assert date_of(day.strftime("%d/%m/%Y"), GERMAN) == day
    assert date_of(day.strftime("%m/%d/%Y"), AMERICAN) == day
    with suppress(ValueError):
        assert date_of(day.strftime("%d/%m/%Y"), PERSON) == day


@given(st.datetimes(min_value=datetime(1000, 1, 2), max_value=datetime(9999, 12, 30)), OFFSETS)
def test_a_moment_keeps_its_day_and_its_offset(moment: datetime, offset: timezone) -> None:
    one = moment.replace(tzinfo=offset)
    found = date_of(one.isoformat())
    assert isinstance(found, datetime)
    assert (found, found.utcoffset(), found.date()) == (one, one.utcoffset(), moment.date())


@given(st.text(max_size=30), st.sampled_from([PERSON, GERMAN, AMERICAN]))
def test_any_text_is_a_date_or_a_reason(text: str, written: InputFormat) -> None:
    with suppress(ValueError):
        assert isinstance(date_of(text, written), date)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("yes Ja oui SÍ sì sim tak evet ano kyllä on true 1 ✓", True),
        ("no Nein non não nee nie nej ne hayır ei off false 0", False),
    ],
)
def test_yes_and_no_are_read_in_ten_languages(words: str, expected: bool) -> None:
    assert {yes_no_of(word) for word in words.split()} == {expected}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yes please", True),
        ("Ja, ich möchte den Newsletter", True),
        ("Sí, quiero", True),
        ("Nein danke", False),
        ("No, thanks", False),
    ],
)
def test_an_answer_may_say_more_than_yes_or_no(text: str, expected: bool) -> None:
    assert yes_no_of(text) is expected


@pytest.mark.parametrize(
    "text", ["perhaps", "", "2", "not yet", "on request", "si le problème", "yesterday"]
)
def test_other_words_are_neither_yes_nor_no(text: str) -> None:
    with pytest.raises(ValueError, match="neither yes nor no"):
        yes_no_of(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" anna@example.com\u200b", "anna@example.com"),
        ('"anna@example.com "', "anna@example.com"),
        ("Anna Muster <anna@example.com>", "anna@example.com"),
        ('"Muster, Anna" <anna@example.com>', "anna@example.com"),
        ("mailto:anna@example.com", "anna@example.com"),
        ("änna@bücher.example", "änna@bücher.example"),
        ("o'neil+x@sub.example.co.uk", "o'neil+x@sub.example.co.uk"),
    ],
)
def test_an_address_is_found_in_what_people_enter(text: str, expected: str) -> None:
    assert email_of(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "anna",
        "anna@localhost",
        "a..b@c.de",
        ".a@c.de",
        "a.@c.de",
        "a@1.2.3.4",
        "a@b.de, c@d.de",
        "a b@c.de",
        "a@@c.de",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an e-mail address"):
        email_of(text)


@given(st.emails(domains=st.just("example.com")))
def test_a_valid_address_stays_as_it_is(address: str) -> None:
    local = address.rpartition("@")[0]
    if all(one.isalnum() or one in ".+-_" for one in local):
        assert email_of(f" {address} ") == address


@pytest.mark.parametrize(
    ("one", "other"),
    [("11 – 50", "11-50"), ("  Sea   Green ", "sea green"), ("ＴＥＡ", "tea"), ("a\u200bb", "AB")],
)
def test_choices_are_the_same_without_case_spaces_and_kinds_of_hyphens(
    one: str, other: str
) -> None:
    assert same_choice(one) == same_choice(other)


@pytest.mark.parametrize(
    ("scope", "path", "expected"),
    [
        ({"locale": "de_DE", "data": {}}, ["data", "x"], InputFormat("de_DE")),
        (
            {"data": {"locale": "fr", "currency": "EUR"}},
            ["data", "fields", "A"],
            InputFormat("fr", "EUR", True),
        ),
        ({"locale": 7, "data": None}, None, InputFormat()),
    ],
)
def test_the_event_tells_how_its_values_were_written(
    scope: dict[str, Any], path: Any, expected: InputFormat
) -> None:
    assert format_of(scope, path) == expected
