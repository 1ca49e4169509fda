"""Search the events backwards, with a bound on the rows that one request examines.

No index finds a part of a text: one that does costs an event more than its own row does (see
docs/performance.md).  Instead, a search examines the newest rows first, window by window, until a page is full
or ``BUDGET_S`` is over.  It then says how far it came, and the next request goes on from there.

A window is a number of rows, not a time, so a request costs the same in a long history as in a
short one.  Rows that an index finds, such as the failed deliveries, are candidates: only they are
examined.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select

from relay.models import Delivery, Event, db
from relay.models.delivery import is_unfinished
from relay.rules.lifecycle import State

BUDGET_S = 0.06  # no further window is begun after it
FIRST_WINDOW, WIDEST_WINDOW = 2_000, 16_000  # rows
FIRST_CANDIDATES, MOST_CANDIDATES = 250, 1_000
GROWTH = 4
Conditions = Sequence[ColumnElement[bool]]
# the newest ids below one (None: of all), at most so many
Candidates = Callable[[int | None, int], list[int]]


@dataclass(frozen=True)
class Position:
    """A place in the list: after the event with this time and id."""

    at: datetime
    id: int


@dataclass
class Found:
    """``ids`` of events, newest first.  ``position`` is where to go on; None at the end of the history.

    ``is_cut``: the budget was over, so further events may match.
    """

    ids: list[int] = field(default_factory=list)
    position: Position | None = None
    is_cut: bool = False

    def take(self, rows: Sequence[Any], limit: int) -> bool:
        """Add rows of (id, received_at).  -> whether there are more than ``limit``"""
        for row in rows:
            if len(self.ids) == limit:
                return True
            self.ids.append(row.id)
            self.position = Position(row.received_at, row.id)
        return False


def position_of(event_id: int) -> Position | None:
    """The place of an event, or of the next older one if it was deleted; None if all are newer."""
    row = db.session.execute(
        select(Event.id, Event.received_at)
        .where(Event.id <= event_id)
        .order_by(Event.id.desc())
        .limit(1)
    ).first()
    return Position(row.received_at, event_id) if row else None


def by_time(drive: Conditions, wanted: Conditions, after: int | None, limit: int) -> Found:
    """The newest events below ``after`` that match both.

    ``drive`` must be answered by an index that ends with ``received_at``.  ``wanted`` is tested row by
    row; without any, the index alone leads to the page.
    """
    found = Found()
    place = position_of(after) if after is not None else None
    if after is not None and place is None:
        return found
    for size in _sizes(FIRST_WINDOW, WIDEST_WINDOW):
        begin = _start_of_window(drive, place, size) if wanted else None
        since = [] if begin is None else [Event.received_at >= begin]
        rows = db.session.execute(
            select(Event.id, Event.received_at)
            .where(*drive, *wanted, *_below(place), *since)
            .order_by(Event.received_at.desc(), Event.id.desc())
            .limit(limit + 1 - len(found.ids))
        ).all()
        if found.take(rows, limit):
            return found
        if begin is None:
            found.position = None
            return found
        place = _end_of(drive, begin)
    found.position, found.is_cut = place, True
    return found


def by_candidates(
    candidates: Candidates, wanted: Conditions, after: int | None, limit: int
) -> Found:
    """The newest of the ``candidates`` that match ``wanted``."""
    found, below = Found(), after
    for size in _sizes(FIRST_CANDIDATES, MOST_CANDIDATES):
        ids = candidates(below, size)
        rows = db.session.execute(
            select(Event.id, Event.received_at)
            .where(Event.id.in_(ids), *wanted)
            .order_by(Event.id.desc())
            .limit(limit + 1 - len(found.ids))
        ).all()
        if found.take(rows, limit):
            return found
        if len(ids) < size:
            found.position = None
            return found
        below = ids[-1]
    found.position, found.is_cut = position_of(below) if below is not None else None, True
    return found


def with_delivery_in(*states: State) -> Candidates:
    """Events with a delivery in one of these states, by ``ix_delivery_unfinished``."""

    def candidates(below: int | None, size: int) -> list[int]:
        ids: set[int] = set()
        for state in states:  # one at a time: the index has the events of each in order
            newest = (
                select(Delivery.event_pk)
                .where(Delivery.state == state.value, is_unfinished())
                .order_by(Delivery.event_pk.desc())
                .distinct()
                .limit(size)
            )
            if below is not None:
                newest = newest.where(Delivery.event_pk < below)
            ids.update(db.session.scalars(newest))
        return sorted(ids, reverse=True)[:size]

    return candidates


def not_routed(below: int | None, size: int) -> list[int]:
    newest = select(Event.id).where(Event.routed_at.is_(None)).order_by(Event.id.desc()).limit(size)
    return list(db.session.scalars(newest if below is None else newest.where(Event.id < below)))


def _sizes(first: int, most: int) -> Any:
    """The sizes of the windows of one request: one at least, none after its budget."""
    until, size = time.monotonic() + BUDGET_S, first
    while True:
        yield size
        if time.monotonic() >= until:
            return
        size = min(size * GROWTH, most)


def _below(place: Position | None) -> Conditions:
    if place is None:
        return []
    earlier = or_(Event.received_at < place.at, Event.id < place.id)
    return [and_(Event.received_at <= place.at, earlier)]


def _start_of_window(drive: Conditions, place: Position | None, size: int) -> datetime | None:
    """When the last of the next ``size`` events was received; None if there are not so many."""
    return db.session.scalar(
        select(Event.received_at)
        .where(*drive, *_below(place))
        .order_by(Event.received_at.desc())
        .offset(size - 1)
        .limit(1)
    )


def _end_of(drive: Conditions, begin: datetime) -> Position:
    """After all events of the window, also those received in the same moment."""
    last = select(Event.id).where(*drive, Event.received_at == begin).order_by(Event.id).limit(1)
    return Position(begin, db.session.scalar(last) or 0)
