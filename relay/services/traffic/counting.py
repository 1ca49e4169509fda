"""Count events, attempts and finished deliveries by minute and hour, for the charts.

The scheduler counts the last minutes again and again, and stores each count in the place of the one
before.  So a result that is written a moment late is included, and nothing is counted twice.  Hours are
the sums of their minutes.  Hours of before the first count, or of an outage of the scheduler, are counted
directly.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    delete,
    func,
    select,
)

from relay import database
from relay.database import READ_ONLY
from relay.event_types import INTERNAL_TYPES
from relay.models import (
    Attempt,
    Delivery,
    DeliveryMinute,
    DestinationHold,
    DestinationTraffic,
    Event,
    Milestone,
    SiteTraffic,
    db,
)
from relay.models.traffic import BUCKETS
from relay.rules.lifecycle import State
from relay.rules.states import AttemptOutcome
from relay.services.operations import milestones

MINUTES, HOURS = "traffic_minutes", "traffic_hours"  # milestones: counted until then
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LATE = timedelta(minutes=3)  # a result that is written later is not in the counts
AT_ONCE = timedelta(hours=2)  # longer gaps are counted by the hour
MINUTES_KEPT = timedelta(hours=25)
HOURS_KEPT = timedelta(days=32)
BUDGET_S = 2.0
ENDED = (
    AttemptOutcome.ACCEPTED,
    AttemptOutcome.FAILED,
    AttemptOutcome.REFUSED,
    AttemptOutcome.LOST,
)
SITE_NUMBERS = ("received", "delivered", "failed")
DESTINATION_NUMBERS = ("delivered", "failed", "attempts", "accepted", *BUCKETS)
Counts = dict[int, dict[str, int]]  # by source or destination, then by column


def count(budget_s: float = BUDGET_S) -> None:
    """Count what is new.  No step is begun after ``budget_s`` seconds; the next call goes on there."""
    until = time.monotonic() + budget_s
    with db.engine.connect().execution_options(**READ_ONLY) as connection:
        now = database.now(connection)
        done = _milestone(connection, MINUTES)
        hours_done = _milestone(connection, HOURS) or now - HOURS_KEPT
    first = _hour(now - AT_ONCE)
    start = max(_minute((done or first) - LATE), first)
    touched = {_hour(start)}
    minute = start
    while minute <= now:
        _store(*_counted(minute, minute + MINUTE), minute, MINUTE)
        touched.add(_hour(minute))
        minute += MINUTE
    with db.engine.begin() as connection:
        for hour in sorted(touched):
            _sum_up(connection, hour)
        milestones.store(connection, MINUTES, now)
    _count_hours(_hour(hours_done), first, until)


def _count_hours(hour: datetime, end: datetime, until: float) -> None:
    """Count the hours before ``end`` that have no minutes, oldest first, and move the milestone."""
    while hour < end and time.monotonic() < until:
        span = {"begin": hour, "end": end}
        with db.engine.connect().execution_options(**READ_ONLY) as connection:
            times = [connection.scalar(statement, span) for statement in _first()]
            hour = min((_hour(at) for at in times if at is not None), default=end)
            span = {"begin": hour, "end": hour + HOUR}
            is_counted = hour == end or connection.scalar(_minutes_in(), span) is not None
        if not is_counted:
            _store(*_counted(hour, hour + HOUR), hour, HOUR)
        hour = min(end, hour + HOUR)
        with db.engine.begin() as connection:
            milestones.store(connection, HOURS, hour)


@cache
def _first() -> tuple[Any, ...]:
    """When the first event was received and the first attempt made."""
    return tuple(
        select(func.min(column)).where(_within(column))
        for column in (Event.received_at, Attempt.started_at)
    )


@cache
def _minutes_in() -> Any:
    of = SiteTraffic
    return select(of.source_id).where(of.span_s == 60, _within(of.begin)).limit(1)


def prune(now: datetime) -> None:
    """Delete counts that no chart shows any more, in short transactions."""
    for table in (SiteTraffic, DestinationTraffic):
        for span, kept in ((MINUTE, MINUTES_KEPT), (HOUR, HOURS_KEPT)):
            old = and_(table.span_s == _seconds(span), table.begin < now - kept)
            db.session.execute(delete(table).where(old))
            db.session.commit()
    db.session.execute(delete(DestinationHold).where(DestinationHold.ended_at < now - HOURS_KEPT))
    db.session.commit()


def _milestone(connection: Connection, name: str) -> datetime | None:
    return connection.scalar(select(Milestone.at).where(Milestone.name == name))


def _counted(begin: datetime, end: datetime) -> tuple[Counts, Counts]:
    """-> the counts of sites and of destinations"""
    sites: Counts = defaultdict(dict)
    destinations: Counts = defaultdict(dict)
    span = {"begin": begin, "end": end}
    with db.engine.connect().execution_options(**READ_ONLY) as connection:
        for source_id, received in connection.execute(_events(), span):
            sites[source_id]["received"] = received
        for row in connection.execute(_attempts(), span).mappings():
            _add(sites[row["source_id"]], row, ("delivered", "failed"))
            _add(destinations[row["destination_id"]], row, DESTINATION_NUMBERS[2:])
        for row in connection.execute(_finished(), span).mappings():
            _add(destinations[row["destination_id"]], row, ("delivered", "failed"))
    return sites, destinations


def _add(to: dict[str, int], row: Mapping[Any, Any], names: tuple[str, ...]) -> None:
    for name in names:
        to[name] = to.get(name, 0) + int(row[name] or 0)


def _within(column: Any) -> ColumnElement[bool]:
    return and_(column >= bindparam("begin"), column < bindparam("end"))


@cache
def _events() -> Any:
    return (
        select(Event.source_id, func.count())
        .where(_within(Event.received_at), Event.event_type.not_in(INTERNAL_TYPES))
        .group_by(Event.source_id)
    )


@cache
def _attempts() -> Any:
    """A delivery failed if this is its last attempt and Relay makes no other."""
    took, low = Attempt.elapsed_ms, 0.0
    ended = Attempt.outcome.in_(ENDED)
    buckets = []
    for name, bound in BUCKETS.items():
        inside = took > low if bound is None else and_(took > low, took <= bound)
        buckets.append(_number(and_(ended, inside)).label(name))
        low = bound or low
    accepted = Attempt.outcome == AttemptOutcome.ACCEPTED
    is_last = and_(Delivery.state == State.DEAD, Attempt.number == Delivery.attempts)
    return (
        select(
            Event.source_id,
            Delivery.destination_id,
            _number(accepted).label("delivered"),
            _number(and_(~accepted, is_last)).label("failed"),
            _number(ended).label("attempts"),
            _number(accepted).label("accepted"),
            *buckets,
        )
        .select_from(Attempt)
        .join(Delivery, Delivery.id == Attempt.delivery_id)
        .join(Event, Event.id == Delivery.event_pk)
        .where(_within(Attempt.started_at), Event.event_type.not_in(INTERNAL_TYPES))
        .group_by(Event.source_id, Delivery.destination_id)
    )


@cache
def _finished() -> Any:
    of = DeliveryMinute
    return (
        select(
            of.destination_id,
            func.sum(of.delivered + of.replays_delivered).label("delivered"),
            func.sum(of.failed + of.replays_failed).label("failed"),
        )
        .where(_within(of.minute))
        .group_by(of.destination_id)
    )


def _number(condition: ColumnElement[bool]) -> Any:
    return func.sum(case((condition, 1), else_=0))


def _store(sites: Counts, destinations: Counts, begin: datetime, span: timedelta) -> None:
    if not sites and not destinations:
        return
    with db.engine.begin() as connection:
        _write(connection, sites, begin, span, SiteTraffic, "source_id", SITE_NUMBERS)
        _write(
            connection,
            destinations,
            begin,
            span,
            DestinationTraffic,
            "destination_id",
            DESTINATION_NUMBERS,
        )


def _write(
    connection: Connection,
    counts: Counts,
    begin: datetime,
    span: timedelta,
    table: Any,
    owner: str,
    names: tuple[str, ...],
) -> None:
    """Store counts in the place of older ones."""
    if not counts:
        return
    statement = database.upsert(connection, table)
    statement = statement.on_conflict_do_update(
        index_elements=[owner, "span_s", "begin"],
        set_={name: statement.excluded[name] for name in names},
    )
    zeros = dict.fromkeys(names, 0)
    key = {"span_s": _seconds(span), "begin": begin}
    connection.execute(
        statement, [{owner: number, **key, **zeros, **found} for number, found in counts.items()]
    )


def _sum_up(connection: Connection, hour: datetime) -> None:
    """Store an hour as the sum of its minutes."""
    for table, owner, names in (
        (SiteTraffic, "source_id", SITE_NUMBERS),
        (DestinationTraffic, "destination_id", DESTINATION_NUMBERS),
    ):
        key = getattr(table, owner)
        rows = connection.execute(
            _minutes_of(table, owner, names), {"begin": hour, "end": hour + HOUR}
        )
        counts = {row[0]: dict(zip(names, map(int, row[1:]), strict=True)) for row in rows}
        _write(connection, counts, hour, HOUR, table, key.key, names)


@cache
def _minutes_of(table: Any, owner: str, names: tuple[str, ...]) -> Any:
    key = getattr(table, owner)
    sums = [func.sum(getattr(table, name)) for name in names]
    return (
        select(key, *sums)
        .where(table.span_s == _seconds(MINUTE), _within(table.begin))
        .group_by(key)
    )


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())


def _minute(instant: datetime) -> datetime:
    return instant.replace(second=0, microsecond=0)


def _hour(instant: datetime) -> datetime:
    return instant.replace(minute=0, second=0, microsecond=0)
