"""Retention: what is deleted, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import ColumnElement, Select, and_, delete, or_, select

from relay import database
from relay.models import AiAnswer, AiUse, Attempt, DeadLetter, Delivery, Event, Rejection, db
from relay.rules.lifecycle import State
from relay.rules.states import DeadLetterState
from relay.services.alerts import pruning
from relay.services.audit import By, record
from relay.services.ledger import archive as ledger_archive

BATCH = 500
BOOKS = timedelta(days=62)  # costs of AI steps: this month and the one before


@dataclass(frozen=True)
class Pruned:
    """How many rows of each were deleted."""

    events: int
    rejections: int


def _is_over() -> ColumnElement[bool]:
    """Whether an event is routed and all its deliveries are settled and resolved."""
    waiting = (
        select(Delivery.id)
        .outerjoin(DeadLetter, DeadLetter.delivery_id == Delivery.id)
        .where(
            Delivery.event_pk == Event.id,
            or_(
                Delivery.state.not_in((State.DELIVERED, State.DISCARDED)),
                DeadLetter.state != DeadLetterState.RESOLVED,
            ),
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
    """Those of ``ids`` that no one is sending again; none can start until the commit."""
    db.session.execute(select(Delivery.id).where(Delivery.event_pk.in_(ids)).with_for_update())
    return db.session.scalars(select(Event.id).where(Event.id.in_(ids), _is_over())).all()


def prune(by: By) -> Pruned:
    """Delete settled events and refused requests past RELAY_RETENTION_DAYS, in short transactions.

    An event with an open delivery or an unresolved dead letter stays.  Deleted rows are added to the
    ledger's archived counts in the same transaction.
    """
    now = database.now(db.session)
    before = now - timedelta(days=current_app.extensions["relay_config"].retention_days)
    # Before the events: a canary's event is deleted without a count in the ledger.
    pruning.prune()
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
    """Stored answers not used since then, and the uses of AI steps, which are kept longer."""
    for table, old in (
        (AiAnswer, AiAnswer.used_at < before),
        (AiUse, AiUse.day < min(before, database.now(db.session) - BOOKS).date()),
    ):
        found = select(table.id).where(old).limit(BATCH)
        while ids := db.session.scalars(found).all():
            db.session.execute(delete(table).where(table.id.in_(ids)))
            db.session.commit()
