"""The figures of the first page, and the counts in the navigation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select

from relay import database
from relay.event_types import INTERNAL_TYPES
from relay.models import DeadLetter, Delivery, Event, Rejection, db
from relay.rules.lifecycle import State
from relay.rules.states import DeadLetterState
from relay.services.alerts.listing import count_needing_attention
from relay.services.deliveries import oldest_due


@dataclass(frozen=True)
class Figures:
    """Counts over the last 24 hours; ``waiting`` and ``dead`` are current counts.

    ``per_hour`` has 24 pairs (start of the hour, events), oldest first.
    """

    received: int
    delivered: int
    refused: int
    waiting: int
    dead: int
    oldest_due_s: float
    per_hour: list[tuple[datetime, int]]


def load_counts() -> tuple[int, int]:
    """Read in one statement.  -> unresolved failed deliveries, alerts that need attention"""
    failed = _number(func.count(), DeadLetter.state != DeadLetterState.RESOLVED)
    row = db.session.execute(select(failed, count_needing_attention())).one()
    return row[0], row[1]


def _number(what: Any, *where: Any) -> Any:
    return select(what).where(*where).scalar_subquery()


def load_figures(now: datetime) -> Figures:
    """Read in two statements."""
    day = now - timedelta(hours=24)
    first = (now - timedelta(hours=23)).replace(minute=0, second=0, microsecond=0)
    hours = [first + timedelta(hours=n) for n in range(24)]
    counts = dict.fromkeys(hours, 0)
    for hour, number in db.session.execute(_per_hour(first)):
        if hour in counts:
            counts[hour] = number
    ours = Event.event_type.not_in(INTERNAL_TYPES)
    received, delivered, refused, waiting, dead, due_at = db.session.execute(
        select(
            _number(func.count(), Event.received_at >= day, ours),
            _number(func.count(), Delivery.state == State.DELIVERED, Delivery.settled_at >= day),
            _number(func.coalesce(func.sum(Rejection.count), 0), Rejection.last_at >= day),
            _number(func.count(), Delivery.state.in_((State.PENDING, State.IN_FLIGHT))),
            _number(func.count(), DeadLetter.state != DeadLetterState.RESOLVED),
            oldest_due().scalar_subquery(),
        )
    ).one()
    late_s = max(0.0, (now - due_at).total_seconds()) if due_at else 0.0
    return Figures(received, delivered, int(refused), waiting, dead, late_s, list(counts.items()))


def _per_hour(first: datetime) -> Select[datetime, int]:
    hour = database.utc_hour(Event.received_at)
    ours = Event.event_type.not_in(INTERNAL_TYPES)
    return select(hour, func.count()).where(Event.received_at >= first, ours).group_by(hour)
