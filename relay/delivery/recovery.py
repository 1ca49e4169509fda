"""Find work that was left behind: expired leases, and due work for which nothing was woken."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import bindparam, select

from relay import broker, database
from relay.database import READ_ONLY, UtcDateTime
from relay.delivery import gate
from relay.delivery.attempt.outcome import lost, write_results
from relay.delivery.capacity import SOON_S
from relay.delivery.claim import is_due
from relay.models import Delivery, Destination, Event, db, db_now
from relay.observability.logging import log
from relay.rules.lifecycle import State

BATCH = 500


def expire_leases() -> int:
    """End expired leases: the delivery is retried, dead or discarded.  -> how many."""
    with db.engine.begin() as connection:
        now = database.now(connection)
        rows = connection.execute(
            select(Delivery.__table__, Event.event_id)
            .join(Event, Event.id == Delivery.event_pk)
            .where(Delivery.state == State.IN_FLIGHT.value, Delivery.lease_until < db_now())
            .order_by(Delivery.lease_until)
            .limit(BATCH)
            .with_for_update(skip_locked=True, of=Delivery)
        ).all()
        for row in rows:
            log(
                "lease.expired",
                level="warning",
                correlation_id=row.event_id,
                delivery=row.key,
                claims=row.claims,
            )
        write_results(connection, [lost(row, now) for row in rows], now)
    return len(rows)


def wake_due() -> int:
    """Wake the router and the drains for what is due now.  -> how many wake-ups were not queued yet."""
    with db.engine.connect().execution_options(**READ_ONLY) as connection:
        now = database.now(connection)
        unrouted = connection.scalar(_unrouted())
        values = {"now": now, "soon": now + timedelta(seconds=SOON_S)}
        destinations = connection.scalars(_due_destinations(), values).all()
    woken = int(unrouted is not None and broker.nudge("route_events", first=True))
    return woken + sum(broker.nudge("drain_destination", number) for number in destinations)


@lru_cache(maxsize=1)
def _unrouted() -> Any:
    return select(Event.id).where(Event.routed_at.is_(None)).limit(1)


@lru_cache(maxsize=1)
def _due_destinations() -> Any:
    """Built once: it is executed every second."""
    now = bindparam("now", type_=UtcDateTime())
    soon = bindparam("soon", type_=UtcDateTime())
    due = select(Delivery.id).where(Delivery.destination_id == Destination.id, is_due())
    return select(Destination.id).where(
        gate.is_open(now, soon),
        Destination.drain_token.is_(None) | (Destination.drain_until < now),
        due.exists(),
    )
