"""Which backups are kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from relay.rules.keeping import kept

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)  # a Tuesday


def days_ago(*numbers: int) -> set[datetime]:
    return {NOON - timedelta(days=number) for number in numbers}


def test_the_newest_of_each_day_and_week_is_kept() -> None:
    every_day = days_ago(*range(40))
    twice_today = {NOON - timedelta(hours=3)}
    # the weeks end on Tuesday (today) and on the Sundays before
    assert kept(every_day | twice_today, 3, 4) == days_ago(0, 1, 2, 9, 16)
    assert kept(every_day, 1, 0) == days_ago(0)


def test_nothing_is_removed_while_no_backup_is_made() -> None:
    old = days_ago(100, 101, 130)
    assert kept(old, 7, 4) == old
    assert kept(old, 0, 0) == days_ago(100), "the newest stays whatever is set"
    assert kept([], 7, 4) == set()
