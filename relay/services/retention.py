"""What is kept for how long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import Select, delete, or_, select

from relay.models import AiAnswer, AiUse, Attempt, DeadLetter, Delivery, Event, Rejection, db
from relay.services import keys
from relay.services.audit import By, record

BATCH = 500
BOOKS = timedelta(days=62)  # what AI steps cost: this month and the one before


@dataclass(frozen=True)
class Pruned:
    """How many rows of each were deleted."""

    events: int
    rejections: int


def _expired(before: datetime, after_id: int) -> Select[int]:
    """Routed events whose deliveries are all settled and wait for nobody."""
    waiting = (
        select(Delivery.id)
        .outerjoin(DeadLetter, DeadLetter.delivery_id == Delivery.id)
        .where(
            Delivery.event_pk == Event.id,
            or_(Delivery.state.not_in(("delivered", "discarded")), DeadLetter.state != "resolved"),
        )
        .exists()
    )
    return (
        select(Event.id)
        .where(
            Event.id > after_id,
            Event.received_at < before,
            Event.routed_at.is_not(None),
            ~waiting,
        )
        .order_by(Event.id)
        .limit(BATCH)
    )


def prune(by: By) -> Pruned:
    """Delete settled events and refused requests past RELAY_RETENTION_DAYS, in short transactions.

    An event with an open delivery or an unresolved dead letter stays.
    """
    before = keys.database_now() - timedelta(
        days=current_app.extensions["relay_config"].retention_days
    )
    events = rejections = last = 0
    while ids := db.session.scalars(_expired(before, last)).all():
        gone = select(Delivery.id).where(Delivery.event_pk.in_(ids))
        for table in (Attempt, DeadLetter):
            db.session.execute(delete(table).where(table.delivery_id.in_(gone)))
        db.session.execute(delete(Delivery).where(Delivery.event_pk.in_(ids)))
        db.session.execute(delete(Event).where(Event.id.in_(ids)))
        db.session.commit()
        events, last = events + len(ids), ids[-1]
    _prune_ai(before)
    old = select(Rejection.id).where(Rejection.last_at < before).limit(BATCH)
    while ids := db.session.scalars(old).all():
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
