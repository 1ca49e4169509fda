"""The figures of the first page, and the counts in the navigation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, literal, select

from relay import database
from relay.event_types import INTERNAL_TYPES
from relay.models import DeadLetter, Delivery, DeliveryMinute, Event, EventHour, Rejection, db
from relay.models.delivery import is_pending, is_to_shown, is_unfinished
from relay.rules.lifecycle import State
from relay.services.alerts import event_hours
from relay.services.alerts.listing import count_needing_attention
from relay.services.deliveries import UNRESOLVED, oldest_due
from relay.services.paging import counted


@dataclass(frozen=True)
class Figures:
    """Counts over the last 24 hours; ``waiting`` and ``dead`` are current counts, up to COUNTED + 1.

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
    row = db.session.execute(select(_unresolved(), count_needing_attention())).one()
    return row[0], row[1]


def _number(what: Any, *where: Any) -> Any:
    return select(what).where(*where).scalar_subquery()


def _some(*where: Any) -> Any:
    """The number of matching rows, up to COUNTED + 1."""
    return counted(select(literal(1)).where(*where))


def _unresolved() -> Any:
    return _some(DeadLetter.state.in_(UNRESOLVED))


def load_figures(now: datetime, *, limited: bool = False) -> Figures:
    """Read in four statements.  ``limited`` is for a person who sees some sites only."""
    day = now - timedelta(hours=24)
    per_hour = _per_hour(now)
    first_part = select(func.count()).where(
        Event.received_at >= day,
        Event.received_at < min(per_hour),
        Event.event_type.not_in(INTERNAL_TYPES),
    )
    received, delivered, refused, pending, in_flight, dead, due_at = db.session.execute(
        select(
            first_part.scalar_subquery(),
            _delivered_to_limited(day) if limited else _delivered(day),
            _number(func.coalesce(func.sum(Rejection.count), 0), Rejection.last_at >= day),
            _some(is_pending(), is_to_shown()),
            _some(Delivery.state == State.IN_FLIGHT.value, is_unfinished(), is_to_shown()),
            _unresolved(),
            oldest_due().scalar_subquery(),
        )
    ).one()
    late_s = max(0.0, (now - due_at).total_seconds()) if due_at else 0.0
    received += sum(per_hour.values())
    waiting = pending + in_flight
    return Figures(
        received, int(delivered), int(refused), waiting, dead, late_s, list(per_hour.items())
    )


@dataclass(frozen=True)
class QueueLength:
    """What waits now: events that are not routed yet, and deliveries, up to COUNTED + 1."""

    unrouted: int
    pending: int
    oldest_due_s: float


def load_queue(now: datetime) -> QueueLength:
    """Read in one statement."""
    unrouted, pending, due_at = db.session.execute(
        select(
            _some(Event.routed_at.is_(None)), _some(is_pending()), oldest_due().scalar_subquery()
        )
    ).one()
    return QueueLength(
        unrouted, pending, max(0.0, (now - due_at).total_seconds()) if due_at else 0.0
    )


def _delivered(since: datetime) -> Any:
    """From the counts by destination and minute, so it does not depend on the size of the history."""
    of = DeliveryMinute
    return _number(
        func.coalesce(func.sum(of.delivered + of.replays_delivered), 0), of.minute >= since
    )


def _delivered_to_limited(since: datetime) -> Any:
    """Those counts have no site: the deliveries of the events that were received since then."""
    return (
        select(func.count())
        .select_from(Delivery)
        .join(Event, Event.id == Delivery.event_pk)
        .where(
            Event.received_at >= since,
            Delivery.state == State.DELIVERED,
            Event.event_type.not_in(INTERNAL_TYPES),
        )
        .scalar_subquery()
    )


def _per_hour(now: datetime) -> dict[datetime, int]:
    """The events of the last 24 hours by hour: the counted hours, and the events since the last one."""
    first = event_hours.hour_start(now - timedelta(hours=23))
    counts = {first + timedelta(hours=n): 0 for n in range(24)}
    counted = db.session.execute(
        select(EventHour.hour, func.sum(EventHour.events))
        .where(EventHour.hour >= first)
        .group_by(EventHour.hour)
    ).all()
    begin = max((row.hour + event_hours.HOUR for row in counted), default=first)
    hour = database.utc_hour(Event.received_at)
    rest = db.session.execute(
        select(hour, func.count())
        .where(Event.received_at >= begin, Event.event_type.not_in(INTERNAL_TYPES))
        .group_by(hour)
    )
    for start, number in (*counted, *rest):
        if start in counts:
            counts[start] = int(number)
    return counts
