"""Read the counts for a chart.  Each function sends a constant number of statements."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Any

from sqlalchemy import func, or_, select

from relay.destinations import KINDS
from relay.models import (
    Destination,
    DestinationHold,
    DestinationTraffic,
    SiteTraffic,
    db,
)
from relay.models.traffic import BUCKETS
from relay.rules.percentiles import percentile
from relay.rules.states import DestinationState

MINUTE_S, HOUR_S = 60, 3600


class ChartRange(StrEnum):
    """How far back a chart goes, and how long each of its steps is."""

    HOUR = "hour"  # 60 minutes
    DAY = "day"  # 24 hours
    MONTH = "month"  # 30 days, in the person's time zone


@dataclass(frozen=True)
class ChartSteps:
    """The steps of a chart: when each begins, oldest first, and when the last one ends."""

    begins: Sequence[datetime]
    end: datetime
    span_s: int  # of the stored counts
    range: ChartRange

    def index_of(self, instant: datetime) -> int:
        return bisect_right(self.begins, instant) - 1


@dataclass
class TrafficSeries:
    """The counts of each step."""

    steps: ChartSteps
    received: list[int] = field(default_factory=list)
    delivered: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("received", "delivered", "failed"):
            setattr(self, name, [0] * len(self.steps.begins))

    def add(self, row: Any) -> None:
        at = self.steps.index_of(row.begin)
        if at >= 0:
            for name in ("received", "delivered", "failed"):
                getattr(self, name)[at] += int(getattr(row, name, 0) or 0)

    @property
    def is_empty(self) -> bool:
        return not any((*self.received, *self.delivered, *self.failed))


@dataclass(frozen=True)
class HoldTime:
    """A time in which a destination did not send; ``until`` is the end of the chart if it lasts."""

    destination_id: int
    name: str
    status: str
    began_at: datetime
    until: datetime
    lasts: bool


@dataclass(frozen=True)
class CallNumbers:
    """The attempts of a destination: how many succeeded, and the durations of half and of 95 %."""

    attempts: int
    accepted: int
    delivered: int
    failed: int
    p50_ms: float | None
    p95_ms: float | None

    @property
    def success_rate(self) -> float | None:
        """From 0 to 1; None without attempts."""
        return self.accepted / self.attempts if self.attempts else None


@dataclass(frozen=True)
class CallStep:
    """How long the attempts of one step took; None without attempts."""

    p50_ms: float | None
    p95_ms: float | None


NO_CALLS = CallNumbers(0, 0, 0, 0, None, None)


def steps_of(range_: ChartRange, now: datetime, zone: tzinfo) -> ChartSteps:
    """The steps of a chart that ends now.  Days begin at midnight in ``zone``."""
    if range_ is ChartRange.MONTH:
        today = now.astimezone(zone).date()
        days = [today - timedelta(days=n) for n in reversed(range(30))]
        begins = [datetime.combine(day, time(), zone).astimezone(now.tzinfo) for day in days]
        return ChartSteps(begins, now, HOUR_S, range_)
    span = timedelta(minutes=1) if range_ is ChartRange.HOUR else timedelta(hours=1)
    last = now.replace(second=0, microsecond=0)
    if range_ is ChartRange.DAY:
        last = last.replace(minute=0)
    count = 60 if range_ is ChartRange.HOUR else 24
    begins = [last - span * n for n in reversed(range(count))]
    return ChartSteps(begins, now, int(span.total_seconds()), range_)


def of_sites(steps: ChartSteps, source_id: int | None = None) -> TrafficSeries:
    """What sites sent and how it ended; of one site or of all that the person sees."""
    of = SiteTraffic
    wanted = select(
        of.begin,
        func.sum(of.received).label("received"),
        func.sum(of.delivered).label("delivered"),
        func.sum(of.failed).label("failed"),
    ).where(of.span_s == steps.span_s, of.begin >= steps.begins[0])
    if source_id is not None:
        wanted = wanted.where(of.source_id == source_id)
    return _filled(steps, db.session.execute(wanted.group_by(of.begin)))


def of_destination(steps: ChartSteps, destination_id: int) -> TrafficSeries:
    """The finished deliveries of a destination; ``received`` are its attempts."""
    of = DestinationTraffic
    wanted = select(of.begin, of.delivered, of.failed, of.attempts.label("received")).where(
        of.destination_id == destination_id,
        of.span_s == steps.span_s,
        of.begin >= steps.begins[0],
    )
    return _filled(steps, db.session.execute(wanted))


def _filled(steps: ChartSteps, rows: Any) -> TrafficSeries:
    series = TrafficSeries(steps)
    for row in rows:
        series.add(row)
    return series


def sparklines_of_sites(steps: ChartSteps, ids: Sequence[int]) -> Mapping[int, TrafficSeries]:
    """The series of each site, in one statement."""
    of = SiteTraffic
    wanted = select(of.source_id, of.begin, of.received, of.delivered, of.failed).where(
        of.span_s == steps.span_s, of.begin >= steps.begins[0], of.source_id.in_(ids)
    )
    return _by_owner(steps, ids, db.session.execute(wanted))


def sparklines_of_destinations(
    steps: ChartSteps, ids: Sequence[int]
) -> Mapping[int, TrafficSeries]:
    """The series of each destination, in one statement."""
    of = DestinationTraffic
    wanted = select(of.destination_id, of.begin, of.delivered, of.failed).where(
        of.span_s == steps.span_s, of.begin >= steps.begins[0], of.destination_id.in_(ids)
    )
    return _by_owner(steps, ids, db.session.execute(wanted))


def _by_owner(steps: ChartSteps, ids: Sequence[int], rows: Any) -> Mapping[int, TrafficSeries]:
    found = {number: TrafficSeries(steps) for number in ids}
    for row in rows:
        found[row[0]].add(row)
    return found


def calls_of(steps: ChartSteps, destination_id: int | None = None) -> dict[int, CallNumbers]:
    """The attempts of each destination that had some, in one statement."""
    of = DestinationTraffic
    sums = [
        func.sum(getattr(of, name))
        for name in ("attempts", "accepted", "delivered", "failed", *BUCKETS)
    ]
    wanted = select(of.destination_id, *sums).where(
        of.span_s == steps.span_s, of.begin >= steps.begins[0]
    )
    if destination_id is not None:
        wanted = wanted.where(of.destination_id == destination_id)
    bounds = list(BUCKETS.values())
    found = {}
    for number, *values in db.session.execute(wanted.group_by(of.destination_id)):
        counts = [int(value) for value in values]
        middle, most = (percentile(bounds, counts[4:], share) for share in (0.5, 0.95))
        attempts, accepted, delivered, failed = counts[:4]
        found[number] = CallNumbers(attempts, accepted, delivered, failed, middle, most)
    return found


def durations_of(steps: ChartSteps, destination_id: int) -> list[CallStep]:
    """How long the attempts of a destination took, by step, in one statement."""
    of = DestinationTraffic
    columns = [getattr(of, name) for name in BUCKETS]
    wanted = select(of.begin, *columns).where(
        of.destination_id == destination_id,
        of.span_s == steps.span_s,
        of.begin >= steps.begins[0],
    )
    counts = [[0] * len(BUCKETS) for _ in steps.begins]
    for begin, *values in db.session.execute(wanted):
        at = steps.index_of(begin)
        counts[at] = [a + b for a, b in zip(counts[at], values, strict=True)]
    bounds = list(BUCKETS.values())
    return [CallStep(percentile(bounds, one, 0.5), percentile(bounds, one, 0.95)) for one in counts]


def destination_names() -> dict[int, str]:
    """The names of the destinations that receive events, by number, in the order of their names."""
    receiving = [kind.slug for kind in KINDS.values() if kind.takes_events]
    rows = db.session.execute(
        select(Destination.id, Destination.name)
        .where(Destination.state != DestinationState.CLOSED, Destination.kind.in_(receiving))
        .order_by(Destination.name)
    )
    return {row.id: row.name for row in rows}


def holds_of(steps: ChartSteps, destination_id: int | None = None) -> list[HoldTime]:
    """When destinations did not send, newest last, at most 100."""
    of = DestinationHold
    wanted = (
        select(of.destination_id, Destination.name, of.status, of.began_at, of.ended_at)
        .join(Destination, Destination.id == of.destination_id)
        .where(of.began_at < steps.end, or_(of.ended_at.is_(None), of.ended_at > steps.begins[0]))
        .order_by(of.began_at.desc())
        .limit(100)
    )
    if destination_id is not None:
        wanted = wanted.where(of.destination_id == destination_id)
    return [
        HoldTime(
            row.destination_id,
            row.name,
            row.status,
            max(row.began_at, steps.begins[0]),
            row.ended_at or steps.end,
            row.ended_at is None,
        )
        for row in reversed(db.session.execute(wanted).all())
    ]
