"""Retention: what is deleted, and when.

A site may have its own number of days.  Events that an unresolved delivery keeps lose their data after
a hard limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, tuple_

from relay import database
from relay.models import (
    AiAnswer,
    AiUse,
    Attempt,
    DeadLetter,
    Delivery,
    Event,
    ObjectRevision,
    Rejection,
    Source,
    db,
)
from relay.rules.lifecycle import State
from relay.rules.states import DeadLetterState
from relay.services.alerts import pruning
from relay.services.audit import By, record
from relay.services.ledger import archive as ledger_archive
from relay.services.operations import bodies, dropping, partitions, unresolved
from relay.services.settings import retention as retention_settings
from relay.services.traffic import counting as traffic_counting

BATCH = 500
LATE = timedelta(days=14)
BOOKS = timedelta(days=62)  # costs of AI steps: this month and the one before


@dataclass(frozen=True)
class Pruned:
    """How many rows of each were deleted, and how many unresolved events lost their data."""

    events: int
    rejections: int
    emptied: int = 0


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


def _received_before(cutoffs: Mapping[int | None, datetime]) -> ColumnElement[bool]:
    """``cutoffs`` are times by source; None is for all other sources."""
    own = {source: at for source, at in cutoffs.items() if source is not None}
    others = Event.received_at < cutoffs[None]
    if not own:
        return others
    return or_(
        and_(Event.source_id.not_in(own), others),
        *(and_(Event.source_id == one, Event.received_at < at) for one, at in own.items()),
    )


def cutoffs_of(now: datetime) -> dict[int | None, datetime]:
    """Finished events received before these times are deleted; None is for sites without own days."""
    rows = db.session.execute(
        select(Source.id, Source.retention_days).where(Source.retention_days.is_not(None))
    )
    days: dict[int | None, int] = {row.id: row.retention_days for row in rows}
    days[None] = retention_settings.days().retention_days
    return {source: now - timedelta(days=count) for source, count in days.items()}


def _delete_expired(cutoffs: Mapping[int | None, datetime]) -> int:
    """Delete events past ``cutoffs`` that are over, row by row, in short transactions.  -> how many"""
    old = and_(_received_before(cutoffs), *_elsewhere(cutoffs))
    # counted too, so that PostgreSQL takes the index on the time and not the one on the id
    first, last, _ = db.session.execute(
        select(func.min(Event.id), func.max(Event.id), func.count()).where(old)
    ).one()
    db.session.commit()
    if first is None:
        return 0
    count, after = 0, first - 1
    wanted = select(Event.id).where(old, Event.id <= last).order_by(Event.id).limit(BATCH)
    while found := db.session.scalars(wanted.where(Event.id > after)).all():
        ids, after = _still_over(found), found[-1]
        if ids:
            _delete_events(ids)
        db.session.commit()
        count += len(ids)
    return count


def _elsewhere(cutoffs: Mapping[int | None, datetime]) -> list[ColumnElement[bool]]:
    """Leaves out the partitions that are dropped as a whole."""
    parts = dropping.dropped_whole(cutoffs)
    return [~Event.id.between(one.first, one.end - 1) for one in parts]


def _still_over(ids: Sequence[int]) -> Sequence[int]:
    """Those of ``ids`` that are over and that no one is sending again; none can start until the commit."""
    db.session.execute(select(Delivery.id).where(Delivery.event_pk.in_(ids)).with_for_update())
    return db.session.scalars(select(Event.id).where(Event.id.in_(ids), _is_over())).all()


def _delete_events(ids: Sequence[int]) -> None:
    ledger_archive.book_events(ids)
    # as a list: PostgreSQL would read all attempts to join them
    gone = db.session.scalars(select(Delivery.id).where(Delivery.event_pk.in_(ids))).all()
    for table in (Attempt, DeadLetter):
        db.session.execute(delete(table).where(table.delivery_id.in_(gone)))
    db.session.execute(delete(Delivery).where(Delivery.event_pk.in_(ids)))
    db.session.execute(delete(Event).where(Event.id.in_(ids)))


def prune(by: By) -> Pruned:
    """Delete settled events past the days of their site, and refused requests, in short transactions.

    An event with an open delivery or an unresolved dead letter stays, without its data after
    RELAY_UNRESOLVED_RETENTION_DAYS.  Deleted rows are added to the ledger's archived counts in the
    same transaction.
    """
    now = database.now(db.session)
    cutoffs = cutoffs_of(now)
    db.session.commit()
    # Before the events: a canary's event is deleted without a count in the ledger.
    pruning.prune()
    traffic_counting.prune(now)
    events = rejections = 0
    with partitions.alone() as is_alone:
        if is_alone:  # else the other process counts the same events in the ledger
            events = dropping.drop_expired(cutoffs) + _delete_expired(cutoffs)
    emptied = unresolved.empty(now, cutoffs)
    bodies.delete_old(now)
    _prune_revisions(min(cutoffs.values()), now)
    # An answer does not say which site it was made for, so the shortest retention applies.
    _prune_ai(max(cutoffs.values()))
    refused = select(Rejection.id).where(Rejection.last_at < cutoffs[None]).limit(BATCH)
    while ids := db.session.scalars(refused).all():
        ledger_archive.book_rejections(ids)
        db.session.execute(delete(Rejection).where(Rejection.id.in_(ids)))
        db.session.commit()
        rejections += len(ids)
    if events or rejections or emptied:
        more = {"emptied": emptied} if emptied else {}
        record(by, "retention.prune", "events", events=events, rejections=rejections, **more)
    db.session.commit()
    database.give_back_space(db.engine)
    database.forget_deleted(db.engine)
    return Pruned(events, rejections, emptied)


def _prune_revisions(oldest: datetime, now: datetime) -> None:
    """The newest changes of objects of which no older change can be sent any more.

    An older change may still be on its way from the site, which keeps what it could not send for two
    weeks before a person has to decide.
    """
    days = retention_settings.days().unresolved_retention_days
    before = min(oldest, now - timedelta(days=days)) - LATE
    table: Any = ObjectRevision.__table__
    found = select(*table.primary_key).where(table.c.updated_at < before).limit(BATCH)
    while keys := db.session.execute(found).all():
        # again with the time: a drain may have written it since
        db.session.execute(
            delete(table).where(
                tuple_(*table.primary_key).in_([tuple(key) for key in keys]),
                table.c.updated_at < before,
            )
        )
        db.session.commit()


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
