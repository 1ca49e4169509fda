"""The rhythm of a site: silence is found within hours, and normal operation raises no alarm.

The shops are simulated with fixed seeds.  ``RATES`` say how many events a shop sends in an hour of its
own time zone.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise

import pytest

from relay.rules.rhythm import (
    Rhythm,
    Silence,
    SimpleRhythm,
    _burst,
    _longest,
    _ordinary,
    _rates,
    _slot,
    _smooth,
    hour_of,
    rhythm_of,
    start_of,
)

Rate = Callable[[int], float]
BEGIN = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
FIRST = hour_of(BEGIN)
WEEK = 168
KEPT = 9 * WEEK  # what event_hour has
SEEDS = range(10)
THRESHOLD = 7.0


def shop(
    per_day: float,
    first: int = 8,
    last: int = 22,
    zone: int = 0,
    weekend: float = 1.0,
    at_night: float = 0.05,
    growth: float = 1.0,
) -> Rate:
    """A shop that sends mostly from ``first`` to ``last`` of its local time, at ``zone`` hours from UTC.

    ``at_night`` is the share of the other hours, ``weekend`` the factor of Saturday and Sunday,
    ``growth`` that of each week.
    """

    def rate(hour: int) -> float:
        local = hour + zone
        open_hours = last - first
        is_open = first <= local % 24 < last
        share = (1 - at_night) / open_hours if is_open else at_night / (24 - open_hours)
        is_weekend = local // 24 % 7 >= 5
        return per_day * share * (weekend if is_weekend else 1.0) * growth ** (hour / WEEK)

    return rate


def summer_time(rate: Rate, week: int = 30) -> Rate:
    """From that week on, the shop's clock is an hour ahead."""
    return lambda hour: rate(hour + 1 if hour >= week * WEEK else hour)


def poisson(source: random.Random, mean: float) -> int:
    if mean > 50:
        return max(0, round(source.gauss(mean, math.sqrt(mean))))
    limit, count, product = math.exp(-mean), 0, source.random()
    while product > limit:
        count, product = count + 1, product * source.random()
    return count


def arrivals(seed: int, weeks: int, rate: Rate, burst: int = 1) -> list[float]:
    """Hours since BEGIN.  Events come in groups with a geometric size of mean ``burst``, 36 s apart."""
    source = random.Random(seed)
    found = []
    for hour in range(weeks * WEEK):
        for _ in range(poisson(source, rate(hour) / burst)):
            at, size = hour + source.random(), 1
            while source.random() < 1 - 1 / burst:
                size += 1
            found += [at + number * 0.01 for number in range(size)]
    return sorted(found)


def at(hours: float) -> datetime:
    return BEGIN + timedelta(hours=hours)


def known_at(times: Sequence[float], last: float) -> Rhythm | SimpleRhythm | None:
    """The rhythm that Relay knows after the event at ``last``."""
    known = times[bisect_right(times, last - KEPT) : bisect_right(times, last)]
    return rhythm_of(Counter(FIRST + int(time) for time in known))


def false_alarms(times: Sequence[float], rate: Rate) -> list[tuple[datetime, Silence]]:
    """The gaps that are reported.

    Only gaps that could be are judged: with an empty hour and four events to be expected,
    or longer than two days.
    """
    before = list(accumulate((rate(hour) for hour in range(int(times[-1]) + 2)), initial=0.0))
    found = []
    for last, following in pairwise(times):
        empty = before[int(following)] - before[int(last)]  # up to an hour too much
        if int(following) - int(last) < 2 or (following - last < 48 and empty < 4):
            continue
        rhythm = known_at(times, last)
        if rhythm is not None:
            silence = rhythm.judge(at(last), at(following), THRESHOLD)
            if silence.is_silent:
                found.append((at(last), silence))
    return found


def hours_until_reported(times: Sequence[float], stop: float) -> float | None:
    """How long after ``stop``, when all events end, the site is reported; in steps of 15 minutes."""
    sent = [time for time in times if time < stop]
    rhythm = known_at(sent, sent[-1])
    if rhythm is None:
        return None
    for quarter in range(16 * WEEK * 4):
        if rhythm.judge(at(sent[-1]), at(stop + quarter / 4), THRESHOLD).is_silent:
            return quarter / 4
    return None


# per day and week: rate, size of bursts
SHOPS: dict[str, tuple[Rate, int]] = {
    "20 a day, 8-22 h": (shop(20), 1),
    "20 a day, never at night": (shop(20, at_night=0), 1),
    "weekdays only, New York": (shop(20, zone=-5, weekend=0, at_night=0), 1),
    "weekdays 9-17 h, Sydney": (shop(20, 9, 17, zone=10, weekend=0, at_night=0), 1),
    "weekdays 9-17 h, 5 a day, India": (shop(5, 9, 17, zone=5, weekend=0, at_night=0), 1),
    "mostly at the weekend": (shop(20, weekend=3), 1),
    "24 h, 20 a day": (lambda hour: 20 / 24, 1),
    "24 h, 200 a day": (lambda hour: 200 / 24, 1),
    "summer time": (summer_time(shop(40, at_night=0)), 1),
    "3 a day": (shop(3), 1),
    "1 a day": (shop(1), 1),
    "3 a week": (shop(3 / 7), 1),
    "1 a week": (shop(1 / 7), 1),
    "20 a day in bursts of 5": (shop(20), 5),
    "20 a day in bursts of 20": (shop(20), 20),
    "growing 5 % a week": (shop(5, growth=1.05), 1),
    "shrinking 5 % a week": (shop(100, growth=0.95), 1),
    "shrinking 10 % a week": (shop(200, growth=0.9), 1),
}
# these have few independent gaps, so they take more runs and less time
FEW_GAPS = ("3 a day", "1 a day", "3 a week", "1 a week", "20 a day in bursts of 20")


@pytest.mark.parametrize("name", SHOPS)
def test_sixty_weeks_of_normal_operation_raise_less_than_one_false_alarm(name: str) -> None:
    rate, burst = SHOPS[name]
    seeds = SEEDS if name in FEW_GAPS else SEEDS[:4]
    found = [false_alarms(arrivals(seed, 60, rate, burst), rate) for seed in seeds]
    assert sum(map(len, found)) < len(seeds), found


@pytest.mark.parametrize(
    ("name", "hours"),
    [
        ("20 a day, 8-22 h", 12),
        ("20 a day, never at night", 24),
        ("24 h, 200 a day", 3),
        ("24 h, 20 a day", 24),
        ("20 a day in bursts of 5", 96),
        ("3 a day", 96),
        ("shrinking 10 % a week", 6),
    ],
)
def test_a_site_that_stops_on_a_tuesday_at_ten_is_reported(name: str, hours: int) -> None:
    rate, burst = SHOPS[name]
    stop = 10 * WEEK + 24 + 10
    found = [hours_until_reported(arrivals(seed, 11, rate, burst), stop) for seed in SEEDS]
    assert all(one is not None and one <= hours for one in found), found


def test_a_growing_site_is_reported_within_a_day() -> None:
    rate = shop(10, growth=1.05)
    stop = 30 * WEEK + 24 + 10
    found = [hours_until_reported(arrivals(seed, 31, rate), stop) for seed in SEEDS]
    assert all(one is not None and one <= 12 for one in found), found


def test_one_order_a_week_is_reported_after_months_if_at_all() -> None:
    rate, _ = SHOPS["1 a week"]
    stop = 20 * WEEK
    found = [hours_until_reported(arrivals(seed, 21, rate), stop) for seed in SEEDS]
    assert all(one is None or one > 10 * 24 for one in found), found


@pytest.mark.parametrize("zone", [-8, -5, 0, 1, 5, 9, 12])
def test_nights_and_weekends_are_not_silence(zone: int) -> None:
    rate = shop(20, 9, 18, zone, weekend=0, at_night=0)
    for seed in SEEDS:
        times = arrivals(seed, 9, rate)
        for last, following in pairwise(times):
            if following - last > 9 and last > 2 * WEEK + 24:
                rhythm = known_at(times, last)
                assert isinstance(rhythm, Rhythm)
                silence = rhythm.judge(at(last), at(following), THRESHOLD)
                assert not silence.is_silent, (seed, at(last), silence)


def test_the_first_weekend_of_a_new_site_is_not_silence() -> None:
    rate = shop(20, 9, 17, weekend=0, at_night=0)
    for seed in SEEDS:
        assert false_alarms(arrivals(seed, 2, rate), rate) == []


def test_the_expected_number_is_that_of_the_simulation() -> None:
    """Over the open hours of a weekday it is right within a quarter, and about zero at night."""
    rate = shop(20, 8, 22, at_night=0)
    for seed in SEEDS:
        times = arrivals(seed, 8, rate)
        rhythm = known_at(times, times[-1])
        assert isinstance(rhythm, Rhythm)
        wednesday = 9 * WEEK + 2 * 24
        assert 13 < rhythm.expected(at(wednesday + 8), at(wednesday + 22)) < 25
        assert rhythm.expected(at(wednesday), at(wednesday + 6)) < 0.5
        week = rhythm.expected(at(9 * WEEK), at(10 * WEEK))
        assert rhythm.expected(at(9 * WEEK), at(11 * WEEK + 5.5)) == pytest.approx(
            2 * week + rhythm.expected(at(9 * WEEK), at(9 * WEEK + 5.5))
        )


def test_a_weekday_without_events_expects_none_and_few_weeks_leave_no_gaps() -> None:
    rate = shop(8, 9, 17, weekend=0, at_night=0)
    for seed in SEEDS:
        times = arrivals(seed, 2, rate)
        rhythm = known_at([0.0, *times, 14 * 24 + 9.5], 14 * 24 + 9.5)
        assert isinstance(rhythm, Rhythm)
        saturday = at(3 * WEEK + 5 * 24)
        assert rhythm.expected(saturday, saturday + timedelta(hours=47)) < 0.5
        for day in range(5):
            hours = [at(3 * WEEK + 24 * day + hour) for hour in range(9, 17)]
            assert all(rhythm.expected(one, one + timedelta(hours=1)) > 0.05 for one in hours)


def test_a_batch_at_the_start_of_each_hour_is_not_silence() -> None:
    """A site that sends by cron: 100 events at once, two minutes late at most."""
    source = random.Random(1)
    times = sorted(
        hour + source.random() / 30 + number / 10_000
        for hour in range(4 * WEEK)
        for number in range(100)
    )
    rate = [100.0] * (4 * WEEK + 2)
    assert false_alarms(times, rate.__getitem__) == []
    waited = hours_until_reported(times, 3 * WEEK)
    assert waited is not None and waited <= 3


def test_one_campaign_does_not_change_what_is_to_be_expected() -> None:
    rate = shop(20)
    times = arrivals(1, 8, rate)
    campaign = [6 * WEEK + 34 + number / 1000 for number in range(2000)]
    usual, busy = known_at(times, times[-1]), known_at(sorted(times + campaign), times[-1])
    assert isinstance(usual, Rhythm) and isinstance(busy, Rhythm)
    day = at(9 * WEEK + 24), at(9 * WEEK + 48)
    assert busy.expected(*day) < 1.5 * usual.expected(*day)


def test_a_closed_week_in_the_history_makes_the_next_one_no_silence() -> None:
    rate = shop(20, weekend=0)
    times = [time for time in arrivals(1, 8, rate) if not 3 * WEEK < time < 4 * WEEK]
    rhythm = known_at(times, times[-1])
    assert rhythm is not None
    assert not rhythm.judge(at(times[-1]), at(times[-1] + WEEK), THRESHOLD).is_silent


def test_too_little_history_says_nothing() -> None:
    assert rhythm_of({}) is None
    assert rhythm_of({FIRST + hour: 9 for hour in range(30)}) is None, "a day of tests"
    assert rhythm_of({FIRST + 30 * number: 1 for number in range(4)}) is None, "four events"
    found = rhythm_of({FIRST + 30 * number: 1 for number in range(5)})
    assert found == SimpleRhythm(30.0, 30.0, FIRST + 120)


def test_with_little_history_ten_times_the_usual_gap_and_a_weekend_must_pass() -> None:
    hourly = SimpleRhythm(1.0, 14.0, FIRST)
    assert not hourly.judge(at(0), at(71), THRESHOLD).is_silent
    assert hourly.judge(at(0), at(72), THRESHOLD).is_silent
    daily = SimpleRhythm(24.0, 40.0, FIRST)
    assert not daily.judge(at(0), at(239), THRESHOLD).is_silent
    assert daily.judge(at(0), at(240), THRESHOLD) == Silence(10.0, 10.0, True, timedelta(days=1))
    uneven = SimpleRhythm(1.0, 100.0, FIRST)
    assert not uneven.judge(at(0), at(149), THRESHOLD).is_silent


def test_at_least_one_whole_hour_is_empty() -> None:
    rhythm = Rhythm([1000.0] * WEEK, FIRST, 1.0, 3.0)
    assert not rhythm.judge(at(0.1), at(1.9), THRESHOLD).is_silent
    assert rhythm.judge(at(0.1), at(2), THRESHOLD).is_silent


def test_the_threshold_and_the_longest_gap_both_count() -> None:
    rhythm = Rhythm([1.0] * WEEK, FIRST, 1.0, 2.0)
    assert not rhythm.judge(at(0), at(6.9), 7.0).is_silent
    assert rhythm.judge(at(0), at(7), 7.0).is_silent
    assert rhythm.judge(at(0), at(3), 3.0).is_silent
    longer = Rhythm([1.0] * WEEK, FIRST, 1.0, 10.0)
    assert not longer.judge(at(0), at(14.9), 7.0).is_silent
    assert longer.judge(at(0), at(15), 7.0).is_silent
    bursts = Rhythm([1.0] * WEEK, FIRST, 4.0, 2.0)
    assert not bursts.judge(at(0), at(27), 7.0).is_silent
    assert bursts.judge(at(0), at(28), 7.0).is_silent


def test_hours() -> None:
    assert start_of(FIRST) == BEGIN
    assert hour_of(BEGIN + timedelta(minutes=59)) == FIRST


EACH_HOUR = Rhythm(tuple(float(hour) for hour in range(168)), FIRST, burst=2.0, longest=4.0)


@pytest.mark.parametrize(
    ("begin_h", "end_h", "events"),
    [
        (0, 0, 0.0),
        (1, 0, 0.0),
        (1, 2, 1.0),
        (1.5, 2, 0.5),
        (1.5, 3.5, 0.5 + 2 + 1.5),
        (0, 168, sum(range(168))),
        (0, 2 * 168 + 3, 2 * sum(range(168)) + 0 + 1 + 2),
        (166, 170, 166 + 167 + 0 + 1),
        (-1, 1, 167 + 0),
    ],
)
def test_the_events_between_two_instants(begin_h: float, end_h: float, events: float) -> None:
    begin, end = (BEGIN + timedelta(hours=hours) for hours in (begin_h, end_h))
    assert EACH_HOUR.expected(begin, end) == pytest.approx(events)


@pytest.mark.parametrize(
    ("end_h", "threshold", "silence"),
    [
        (5.5, 5, Silence(12.5, 10.0, True)),
        (5, 5, Silence(10.0, 10.0, True)),
        (4.9, 5, Silence(9.6, 10.0, False)),
        (4.5, 2, Silence(8.0, 6.0, True)),  # its longest gap so far, exceeded by half
        (3.9, 1, Silence(5.7, 6.0, False)),
    ],
)
def test_a_silence_is_judged_by_bursts_and_by_the_longest_gap(
    end_h: float, threshold: float, silence: Silence
) -> None:
    found = EACH_HOUR.judge(BEGIN + timedelta(hours=1), BEGIN + timedelta(hours=end_h), threshold)
    assert found.expected == pytest.approx(silence.expected)
    assert (found.needed, found.is_silent) == (silence.needed, silence.is_silent)


LAST = FIRST + 8 * WEEK - 1


def hourly(per_hour: int, weeks: int, end: int = LAST) -> dict[int, int]:
    """The counts of a site that sends ``per_hour`` in each hour of some weeks."""
    return dict.fromkeys(range(end - weeks * WEEK + 1, end + 1), per_hour)


@pytest.mark.parametrize("per_hour", [1, 10])
def test_two_weeks_are_enough_for_a_rhythm(per_hour: int) -> None:
    counts = hourly(per_hour, weeks=2)
    found = rhythm_of(counts)
    assert isinstance(found, Rhythm)
    assert found.rates == pytest.approx([per_hour] * WEEK)
    assert (found.last_hour, found.burst) == (LAST, 1.0)
    # of 336 gaps of one event on average
    assert found.longest == pytest.approx(math.log(336 * per_hour) + 1)
    del counts[min(counts)]
    assert rhythm_of(counts) == SimpleRhythm(1.0, 1.0, LAST), "an hour too few"


@pytest.mark.parametrize(
    ("before", "now", "rate"),
    [
        (10, 1, 1.0),  # it is judged by what it sends now
        (1, 10, (6 * 1 + 2 * 10) / 8),  # more than before is no reason for more alerts
    ],
)
def test_the_last_two_weeks_lower_what_is_to_be_expected(
    before: int, now: int, rate: float
) -> None:
    found = rhythm_of(hourly(before, weeks=8) | hourly(now, weeks=2))
    assert isinstance(found, Rhythm) and found.rates == pytest.approx([rate] * WEEK)


def test_the_last_eight_weeks_count() -> None:
    counts = hourly(1, weeks=7)
    assert rhythm_of(counts | {LAST - 8 * WEEK: 9}) == rhythm_of(counts)
    assert rhythm_of(counts | {LAST - 8 * WEEK + 1: 9}) != rhythm_of(counts)


@pytest.mark.parametrize(("events", "kind"), [(19, SimpleRhythm), (20, Rhythm)])
def test_a_rhythm_needs_twenty_events(events: int, kind: type) -> None:
    assert isinstance(rhythm_of({FIRST + 20 * number: 1 for number in range(events)}), kind)


def test_three_days_are_enough_for_the_usual_gap() -> None:
    hours = [FIRST, FIRST + 1, FIRST + 2, FIRST + 3, FIRST + 71]
    assert rhythm_of(dict.fromkeys(hours, 1)) == SimpleRhythm(1.0, 68.0, FIRST + 71)
    assert rhythm_of(dict.fromkeys([*hours[:-1], FIRST + 70], 1)) is None


def test_a_burst_is_as_large_as_the_empty_hours_show() -> None:
    """From the first hour to the last: as many as bursts at random times leave with events."""
    hours = [FIRST, *range(FIRST + 50, LAST, 3), LAST]
    counts = {hour: 2 if hour < LAST - 2 * WEEK else 3 for hour in hours}
    found = rhythm_of(counts)
    assert isinstance(found, Rhythm)
    rates = [found.rates[_slot(hour)] for hour in range(FIRST, LAST + 1)]
    with_events = sum(1 - math.exp(-rate / found.burst) for rate in rates)
    assert with_events == pytest.approx(len(hours), abs=0.02)
    assert found.burst > 1.5


@pytest.mark.parametrize("burst", [1.5, 5.0, 40.0])
def test_bursts_are_found_from_the_hours_with_events(burst: float) -> None:
    rates = [3.0] * 10_000
    active = round(10_000 * (1 - math.exp(-3 / burst)))
    assert _burst(rates, active) == pytest.approx(burst, rel=0.001)


def test_events_in_each_hour_are_no_bursts() -> None:
    assert _burst([1000.0] * 10, 10) == 1.0


def test_a_campaign_counts_three_times_a_busy_hour() -> None:
    counts = dict.fromkeys(range(19), 1) | {19: 2, 20: 100}
    assert _ordinary(range(21), counts) == dict.fromkeys(range(19), 1.0) | {19: 2.0, 20: 6.0}


def test_each_hour_takes_a_quarter_from_both_neighbours() -> None:
    assert _smooth([8.0, 0.0, 0.0, 0.0, 16.0]) == [8.0, 2.0, 0.0, 4.0, 10.0]


@pytest.mark.parametrize("zone", [-5, 0, 5, 10])
def test_each_day_has_its_level_and_each_hour_its_share(zone: int) -> None:
    """In any time zone: a day begins while the site is closed."""
    levels = [1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 0.0]
    shape = [0.0] * 9 + [4.0, 8.0, 4.0, 16.0] + [4.0] * 4 + [0.0] * 7
    week = [level * share for level in levels for share in shape]
    first = FIRST + 5  # any hour
    counts = {hour: week[(hour - FIRST + zone) % WEEK] for hour in range(first, first + 2 * WEEK)}
    expected = [level * share for level in levels for share in _smooth(shape)]
    rates = _rates(first, first + 2 * WEEK - 1, counts)
    assert rates == pytest.approx([expected[(hour + zone) % WEEK] for hour in range(WEEK)])


def test_the_longest_gap_has_parts_of_the_hours_at_its_ends() -> None:
    rates = [float(hour**2) for hour in range(WEEK)]
    one, two, three = 7, 9, 13
    counts = {FIRST + one: 1, FIRST + two: 3, FIRST + three: 5}
    gaps = [49 / 2 + 64 + 81 / 4, 81 / 4 + 100 + 121 + 144 + 169 / 6]
    assert _longest([FIRST + two, FIRST + three], counts, rates) == pytest.approx(gaps[1])
    assert _longest(sorted(counts), counts, rates) == pytest.approx(gaps[1])
    assert _longest([FIRST + one, FIRST + two], counts, rates) == pytest.approx(gaps[0])
