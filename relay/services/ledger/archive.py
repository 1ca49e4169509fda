"""Rows that are deleted are booked first: the ledger's numbers outlive the events.

Both functions join the running transaction, in which the caller deletes the rows: so no number is
ever missing or counted twice, whatever is killed in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.dialects import postgresql, sqlite

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

EVENT_KEY = (Event.source_id, utc_day(Event.received_at), Event.event_type)


def _number(condition: Any) -> Any:
    return func.sum(case((condition, 1), else_=0))


def _add(model: Any, rows: Any) -> None:
    """Add counts to ``model``: the columns of its key first, then the numbers, in the table's order."""
    insert = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    names = [column.name for column in model.__table__.columns]
    key = [column.name for column in model.__table__.primary_key.columns]
    found = [dict(zip(names, row, strict=True)) for row in db.session.execute(rows)]
    if not found:
        return
    new = insert(model)
    changed = {n: getattr(model, n) + new.excluded[n] for n in names if n not in key}
    # values, not a SELECT: SQLite cannot tell its ON from ON CONFLICT
    db.session.execute(
        new.values(sorted(found, key=lambda row: [row[n] for n in key])).on_conflict_do_update(
            index_elements=key, set_=changed
        )
    )


def book_events(ids: Sequence[int]) -> None:
    """Book events that are about to be deleted, with their deliveries, which must be settled."""
    wanted = func.coalesce(Event.delivery_count, 0)
    _add(
        ArchivedEvents,
        select(*EVENT_KEY, func.count(), _number(wanted == 0), func.sum(wanted))
        .where(Event.id.in_(ids))
        .group_by(*EVENT_KEY),
    )
    key = (*EVENT_KEY, Delivery.destination_id)
    _add(
        ArchivedDeliveries,
        select(*key, *(_number(Delivery.state == s) for s in ("delivered", "dead", "discarded")))
        .join(Event, Event.id == Delivery.event_pk)
        .where(Event.id.in_(ids))
        .group_by(*key),
    )


def book_rejections(ids: Sequence[int]) -> None:
    """Book refused requests that are about to be deleted; those of no known source are nobody's."""
    key = (Rejection.source_id, utc_day(Rejection.last_at))
    _add(
        ArchivedRejections,
        select(*key, func.sum(Rejection.count))
        .where(Rejection.id.in_(ids), Rejection.source_id.is_not(None))
        .group_by(*key),
    )
