"""When a site usually sends events of one type, and whether it is silent now.

Pure: standard library only; the time is an argument.  Hours are those of UTC.  A day begins in the
hour in which the site sends least, so its days are those of its own time zone without knowing it.

From the counts per hour of up to eight weeks, ``Rhythm`` has the number of events to be expected in
each hour of the week.  A site is silent when more were to be expected since its last event than
chance, its bursts and its own history explain (see ``Rhythm.judge``).  With less history, only the
time between events counts.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise, starmap
from statistics import median

DAY, WEEK = 24, 168  # hours
LONGEST = 8 * WEEK  # older counts are not used
SHORTEST = 2 * WEEK
RECENT = 2 * WEEK
FEWEST = 20  # events or bursts; with fewer, their times say nothing about a single hour
MARGIN = 1.5  # times the longest gap so far
BLEND = 2.0  # weeks of the day-and-hour estimate that are mixed with what the slot itself had
CAP = 3.0  # times the 95th percentile of the hours with events: one campaign is no rhythm
LONGEST_BURST = 1000.0
SIMPLE_FEWEST = 5  # hours with events
SIMPLE_SPAN = 3 * DAY
SIMPLE_SHORTEST = 3 * DAY  # a weekend
SIMPLE_TIMES = 10.0  # the usual gap
MONDAY = 72  # the epoch was a Thursday


@dataclass(frozen=True)
class Silence:
    """How many events were to be ``expected`` since the last one, and how many are ``needed`` for an alert.

    ``usual_gap`` is the usual time between events if there is too little history for anything else.
    """

    expected: float
    needed: float
    is_silent: bool
    usual_gap: timedelta | None = None


@dataclass(frozen=True)
class Rhythm:
    """The events to be expected per hour of the week.

    ``rates`` begin with Monday 00:00 UTC.  ``last_hour`` is the newest hour with events (hours since
    the epoch).  ``burst`` is how many events usually come together, ``longest`` the longest gap so
    far, in expected events.
    """

    rates: Sequence[float]
    last_hour: int
    burst: float
    longest: float

    def expected(self, begin: datetime, end: datetime) -> float:
        """How many events are to be expected between two instants."""
        first, last = begin.timestamp() / 3600, end.timestamp() / 3600
        weeks, rest = divmod(max(0.0, last - first), WEEK)
        return weeks * sum(self.rates) + self._expected(first, first + rest)

    def _expected(self, first: float, last: float) -> float:
        total, at = 0.0, first
        while at < last:
            until = min(math.floor(at) + 1.0, last)
            total += self.rates[_slot(math.floor(at))] * (until - at)
            at = until
        return total

    def judge(self, last_at: datetime, now: datetime, threshold: float) -> Silence:
        """Whether the site is silent, with its last event at ``last_at``.

        ``threshold`` is the number of expected events that chance does not explain: if 7 were to be
        expected, none at all has a probability of less than 0.1 %.  A site that sends in bursts needs
        as many bursts.  Its longest gap so far must be exceeded by half.  The history has counts per
        hour, so at least one whole hour must be empty.
        """
        expected = self.expected(last_at, now)
        needed = max(threshold * self.burst, MARGIN * self.longest)
        has_empty_hour = hour_of(now) - hour_of(last_at) >= 2
        return Silence(expected, needed, expected >= needed and has_empty_hour)


@dataclass(frozen=True)
class SimpleRhythm:
    """For little history: the ``usual`` and the ``longest`` time between hours with events, in hours."""

    usual: float
    longest: float
    last_hour: int

    def judge(self, last_at: datetime, now: datetime, threshold: float) -> Silence:
        """Whether the site has been silent for much longer than usual, and for longer than a weekend.

        ``threshold`` is not used.
        """
        gap = (now - last_at).total_seconds() / 3600
        needed = max(SIMPLE_SHORTEST, SIMPLE_TIMES * self.usual, MARGIN * self.longest)
        return Silence(
            gap / self.usual, needed / self.usual, gap >= needed, timedelta(hours=self.usual)
        )


def hour_of(instant: datetime) -> int:
    """Its hour since the epoch."""
    return math.floor(instant.timestamp() / 3600)


def start_of(hour: int) -> datetime:
    """The instant at which an hour since the epoch begins."""
    return datetime.fromtimestamp(hour * 3600, UTC)


def rhythm_of(counts: Mapping[int, int]) -> Rhythm | SimpleRhythm | None:
    """The rhythm in the counts of the hours (since the epoch) with events; None if there are too few.

    It ends with the newest hour that has events, so it does not change while the site is silent.
    """
    hours = sorted(counts)
    if not hours:
        return None
    hours = hours[bisect_left(hours, hours[-1] - LONGEST + 1) :]
    span = hours[-1] - hours[0] + 1
    weekly = _weekly(hours, counts) if span >= SHORTEST else None
    if weekly is not None:
        return weekly
    if len(hours) < SIMPLE_FEWEST or span < SIMPLE_SPAN:
        return None
    gaps = [float(later - one) for one, later in pairwise(hours)]
    return SimpleRhythm(median(gaps), max(gaps), hours[-1])


def _slot(hour: int) -> int:
    return (hour + MONDAY) % WEEK


def _weekly(hours: Sequence[int], counts: Mapping[int, int]) -> Rhythm | None:
    """None if the events, or the bursts in which they come, are too few."""
    ordinary = _ordinary(hours, counts)
    first, last = hours[0], hours[-1]
    rates = _rates(first, last, ordinary)
    expected = sum(rates[_slot(hour)] for hour in range(max(first, last - RECENT + 1), last + 1))
    recent = sum(count for hour, count in ordinary.items() if hour > last - RECENT)
    burst = _burst([rates[_slot(hour)] for hour in range(first, last + 1)], len(hours))
    bursts = sum(ordinary.values()) / burst
    if bursts < FEWEST:
        return None
    # a site that sends less than it did is judged by what it sends now
    rates = [rate * min(1.0, recent / expected) for rate in rates]
    by_chance = burst * (math.log(bursts) + 1)  # about the longest of so many independent gaps
    return Rhythm(rates, last, burst, max(by_chance, _longest(hours, counts, rates)))


def _ordinary(hours: Sequence[int], counts: Mapping[int, int]) -> dict[int, float]:
    """The counts without peaks that are not part of the rhythm."""
    ranked = sorted(counts[hour] for hour in hours)
    most = CAP * ranked[int(0.95 * (len(ranked) - 1))]
    return {hour: min(float(counts[hour]), most) for hour in hours}


def _rates(first: int, last: int, counts: Mapping[int, float]) -> list[float]:
    """Expected events per hour of the week: what the slot had, mixed with day of week times hour of day."""
    events, seen = [0.0] * WEEK, [0.0] * WEEK
    for hour in range(first, last + 1):
        seen[_slot(hour)] += 1
    for hour, count in counts.items():
        events[_slot(hour)] += count
    by_hour = _smooth([sum(events[h::DAY]) / sum(seen[h::DAY]) for h in range(DAY)])
    quiet = min(range(DAY), key=by_hour.__getitem__)
    events, seen = _rotate(events, quiet), _rotate(seen, quiet)
    by_hour = _rotate(by_hour, quiet)
    mean = sum(events) / sum(seen)
    smooth_events, smooth_seen = _smooth(events), _smooth(seen)
    rates = []
    for day in range(7):
        ours = slice(day * DAY, (day + 1) * DAY)
        level = sum(events[ours]) / sum(seen[ours])
        for h in range(DAY):
            guess, at = level * by_hour[h] / mean, day * DAY + h
            rates.append((smooth_events[at] + BLEND * guess) / (smooth_seen[at] + BLEND))
    return _rotate(rates, -quiet)


def _rotate(values: Sequence[float], by: int) -> list[float]:
    return [*values[by:], *values[:by]]


def _smooth(values: Sequence[float]) -> list[float]:
    """Each with a quarter of both neighbours, around the end: also for the hour of summer time."""
    return [
        values[i - 1] / 4 + values[i] / 2 + values[(i + 1) % len(values)] / 4
        for i in range(len(values))
    ]


def _burst(rates: Sequence[float], active: int) -> float:
    """How many events come together, from how many hours had any; 1 if they are independent."""

    def hours_with_events(burst: float) -> float:
        return sum(1 - math.exp(-rate / burst) for rate in rates)

    if hours_with_events(1.0) <= active:
        return 1.0
    low, high = 1.0, LONGEST_BURST
    for _ in range(20):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if hours_with_events(middle) > active else (low, middle)
    return high


def _longest(hours: Sequence[int], counts: Mapping[int, int], rates: Sequence[float]) -> float:
    """The longest gap between events, in expected events.

    Within an hour of n events, the part before the first and after the last is 1/(n+1) of it.
    """

    def gap(one: int, later: int) -> float:
        between = sum(rates[_slot(h)] for h in range(one + 1, later))
        return between + sum(rates[_slot(h)] / (counts[h] + 1) for h in (one, later))

    return max(starmap(gap, pairwise(hours)))
