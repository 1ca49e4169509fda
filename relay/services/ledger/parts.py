"""The counted parts of the ledger: hours, and days once they are over.

How many events were received in an hour, and how many deliveries the router wrote for them, never
changes once all of them are routed.  The scheduler counts that once.  A page then reads these parts, and
counts only what can still change: the deliveries that are not delivered, which have an index, and the
events since the last part.  So it costs the same in a long history as in a short one.

The nightly check does not use the parts: it counts every row again.  A day of which events were
deleted is not read from its parts either, see ``ranges_of``.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, delete, func, or_, select, true, union

from relay import database
from relay.database import READ_ONLY
from relay.event_types import INTERNAL_TYPES
from relay.models import ArchivedDeliveries, ArchivedEvents, Delivery, Event, LedgerPart, Source, db
from relay.services.ledger.model import DAY, Period

HOUR = timedelta(hours=1)
SETTLED = timedelta(minutes=2)  # an event that was received before may still be committed
KEPT_DAYS = 62  # as many as the ledger shows
BUDGET_S = 2.0
Lines = dict[str, list[Any]]  # by event type: events, unwanted, wanted, {destination: deliveries}


@dataclass(frozen=True)
class Range:
    """A span of time, for all sources, for ``only`` some, or for all ``but`` some."""

    begin: datetime
    end: datetime
    only: frozenset[int] | None = None
    but: frozenset[int] = frozenset()

    def holds(self) -> ColumnElement[bool]:
        """Of ``Event``."""
        found = [Event.received_at >= self.begin, Event.received_at < self.end]
        if self.only is not None:
            found.append(Event.source_id.in_(self.only))
        if self.but:
            found.append(Event.source_id.not_in(self.but))
        return and_(*found)


@dataclass(frozen=True)
class Ranges:
    """``raw`` is what is counted from the rows; ``parts`` are (source, begin, lines) of the rest."""

    raw: list[Range]
    counted: list[Range]
    parts: list[tuple[int, datetime, Lines]]


def ranges_of(connection: Connection, period: Period, source_id: int | None) -> Ranges:
    """How to read a period.

    Deleted events are in the archived counts, so of a source and day with such counts only the rows
    that are left are counted.  Deliveries are deleted some time before their events.
    """
    wanted = select(
        LedgerPart.source_id, LedgerPart.begin, LedgerPart.until, LedgerPart.lines
    ).where(LedgerPart.begin >= period.begin, LedgerPart.until <= period.end)
    archived = [
        select(model.source_id, model.day).where(model.day.between(period.first, period.last))
        for model in (ArchivedEvents, ArchivedDeliveries)
    ]
    if source_id is not None:
        wanted = wanted.where(LedgerPart.source_id == source_id)
    rows = connection.execute(wanted.order_by(LedgerPart.begin)).all()
    gone: dict[date, set[int]] = defaultdict(set)
    for source, day in connection.execute(union(*archived)):
        gone[day].add(source)
    spans = sorted({(row.begin, row.until) for row in rows})
    counted = [Range(begin, end, but=frozenset(gone[begin.date()])) for begin, end in spans]
    raw = [
        *_gaps(spans, period),
        *(Range(one.begin, one.end, only=one.but) for one in counted if one.but),
    ]
    parts = [
        (row.source_id, row.begin, row.lines)
        for row in rows
        if row.source_id not in gone[row.begin.date()]
    ]
    return Ranges(_merged(raw), _merged(counted), parts)


def _gaps(spans: Iterable[tuple[datetime, datetime]], period: Period) -> list[Range]:
    found, at = [], period.begin
    for begin, end in spans:
        if begin > at:
            found.append(Range(at, begin))
        at = max(at, end)
    return [*found, Range(at, period.end)] if at < period.end else found


def _merged(ranges: Iterable[Range]) -> list[Range]:
    """Ranges that follow one another, for the same sources, as one."""
    found: list[Range] = []
    for one in sorted(ranges, key=lambda r: (sorted(r.only or ()), sorted(r.but), r.begin)):
        last = found[-1] if found else None
        if last and (last.end, last.only, last.but) == (one.begin, one.only, one.but):
            found[-1] = Range(last.begin, one.end, one.only, one.but)
        else:
            found.append(one)
    return found


def any_of(ranges: Sequence[Range]) -> ColumnElement[bool]:
    """Whether an ``Event`` is in one of the ranges."""
    if not ranges:
        return ~true()
    return or_(*(one.holds() for one in ranges))


def count_parts(budget_s: float = BUDGET_S) -> int:
    """Count the hours that are over, newest first, and put days together.  -> how many parts were stored

    No part is begun after ``budget_s`` seconds, so a long history takes several calls.
    """
    until, stored = time.monotonic() + budget_s, 0
    with db.engine.connect().execution_options(**READ_ONLY) as connection:
        now = database.now(connection)
        end = _hour_start(now - SETTLED)
        oldest = connection.scalar(select(func.min(Event.received_at)))
        first = max(oldest.date() if oldest else end.date(), end.date() - DAY * (KEPT_DAYS - 1))
        spans = connection.execute(select(LedgerPart.begin, LedgerPart.until).distinct()).all()
    known = {(row.begin, row.until) for row in spans}
    for number in range((end.date() - first).days + 1):
        day = Period(end.date() - DAY * number, end.date() - DAY * number)
        if (day.begin, day.end) in known:
            continue
        hours = [day.begin + HOUR * n for n in range(24) if day.begin + HOUR * n < end]
        for hour in reversed(hours):
            if (hour, hour + HOUR) in known:
                continue
            if time.monotonic() >= until:
                return stored
            if _store_hour(hour):
                known.add((hour, hour + HOUR))
                stored += 1
        if len(hours) == 24 and all((hour, hour + HOUR) in known for hour in hours):
            _store_day(day)
            stored += 1
    with db.engine.begin() as connection:
        connection.execute(
            delete(LedgerPart).where(LedgerPart.begin < Period(first, first).begin - DAY)
        )
    return stored


def _store_hour(begin: datetime) -> bool:
    """-> False if an event of that hour is not routed yet"""
    hour = Range(begin, begin + HOUR)
    with database.snapshot(db.engine) as connection:
        waits = select(Event.id).where(Event.routed_at.is_(None), hour.holds()).limit(1)
        if connection.scalar(waits) is not None:
            return False
        lines = _count(connection, hour)
    _store(begin, hour.end, lines)
    return True


def _count(connection: Connection, hour: Range) -> dict[int, Lines]:
    found: dict[int, Lines] = defaultdict(dict)
    key = (Event.source_id, Event.event_type)
    ours = (hour.holds(), Event.event_type.not_in(INTERNAL_TYPES))
    wanted = func.coalesce(Event.delivery_count, 0)
    for source, kind, *numbers in connection.execute(
        select(
            *key,
            func.count(),
            func.sum(case((wanted == 0, 1), else_=0)),
            func.sum(wanted),
        )
        .where(*ours)
        .group_by(*key)
    ):
        found[source][kind] = [*map(int, numbers), {}]
    for source, kind, to, count in connection.execute(
        select(*key, Delivery.destination_id, func.count())
        .join(Event, Event.id == Delivery.event_pk)
        .where(*ours)
        .group_by(*key, Delivery.destination_id)
    ):
        found[source][kind][3][str(to)] = count
    return found


def _store_day(day: Period) -> None:
    """The sum of its hours, in their place."""
    inside = and_(LedgerPart.begin >= day.begin, LedgerPart.until <= day.end)
    with db.engine.begin() as connection:
        sums: dict[int, Lines] = defaultdict(dict)
        for source, lines in connection.execute(
            select(LedgerPart.source_id, LedgerPart.lines).where(inside)
        ):
            for kind, (events, unwanted, wanted, places) in lines.items():
                line = sums[source].setdefault(kind, [0, 0, 0, {}])
                line[:3] = line[0] + events, line[1] + unwanted, line[2] + wanted
                for to, count in places.items():
                    line[3][to] = line[3].get(to, 0) + count
        connection.execute(delete(LedgerPart).where(inside))
        _insert(connection, day.begin, day.end, sums)


def _store(begin: datetime, until: datetime, lines: dict[int, Lines]) -> None:
    with db.engine.begin() as connection:
        _insert(connection, begin, until, lines)


def _insert(
    connection: Connection, begin: datetime, until: datetime, lines: dict[int, Lines]
) -> None:
    rows = [
        {"source_id": source, "begin": begin, "until": until, "lines": lines.get(source, {})}
        for source in connection.scalars(select(Source.id).order_by(Source.id))
    ]
    if rows:
        new = database.upsert(connection, LedgerPart).values(rows)
        connection.execute(
            new.on_conflict_do_update(
                index_elements=["source_id", "begin"],
                set_={"until": new.excluded.until, "lines": new.excluded.lines},
            )
        )


def _hour_start(instant: datetime) -> datetime:
    return instant.replace(minute=0, second=0, microsecond=0)
