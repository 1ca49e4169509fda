"""Find work that was left behind: expired leases, and due work for which nothing was woken."""

from __future__ import annotations

from sqlalchemy import select

from relay import broker, database
from relay.database import READ_ONLY
from relay.delivery import gate
from relay.delivery.attempt.outcome import lost, write_results
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
        unrouted = connection.scalar(select(Event.id).where(Event.routed_at.is_(None)).limit(1))
        destinations = connection.scalars(
            select(Destination.id).where(
                gate.is_open(now),
                Destination.drain_token.is_(None) | (Destination.drain_until < now),
                select(Delivery.id)
                .where(Delivery.destination_id == Destination.id, is_due())
                .exists(),
            )
        ).all()
    woken = int(unrouted is not None and broker.nudge("route_events"))
    return woken + sum(broker.nudge("drain_destination", number) for number in destinations)
