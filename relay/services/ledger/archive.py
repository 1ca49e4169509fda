"""Archived counts: rows are added to them before they are deleted, so the numbers outlive the
events.

The functions join the transaction in which the caller deletes the rows, so no number is ever
missing or counted twice, even if a process is killed in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import case, func, select

from relay import database
from relay.models import (
    ArchivedDeliveries,
    ArchivedEvents,
    ArchivedRejections,
    Delivery,
    Event,
    Rejection,
    db,
    utc_day,
)
from relay.rules.lifecycle import SETTLED

EVENT_KEY = (Event.source_id, utc_day(Event.received_at), Event.event_type)


def _number(condition: Any) -> Any:
    return func.sum(case((condition, 1), else_=0))


def _add(model: Any, rows: Iterable[Sequence[Any]]) -> None:
    """Add counts to ``model``: the columns of its key first, then the numbers, in the table's order."""
    names = [column.name for column in model.__table__.columns]
    key = [column.name for column in model.__table__.primary_key.columns]
    found = [dict(zip(names, row, strict=True)) for row in rows]
    if not found:
        return
    new = database.upsert(db.session, model)
    changed = {n: getattr(model, n) + new.excluded[n] for n in names if n not in key}
    # values, not a SELECT: SQLite would read its ON as that of a join
    db.session.execute(
        new.values(sorted(found, key=lambda row: [row[n] for n in key])).on_conflict_do_update(
            index_elements=key, set_=changed
        )
    )


def book_events(ids: Sequence[int]) -> None:
    """Archive events that are about to be deleted, with their deliveries, which must be settled."""
    wanted = func.coalesce(Event.delivery_count, 0)
    add_events(
        db.session.execute(
            select(*EVENT_KEY, func.count(), _number(wanted == 0), func.sum(wanted))
            .where(Event.id.in_(ids))
            .group_by(*EVENT_KEY)
        )
    )
    key = (*EVENT_KEY, Delivery.destination_id)
    _add(
        ArchivedDeliveries,
        db.session.execute(
            select(*key, *(_number(Delivery.state == s) for s in SETTLED))
            .join(Event, Event.id == Delivery.event_pk)
            .where(Event.id.in_(ids))
            .group_by(*key)
        ),
    )


def add_events(counts: Iterable[Sequence[Any]]) -> None:
    """Archive counts of events: source id, day, type, number, number without and number of deliveries."""
    _add(ArchivedEvents, counts)


def book_rejections(ids: Sequence[int]) -> None:
    """Archive rejections that are about to be deleted; those without a source are not counted."""
    key = (Rejection.source_id, utc_day(Rejection.last_at))
    _add(
        ArchivedRejections,
        db.session.execute(
            select(*key, func.sum(Rejection.count))
            .where(Rejection.id.in_(ids), Rejection.source_id.is_not(None))
            .group_by(*key)
        ),
    )
