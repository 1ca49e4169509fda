"""Times are shown in the time zone of the person."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from flask import Flask, g

from relay.dashboard.filters import exact
from relay.dashboard.guard import Person

WINTER = datetime(2026, 11, 27, 22, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("time_zone", "shown"),
    [
        ("", "2026-11-27 22:00:05 UTC"),
        ("Europe/Vienna", "2026-11-27 23:00:05 CET"),
        ("America/New_York", "2026-11-27 17:00:05 EST"),
        ("Europe/Atlantis", "2026-11-27 22:00:05 UTC"),
    ],
)
def test_exact_times_are_in_the_time_zone_of_the_person(time_zone: str, shown: str) -> None:
    assert exact(WINTER) == "2026-11-27 22:00:05 UTC"
    with Flask("x").app_context():
        g.person = Person(1, "a@example.com", "viewer", time_zone=time_zone)
        assert exact(WINTER) == shown
