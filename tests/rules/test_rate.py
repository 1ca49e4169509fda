"""The rate limit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from relay.rules.rate import RateLimit, interval_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def seconds(n: float) -> timedelta:
    return timedelta(seconds=n)


@pytest.mark.parametrize(
    ("count", "unit", "interval"),
    [
        (10, "second", 0.1),
        (60, "minute", 1.0),
        (90, "hour", 40.0),
        (None, None, 0.0),
        (9, None, 0.0),
        (None, "hour", 0.0),
    ],
)
def test_a_rate_is_spread_evenly(count: int | None, unit: str | None, interval: float) -> None:
    assert interval_of(count, unit) == pytest.approx(interval)


def test_no_window_has_more_calls_than_the_rate_limit_allows() -> None:
    limit, now, starts = RateLimit(0.1), NOW, []
    for n in range(300):
        now += seconds(0.013 * (n % 7))  # asked at odd moments
        if limit.wait_s(now) == 0:
            starts.append(now)
            limit = limit.after(1, now)
    for window in (1, 3, 10):
        busiest = max(sum(a <= b < a + seconds(window) for b in starts) for a in starts)
        assert busiest <= window * 10
    assert len(starts) > 80


def test_reserved_calls_move_the_next_one_by_as_many_intervals() -> None:
    assert RateLimit(2.0).after(3, NOW).next_at == NOW + seconds(6)
    assert RateLimit(2.0, NOW + seconds(1)).after(1, NOW).next_at == NOW + seconds(3)
    assert RateLimit(0.0).after(5, NOW) == RateLimit(0.0)


@pytest.mark.parametrize(
    ("limit", "window", "calls"),
    [
        (RateLimit(0.0), 0.05, 50),
        (RateLimit(0.1), 0.05, 1),
        (RateLimit(0.1), 0.5, 6),
        (RateLimit(0.1, NOW + seconds(1)), 0.5, 0),
        (RateLimit(0.1, NOW + seconds(0.5)), 0.5, 1),
        (replace(RateLimit(10.0), next_at=NOW), 0.5, 1),
    ],
)
def test_the_calls_that_may_start_in_a_window(limit: RateLimit, window: float, calls: int) -> None:
    assert limit.within(window, NOW, 50) == calls
