"""Deletes old counts, test runs, alerts and messages of alerts, in short transactions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select

from relay import database
from relay.models import (
    Alert,
    AlertEntry,
    AlertMessage,
    DeliveryMinute,
    EventHour,
    db,
)
from relay.rules.states import AlertMessageState
from relay.services.alerts import canary

BATCH = 500
DAY = timedelta(days=1)
COUNTS: tuple[tuple[Any, Any, timedelta], ...] = (
    (EventHour, EventHour.hour, timedelta(weeks=9)),
    (DeliveryMinute, DeliveryMinute.minute, timedelta(days=8)),
)
ALERTS_KEPT = timedelta(days=365)  # after they are resolved
MESSAGES_KEPT = timedelta(days=90)  # after they are sent, given up or skipped


def prune() -> int:
    """Delete what is older than it is kept.  -> how many rows of counts, alerts and messages"""
    now = database.now(db.session)
    db.session.commit()
    counts = canary.prune(now)
    counts += sum(_prune_counts(table, at, now - kept) for table, at, kept in COUNTS)
    return counts + _prune_messages(now - MESSAGES_KEPT) + _prune_alerts(now - ALERTS_KEPT)


def _prune_counts(table: Any, at: Any, before: datetime) -> int:
    """A day at a time, so that no transaction is long."""
    count = 0
    while (oldest := db.session.scalar(select(func.min(at)))) is not None and oldest < before:
        gone = delete(table).where(at < min(before, oldest + DAY))
        count += db.session.execute(gone).rowcount  # type: ignore[attr-defined]
        db.session.commit()
    db.session.commit()
    return count


def _prune_messages(before: datetime) -> int:
    finished_at = func.coalesce(AlertMessage.sent_at, AlertMessage.created_at)
    old = select(AlertMessage.id).where(
        AlertMessage.state != AlertMessageState.PENDING, finished_at < before
    )
    count = 0
    while ids := db.session.scalars(old.limit(BATCH)).all():
        db.session.execute(delete(AlertMessage).where(AlertMessage.id.in_(ids)))
        db.session.commit()
        count += len(ids)
    db.session.commit()
    return count


def _prune_alerts(before: datetime) -> int:
    # the first condition follows from the second and has an index
    old = select(Alert.id).where(Alert.opened_at < before, Alert.resolved_at < before)
    count = 0
    while ids := db.session.scalars(old.limit(BATCH)).all():
        for table in (AlertEntry, AlertMessage):
            db.session.execute(delete(table).where(table.alert_id.in_(ids)))
        db.session.execute(delete(Alert).where(Alert.id.in_(ids)))
        db.session.commit()
        count += len(ids)
    db.session.commit()
    return count
