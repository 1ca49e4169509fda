"""Quiet hours across midnight, time zones and clock changes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from relay.rules.quiet import TIME, ends_at

VIENNA = "Europe/Vienna"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-11-27T21:59:59+01:00", None),
        ("2026-11-27T22:00:00+01:00", "2026-11-28T07:00:00+01:00"),
        ("2026-11-27T23:59:59+01:00", "2026-11-28T07:00:00+01:00"),
        ("2026-11-28T00:00:00+01:00", "2026-11-28T07:00:00+01:00"),
        ("2026-11-28T06:59:59+01:00", "2026-11-28T07:00:00+01:00"),
        ("2026-11-28T07:00:00+01:00", None),
        # the clock is set forward at 2:00: the night has an hour less
        ("2026-03-28T23:00:00+01:00", "2026-03-29T07:00:00+02:00"),
        # the clock is set back at 3:00: the night has an hour more
        ("2026-10-24T23:00:00+02:00", "2026-10-25T07:00:00+01:00"),
    ],
)
def test_a_night_across_midnight(now: str, end: str | None) -> None:
    assert ends_at(at(now), "22:00", "07:00", VIENNA) == (at(end) if end else None)


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-11-27T11:59:00+00:00", None),
        ("2026-11-27T12:00:00+00:00", "2026-11-27T13:30:00+00:00"),
        ("2026-11-27T13:30:00+00:00", None),
    ],
)
def test_hours_within_one_day(now: str, end: str | None) -> None:
    assert ends_at(at(now), "12:00", "13:30", "UTC") == (at(end) if end else None)


def test_an_end_that_the_clock_skips_is_the_moment_after_it() -> None:
    # 2:30 does not exist on this day: one hour after 1:30 it is 3:30
    assert ends_at(at("2026-03-29T01:00:00+01:00"), "22:00", "02:30", VIENNA) == at(
        "2026-03-29T03:30:00+02:00"
    )


def test_an_end_that_comes_twice_is_the_next_one() -> None:
    first, second = "2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"
    assert ends_at(at("2026-10-25T02:10:00+02:00"), "22:00", "02:30", VIENNA) == at(first)
    assert ends_at(at("2026-10-25T02:10:00+01:00"), "22:00", "02:30", VIENNA) == at(second)


@pytest.mark.parametrize(("start", "end"), [("", ""), ("22:00", ""), ("07:00", "07:00")])
def test_without_two_different_times_it_is_never_quiet(start: str, end: str) -> None:
    assert ends_at(at("2026-11-27T23:00:00+00:00"), start, end, "UTC") is None


def test_times_have_two_digits_each() -> None:
    assert [bool(TIME.fullmatch(one)) for one in ("07:00", "23:59", "24:00", "7:00", "07:60")] == [
        *(True, True),
        *(False, False, False),
    ]
