"""Find what was left behind: expired leases, and work that nobody was woken for."""

from __future__ import annotations

import uuid

from sqlalchemy import select

from relay import broker
from relay.database import READ_ONLY
from relay.delivery import gate
from relay.delivery.attempt.outcome import (
    OUTCOMES,
    DeliveryResult,
    jitter,
    life_of,
    sentence_of,
    write_results,
)
from relay.delivery.claim import DatabaseClock, is_due
from relay.models import Delivery, Destination, Event, db, db_now
from relay.observability.logging import log
from relay.rules.lifecycle import LeaseExpired, State, transition

BATCH = 500


def expire_leases() -> int:
    """Give deliveries whose worker vanished another start, or bury them.  -> how many."""
    with db.engine.begin() as connection:
        now = DatabaseClock(connection).read
        rows = connection.execute(
            select(Delivery.__table__, Event.event_id)
            .join(Event, Event.id == Delivery.event_pk)
            .where(Delivery.state == State.IN_FLIGHT.value, Delivery.lease_until < db_now())
            .order_by(Delivery.lease_until)
            .limit(BATCH)
            .with_for_update(skip_locked=True, of=Delivery)
        ).all()
        results = []
        for row in rows:
            signal = LeaseExpired()
            outcome = transition(life_of(row), signal, now, jitter())
            results.append(
                DeliveryResult(
                    row.id,
                    row.lease_token,
                    signal,
                    outcome,
                    row.destination_id,
                    attempt={
                        "key": uuid.uuid4().hex,
                        "delivery_id": row.id,
                        "number": row.attempts + 1,
                        "outcome": OUTCOMES[LeaseExpired],
                        "code": "worker_died",
                        "sentence": sentence_of(signal),
                        "status": None,
                        "started_at": now,
                        "elapsed_ms": 0,
                        "request": {},
                        "response": {},
                    },
                )
            )
            log("lease.expired", correlation_id=row.event_id, delivery=row.key, claims=row.claims)
        write_results(connection, results, now)
    return len(rows)


def wake_due() -> int:
    """Nudge the router and the drains for whatever is due now.  -> how many nudges were fresh."""
    with db.engine.connect().execution_options(**READ_ONLY) as connection:
        now = DatabaseClock(connection).read
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
    fresh = int(unrouted is not None and broker.nudge("route_events"))
    return fresh + sum(broker.nudge("drain_destination", one) for one in destinations)
