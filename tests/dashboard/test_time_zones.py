"""Times and days are in the zone of the person, else of the browser."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from flask import Flask, g

from relay.dashboard.guard import Person
from relay.dashboard.time_zones import (
    end_of_day,
    exact,
    exact_twice,
    for_input,
    instant,
    start_of_day,
    zone_name,
)

WINTER = datetime(2026, 11, 27, 22, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("chosen", "browser", "shown"),
    [
        ("", "", "2026-11-27 22:00:05 UTC"),
        ("Europe/Vienna", "", "2026-11-27 23:00:05 CET"),
        ("America/New_York", "Asia/Tokyo", "2026-11-27 17:00:05 EST"),
        ("", "Asia/Tokyo", "2026-11-28 07:00:05 JST"),
        ("Europe/Atlantis", "../../etc/passwd", "2026-11-27 22:00:05 UTC"),
    ],
)
def test_exact_times_are_in_the_time_zone_of_the_person_else_of_the_browser(
    chosen: str, browser: str, shown: str
) -> None:
    assert exact(WINTER) == "2026-11-27 22:00:05 UTC"
    cookies = {"Cookie": f"relay-zone={browser}"}
    with Flask("x").test_request_context(headers=cookies):
        g.person = Person(1, "a@example.com", "viewer", time_zone=chosen)
        assert exact(WINTER) == shown


def test_the_tooltip_has_utc_too_and_a_day_begins_in_the_zone() -> None:
    with Flask("x").test_request_context(headers={"Cookie": "relay-zone=Asia/Tokyo"}):
        assert exact_twice(WINTER) == "2026-11-28 07:00:05 JST (2026-11-27 22:00:05 UTC)"
        assert start_of_day("2026-11-28") == datetime(2026, 11, 27, 15, tzinfo=UTC)
        assert end_of_day("2026-11-28") == datetime(2026, 11, 28, 15, tzinfo=UTC)
        assert zone_name() == "JST"
        assert start_of_day("nonsense") is end_of_day("9999-12-31") is None
    with Flask("x").test_request_context(headers={"Cookie": "relay-zone=Europe/Vienna"}):
        assert exact_twice(WINTER) == "2026-11-27 23:00:05 CET (22:00:05 UTC)"
    assert exact_twice(WINTER) == "2026-11-27 22:00:05 UTC"


def test_a_date_and_time_field_is_in_the_zone() -> None:
    with Flask("x").test_request_context(headers={"Cookie": "relay-zone=Asia/Tokyo"}):
        assert for_input(WINTER) == "2026-11-28T07:00"
        assert instant(for_input(WINTER)) == WINTER.replace(second=0)
        assert instant("2026-11-28T07:00+01:00") == datetime(2026, 11, 28, 6, tzinfo=UTC)
