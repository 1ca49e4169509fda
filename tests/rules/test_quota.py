"""When a quota runs out, by its readings."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from relay.rules.quota import QuotaReading, clears_at
from relay.services.destinations.quotas import forecast

NOON = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 28, 0, 0, tzinfo=UTC)


def after(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def used(per_minute: float, minutes: int, start: int = 10_000) -> QuotaReading:
    """Readings once a minute at an even pace."""
    found = QuotaReading(start, start, NOON, MIDNIGHT)
    for n in range(1, minutes + 1):
        left = int(start - per_minute * n)
        found = found.then(QuotaReading(start, left, after(n), MIDNIGHT))
    return found


def test_an_even_usage_predicts_when_the_quota_is_used_up() -> None:
    found = used(100, 60)
    assert found.remaining == 4000 and found.per_s == pytest.approx(100 / 60, rel=0.01)
    empty = found.empties_at(after(60))
    assert empty is not None and abs(empty - after(100)) < timedelta(minutes=1)


def test_a_usage_that_lasts_until_the_reset_predicts_nothing() -> None:
    assert used(5, 60).empties_at(after(60)) is None


def test_a_burst_that_has_ended_counts_less_and_less() -> None:
    found = used(300, 20)
    assert found.empties_at(after(20)) is not None
    assert found.empties_at(after(90)) is None


def test_a_reset_does_not_count_as_usage() -> None:
    late = used(100, 60)
    fresh = late.then(QuotaReading(10_000, 9_999, after(61), MIDNIGHT))
    assert fresh.per_s == late.per_s and fresh.remaining == 9_999


def test_a_reading_from_before_the_reset_says_nothing() -> None:
    found = used(150, 60)
    assert found.is_over(MIDNIGHT) and found.empties_at(MIDNIGHT) is None


def test_an_empty_quota_is_used_up_now() -> None:
    assert QuotaReading(100, 0, NOON, MIDNIGHT).empties_at(NOON) == NOON


@pytest.mark.parametrize(("limit", "left", "share"), [(100, 25, 0.25), (0, 5, 0.0), (10, 20, 1.0)])
def test_the_share_is_between_0_and_1(limit: int, left: int, share: float) -> None:
    assert QuotaReading(limit, left, NOON).share == share


def test_a_backlog_takes_one_interval_per_delivery() -> None:
    assert clears_at(300, 1.0, NOON) == after(5)
    assert clears_at(0, 1.0, NOON) is None and clears_at(5, 0.0, NOON) is None


@pytest.mark.parametrize(
    ("empty", "clear", "sentence"),
    [
        (
            datetime(2026, 11, 27, 16, 40, tzinfo=UTC),
            None,
            "At this rate, HubSpot accepts no more calls from 16:40 UTC",
        ),
        (
            datetime(2026, 11, 28, 3, 5, tzinfo=UTC),
            None,
            "accepts no more calls from 28 Nov, 03:05 UTC",
        ),
        (NOON, None, "HubSpot accepts no more calls for now"),
        (None, after(30), "all pending deliveries are sent by 12:30 UTC."),
        (None, after(0.5), ""),
        (None, None, ""),
    ],
)
def test_the_sentence_says_what_happens_when(
    empty: datetime | None, clear: datetime | None, sentence: str
) -> None:
    said = forecast("HubSpot", empty, clear, NOON)
    assert sentence in said and bool(said) is bool(sentence)


def reading(remaining: int, minutes: float = 0, per_s: float = 0.0) -> QuotaReading:
    return QuotaReading(1000, remaining, after(minutes), None, per_s)


@pytest.mark.parametrize(
    ("before", "later", "per_s"),
    [
        (reading(100, 0, 0.5), reading(90, 0), 0.5),  # no time has passed
        (reading(100, 1, 0.5), reading(90, 0), 0.5),
        (reading(100, 0, 0.5), reading(101, 10), 0.5),  # it was reset
        (reading(100, 0, 1.0), reading(100, 10), pytest.approx(0.3679, abs=1e-4)),
        (reading(1000, 0, 0.0), reading(400, 10), pytest.approx(0.6321, abs=1e-4)),
        (reading(100, 0, 0.0), reading(99, 1 / 60), pytest.approx(0.001665, abs=1e-5)),
    ],
)
def test_the_usage_is_a_moving_average(
    before: QuotaReading, later: QuotaReading, per_s: float
) -> None:
    found = before.then(later)
    assert found.per_s == per_s
    assert (found.limit, found.remaining, found.read_at) == (1000, later.remaining, later.read_at)


@pytest.mark.parametrize(
    ("seen", "minutes", "empty"),
    [
        (reading(0, 0, 1.0), 0, 0),
        (reading(1, 0, 1.0), 0, 1 / 60),
        (reading(60, 0, 1.0), 0, 1),
        (reading(60, 10, 1.0), 0, 1),  # read a moment later, by another clock
        (reading(60, 0, 0.0), 0, None),
        (reading(60, 0, 1.0), 10, 10 + 2.71828),
        (reading(172_800, 0, 1.0), 0, 2880),
        (reading(172_801, 0, 1.0), 0, None),
        (reading(1, 0, -0.1), 0, None),
    ],
)
def test_when_nothing_is_left(seen: QuotaReading, minutes: float, empty: float | None) -> None:
    found = seen.empties_at(after(minutes))
    if empty is None:
        assert found is None
    else:
        assert found is not None and abs(found - after(empty)) < timedelta(milliseconds=100)


def test_a_quota_that_empties_when_it_resets_never_does() -> None:
    at_reset = QuotaReading(100, 60, NOON, after(1), 1.0)
    assert at_reset.empties_at(NOON) is None
    assert replace(at_reset, remaining=59).empties_at(NOON) == after(59 / 60)


def test_a_backlog_clears_at_its_rate() -> None:
    assert clears_at(10, 6.0, NOON) == after(1)
    assert clears_at(0, 6.0, NOON) is None and clears_at(10, 0.0, NOON) is None
