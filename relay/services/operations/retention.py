"""What is kept for how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import ColumnElement, Select, and_, delete, or_, select

from relay.models import AiAnswer, AiUse, Attempt, DeadLetter, Delivery, Event, Rejection, db
from relay.services.audit import By, record
from relay.services.ledger import archive as ledger_archive
from relay.services.sources import keys

BATCH = 500
BOOKS = timedelta(days=62)  # what AI steps cost: this month and the one before


@dataclass(frozen=True)
class Pruned:
    """How many rows of each were deleted."""

    events: int
    rejections: int


def _is_over() -> ColumnElement[bool]:
    """Whether an event was routed, and its deliveries are all settled and wait for nobody."""
    waiting = (
        select(Delivery.id)
        .outerjoin(DeadLetter, DeadLetter.delivery_id == Delivery.id)
        .where(
            Delivery.event_pk == Event.id,
            or_(Delivery.state.not_in(("delivered", "discarded")), DeadLetter.state != "resolved"),
        )
        .exists()
    )
    return and_(Event.routed_at.is_not(None), ~waiting)


def _expired(before: datetime, after_id: int) -> Select[int]:
    return (
        select(Event.id)
        .where(Event.id > after_id, Event.received_at < before, _is_over())
        .order_by(Event.id)
        .limit(BATCH)
    )


def _still_over(ids: Sequence[int]) -> Sequence[int]:
    """Those of ``ids`` that nobody is sending again just now; none can begin to until the commit."""
    db.session.execute(select(Delivery.id).where(Delivery.event_pk.in_(ids)).with_for_update())
    return db.session.scalars(select(Event.id).where(Event.id.in_(ids), _is_over())).all()


def prune(by: By) -> Pruned:
    """Delete settled events and refused requests past RELAY_RETENTION_DAYS, in short transactions.

    An event with an open delivery or an unresolved dead letter stays.  What goes is booked in the
    ledger by the same transaction.
    """
    before = keys.database_now() - timedelta(
        days=current_app.extensions["relay_config"].retention_days
    )
    events = rejections = last = 0
    while found := db.session.scalars(_expired(before, last)).all():
        ids, last = _still_over(found), found[-1]
        ledger_archive.book_events(ids)
        gone = select(Delivery.id).where(Delivery.event_pk.in_(ids))
        for table in (Attempt, DeadLetter):
            db.session.execute(delete(table).where(table.delivery_id.in_(gone)))
        db.session.execute(delete(Delivery).where(Delivery.event_pk.in_(ids)))
        db.session.execute(delete(Event).where(Event.id.in_(ids)))
        db.session.commit()
        events += len(ids)
    _prune_ai(before)
    old = select(Rejection.id).where(Rejection.last_at < before).limit(BATCH)
    while ids := db.session.scalars(old).all():
        ledger_archive.book_rejections(ids)
        db.session.execute(delete(Rejection).where(Rejection.id.in_(ids)))
        db.session.commit()
        rejections += len(ids)
    if events or rejections:
        record(by, "retention.prune", "events", events=events, rejections=rejections)
    db.session.commit()
    return Pruned(events, rejections)


def _prune_ai(before: datetime) -> None:
    """Kept answers that nobody used since then, and the books of AI steps, which stay longer."""
    for table, old in (
        (AiAnswer, AiAnswer.used_at < before),
        (AiUse, AiUse.day < min(before, keys.database_now() - BOOKS).date()),
    ):
        found = select(table.id).where(old).limit(BATCH)
        while ids := db.session.scalars(found).all():
            db.session.execute(delete(table).where(table.id.in_(ids)))
            db.session.commit()
