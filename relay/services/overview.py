"""The figures of the first page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, func, select

from relay import database
from relay.event_types import INTERNAL_TYPES
from relay.models import DeadLetter, Delivery, Event, Rejection, db
from relay.rules.lifecycle import State
from relay.rules.states import DeadLetterState


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


def _count(*where: object) -> int:
    return db.session.scalar(select(func.count()).where(*where)) or 0  # type: ignore[arg-type]


def oldest_due_s(now: datetime) -> float:
    """How late the oldest due delivery is, in seconds; 0 when nothing is due."""
    due = db.session.scalar(
        select(func.min(Delivery.due_at)).where(Delivery.state == State.PENDING)
    )
    return max(0.0, (now - due).total_seconds()) if due else 0.0


def figures() -> Figures:
    now = database.now(db.session)
    day = now - timedelta(hours=24)
    first = (now - timedelta(hours=23)).replace(minute=0, second=0, microsecond=0)
    hours = [first + timedelta(hours=n) for n in range(24)]
    counts = dict.fromkeys(hours, 0)
    for hour, number in db.session.execute(_per_hour(first)):
        if hour in counts:
            counts[hour] = number
    return Figures(
        received=_count(Event.received_at >= day, Event.event_type.not_in(INTERNAL_TYPES)),
        delivered=_count(Delivery.state == State.DELIVERED, Delivery.settled_at >= day),
        refused=db.session.scalar(
            select(func.coalesce(func.sum(Rejection.count), 0)).where(Rejection.last_at >= day)
        )
        or 0,
        waiting=_count(Delivery.state.in_((State.PENDING, State.IN_FLIGHT))),
        dead=_count(DeadLetter.state != DeadLetterState.RESOLVED),
        oldest_due_s=oldest_due_s(now),
        per_hour=list(counts.items()),
    )


def _per_hour(first: datetime) -> Select[datetime, int]:
    hour = database.utc_hour(Event.received_at)
    ours = Event.event_type.not_in(INTERNAL_TYPES)
    return select(hour, func.count()).where(Event.received_at >= first, ours).group_by(hour)
