"""Reads the ledger: stored rows and archived counts, at one moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, case, func, select

from relay import database
from relay.event_types import INTERNAL_TYPES
from relay.i18n import N_
from relay.models import (
    ArchivedDeliveries,
    ArchivedEvents,
    ArchivedRejections,
    Delivery,
    Destination,
    Event,
    Intake,
    Rejection,
    Source,
    db,
    utc_day,
)
from relay.models.delivery import is_unfinished
from relay.rules.lifecycle import OPEN, State
from relay.rules.states import SourceState
from relay.services.ledger.model import DAY, Books, LedgerDestination, LedgerLine, Period
from relay.services.ledger.parts import any_of, ranges_of

AT_ONCE = 10_000  # more events than can be stored at the same moment, so not in the order of time
NOT_DELIVERED = tuple(state for state in State if state is not State.DELIVERED)
EVENT_KEY = (Event.source_id, utc_day(Event.received_at), Event.event_type)


def snapshot(engine: Engine | None = None) -> AbstractContextManager[Connection]:
    """A reader with statements that all see the database at the same moment, by default the primary."""
    return database.snapshot(engine or db.engine)


def read(connection: Connection, period: Period, source_id: int | None = None) -> Books:
    """The lines of a period, counted from every row.  Internal events are in no line."""
    return _read(_Reader(connection, period, source_id))


def read_parts(connection: Connection, period: Period, source_id: int | None = None) -> Books:
    """The same for a page: what was counted already is not counted again (see ``parts``)."""
    return _read(_PartsReader(connection, period, source_id))


def _read(reader: _Reader) -> Books:
    for step in (reader.door, reader.events, reader.deliveries, reader.booked, reader.refusals):
        step()
    return reader.books


def two_days(source_id: int) -> dict[str, LedgerLine]:
    """A source's lines of today and yesterday."""
    with snapshot() as connection:
        today = database.now(connection).date()
        lines = read_parts(connection, Period(today - DAY, today), source_id).lines()
    found = {line.day: line for line in lines}
    days = {N_("Today"): today, N_("Yesterday"): today - DAY}
    return {word: found.get(day, LedgerLine(source_id, day)) for word, day in days.items()}


@dataclass(frozen=True)
class Site:
    """A source in the ledger."""

    slug: str
    name: str
    is_removed: bool = False


@dataclass(frozen=True)
class Names:
    """The names of all sources and destinations, including removed ones, by their numbers."""

    sites: dict[int, Site]
    places: dict[int, str]


def names_in(connection: Connection) -> Names:
    sites = connection.execute(select(Source.id, Source.slug, Source.name, Source.state))
    places = connection.execute(select(Destination.id, Destination.name))
    return Names(
        {row.id: Site(row.slug, row.name, row.state == SourceState.CLOSED) for row in sites},
        {row.id: row.name for row in places},
    )


def _number(condition: Any) -> Any:
    return func.sum(case((condition, 1), else_=0))


class _Reader:
    def __init__(self, connection: Connection, period: Period, source_id: int | None):
        self.connection, self.period, self.source_id = connection, period, source_id
        self.books = Books()

    def _rows(self, statement: Any, table: Any, at: Any = None) -> Iterator[Any]:
        """The rows of the period, by the time ``at`` or by the table's day."""
        if self.source_id is not None:
            statement = statement.where(table.source_id == self.source_id)
        if hasattr(table, "event_type"):
            statement = statement.where(table.event_type.not_in(INTERNAL_TYPES))
        if at is not None:
            statement = statement.where(at >= self.period.begin, at < self.period.end)
        else:
            statement = statement.where(table.day.between(self.period.first, self.period.last))
        yield from self.connection.execute(statement)

    def _counted_here(self) -> list[Any]:
        """Which events are counted row by row: all of the period."""
        return []

    def door(self) -> None:
        key = (Intake.source_id, Intake.day, Intake.event_type)
        counts = select(*key, func.sum(Intake.received), func.sum(Intake.duplicates))
        for source, day, kind, received, duplicates in self._rows(counts.group_by(*key), Intake):
            line = self.books.line(source, day, kind)
            line.received, line.duplicates = int(received), int(duplicates)

    def events(self) -> None:
        counts = select(
            *EVENT_KEY,
            func.count(),
            _number(Event.routed_at.is_(None)),
            _number(Event.delivery_count == 0),
            func.coalesce(func.sum(Event.delivery_count), 0),
        )
        counts = counts.where(*self._counted_here()).group_by(*EVENT_KEY)
        for source, day, kind, events, unrouted, unwanted, wanted in self._rows(
            counts, Event, Event.received_at
        ):
            more = LedgerLine(source, day, events=events, unrouted=unrouted, unwanted=unwanted)
            more.wanted = int(wanted)
            self.books.line(source, day, kind).add(more)

    def deliveries(self) -> None:
        key = (*EVENT_KEY, Delivery.destination_id, Delivery.state)
        counts = select(*key, func.count()).join(Event, Event.id == Delivery.event_pk)
        counts = counts.where(*self._counted_here()).group_by(*key)
        for source, day, kind, to, state, count in self._rows(counts, Event, Event.received_at):
            name = "waiting" if state in OPEN else state
            self.books.line(source, day, kind).place(to).add(LedgerDestination(**{name: count}))

    def booked(self) -> None:
        of: Any = ArchivedEvents
        counts = select(of.source_id, of.day, of.event_type, of.events, of.unwanted, of.wanted)
        for source, day, kind, events, unwanted, wanted in self._rows(counts, of):
            more = LedgerLine(source, day, events=events, unwanted=unwanted, wanted=wanted)
            self.books.line(source, day, kind).add(more)
        of = ArchivedDeliveries
        ends = (of.delivered, of.dead, of.discarded)
        counts = select(of.source_id, of.day, of.event_type, of.destination_id, *ends)
        for source, day, kind, to, delivered, dead, discarded in self._rows(counts, of):
            gone = LedgerDestination(delivered=delivered, dead=dead, discarded=discarded)
            self.books.line(source, day, kind).place(to).add(gone)

    def refusals(self) -> None:
        key = (Rejection.source_id, utc_day(Rejection.last_at))
        kept = select(*key, func.sum(Rejection.count)).where(Rejection.source_id.is_not(None))
        of = ArchivedRejections
        for rows in (
            self._rows(kept.group_by(*key), Rejection, Rejection.last_at),
            self._rows(select(of.source_id, of.day, of.refused), of),
        ):
            for source, day, count in rows:
                self.books.refuse(source, day, int(count))
        if self.source_id is None:
            unknown = select(func.sum(Rejection.count)).where(Rejection.source_id.is_(None))
            [(strangers,)] = self._rows(unknown, Rejection, Rejection.last_at)
            self.books.strangers = int(strangers or 0)


class _PartsReader(_Reader):
    """Reads counted parts; of their deliveries only those that are not delivered are rows to count."""

    def __init__(self, connection: Connection, period: Period, source_id: int | None):
        super().__init__(connection, period, source_id)
        self.ranges = ranges_of(connection, period, source_id)

    def _counted_here(self) -> list[Any]:
        return [any_of(self.ranges.raw)]

    def events(self) -> None:
        super().events()
        for source, begin, lines in self.ranges.parts:
            for kind, (events, unwanted, wanted, places) in lines.items():
                more = LedgerLine(source, begin.date(), events=events, unwanted=unwanted)
                more.wanted = wanted
                line = self.books.line(source, begin.date(), kind)
                line.add(more)
                for to, count in places.items():
                    line.place(int(to)).add(LedgerDestination(delivered=count))

    def deliveries(self) -> None:
        super().deliveries()
        if not self.ranges.parts:
            return
        key = (*EVENT_KEY, Delivery.destination_id, Delivery.state)
        counts = (
            select(*key, func.count())
            .join(Event, Event.id == Delivery.event_pk)
            .where(
                is_unfinished(),
                Delivery.state.in_(NOT_DELIVERED),
                Delivery.event_pk >= self._first_id(),
                any_of(self.ranges.counted),
            )
            .group_by(*key)
        )
        for source, day, kind, to, state, count in self._rows(counts, Event, Event.received_at):
            name = "waiting" if state in OPEN else state
            less = LedgerDestination(**{name: count, "delivered": -count})
            self.books.line(source, day, kind).place(to).add(less)

    def _first_id(self) -> int:
        """No event of the period has a lower id, so older failures are not read."""
        first = (
            select(Event.id)
            .where(Event.received_at >= self.period.begin)
            .order_by(Event.received_at)
            .limit(1)
        )
        return (self.connection.scalar(first) or 0) - AT_ONCE
