"""Which counts of failed deliveries are a problem."""

from __future__ import annotations

import pytest

from relay.rules.alerts import ReadingLevel
from relay.rules.failure_rate import FailureCount, FailureWindows

FIRING, BETWEEN, CLEAR = ReadingLevel.FIRING, ReadingLevel.BETWEEN, ReadingLevel.CLEAR


def windows(
    short: tuple[int, int],
    hour: tuple[int, int] | None = None,
    quarter: tuple[int, int] | None = None,
    wide: tuple[int, int] | None = None,
    events: int | None = None,
) -> FailureWindows:
    """(failed, finished) of the windows; the longer ones are like the short one if not given, and
    each failed delivery is of another event.
    """

    def count(pair: tuple[int, int]) -> FailureCount:
        return FailureCount(pair[1], pair[0])

    low = quarter or short
    number = low[0] if events is None else events
    return FailureWindows(
        count(short), count(low), count(wide or low), count(hour or wide or low), number
    )


@pytest.mark.parametrize(
    ("seen", "level"),
    [
        (windows((0, 0)), CLEAR),
        (windows((0, 100)), CLEAR),
        (windows((2, 100)), BETWEEN),
        (windows((3, 100)), FIRING),
        (windows((4, 200)), BETWEEN),  # exactly 2 %
        (windows((5, 200)), FIRING),
        (windows((1, 1)), BETWEEN),
        (windows((1, 10)), BETWEEN),
        (windows((2, 2)), BETWEEN),
        (windows((3, 3)), FIRING),
        (windows((2, 50)), BETWEEN),  # 4 %, but two failures
        (windows((3, 50)), FIRING),
        (windows((3, 49)), FIRING),  # few deliveries: three failed ones of three events
        (windows((3, 49), events=1), BETWEEN),  # one event to three subscriptions
        # one event that failed eight times is one failed delivery
        (windows((1, 8), events=1), BETWEEN),
        # clear below half of the threshold
        (windows((1, 100)), BETWEEN),
        (windows((1, 101)), CLEAR),
        # a burst within much traffic is not over 2 % of the hour
        (windows((5, 100), hour=(5, 10_000)), BETWEEN),
        (windows((5, 833), hour=(5, 10_000), quarter=(5, 2_500)), CLEAR),
        # ... and stays none when the traffic ends right after it
        (windows((0, 0), hour=(5, 10_000), quarter=(5, 2_500)), CLEAR),
        (windows((0, 0), hour=(5, 10_000), quarter=(5, 35), wide=(5, 860)), CLEAR),
        (windows((0, 0), hour=(5, 10_000), quarter=(5, 35), wide=(5, 199)), FIRING),
        (windows((0, 0), quarter=(5, 35), wide=(5, 249)), FIRING),
        # many failures in the last hour, but none now
        (windows((0, 100), hour=(200, 1_000), quarter=(50, 300)), CLEAR),
        # few deliveries: failures of the last 15 minutes count
        (windows((0, 0), quarter=(3, 4)), FIRING),
        (windows((0, 0), quarter=(2, 4)), CLEAR),
        # enough deliveries in 15 minutes: it is over when nothing has failed for 5 minutes
        (windows((0, 0), quarter=(5, 65)), CLEAR),
        (windows((0, 20), quarter=(5, 65)), CLEAR),
        (windows((1, 20), quarter=(5, 65)), FIRING),
    ],
)
def test_levels_at_two_percent(seen: FailureWindows, level: ReadingLevel) -> None:
    assert seen.level(2.0) is level


def test_the_threshold_is_the_one_that_a_person_set() -> None:
    seen = windows((8, 100))
    assert (seen.level(5.0), seen.level(10.0), seen.level(20.0)) == (FIRING, BETWEEN, CLEAR)


def test_the_value_is_the_share_that_decided() -> None:
    assert windows((3, 100)).value(2.0) == 3.0
    assert windows((0, 0), quarter=(3, 4)).value(2.0) == 75.0
    assert windows((0, 0)).value(2.0) == 0.0


def test_events_are_counted_only_where_they_decide() -> None:
    assert windows((3, 49)).needs_events
    assert not windows((2, 49)).needs_events
    assert not windows((3, 50)).needs_events


def test_the_share_is_of_the_window_that_decided() -> None:
    few = windows((0, 10), quarter=(3, 20))
    assert few.level(2) is FIRING and few.value(2) == 15.0
    many = windows((4, 100), quarter=(9, 100))
    assert many.value(2) == 4.0


def test_two_events_are_enough_and_one_is_not() -> None:
    assert windows((3, 10), events=2).is_low_volume_failure(2)
    assert not windows((3, 10), events=1).is_low_volume_failure(2)


def test_200_deliveries_before_show_that_the_failures_are_a_small_share() -> None:
    assert not windows((1, 10), quarter=(3, 100), wide=(3, 200)).is_low_volume_failure(2)
    assert windows((1, 10), quarter=(3, 100), wide=(3, 199)).is_low_volume_failure(1)
    assert windows((1, 10), quarter=(3, 100), wide=(5, 200)).is_low_volume_failure(2)
