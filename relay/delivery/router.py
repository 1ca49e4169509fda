"""Unrouted events become deliveries, one for each subscription that wants them."""

from __future__ import annotations

import uuid
from collections import Counter
from typing import Any

from sqlalchemy import Connection, insert, select, update

from relay import broker
from relay.lifecycle import State
from relay.mapping.conditions import matches_type
from relay.models import Delivery, Destination, Event, Subscription, db, db_now
from relay.observability.logging import log

BATCH = 200


def route_batch(limit: int = BATCH) -> int:
    """Route up to ``limit`` of the oldest unrouted events in one transaction.  -> how many.

    Two routers never take the same event (SKIP LOCKED; one writer at a time on SQLite), and a
    delivery is unique per event and subscription, so a repeat changes nothing.
    """
    with db.engine.begin() as connection:
        events = connection.execute(
            select(Event.id, Event.event_id, Event.event_type, Event.source_id)
            .where(Event.routed_at.is_(None))
            .order_by(Event.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        if not events:
            return 0
        wanted = connection.execute(
            select(
                Subscription.id,
                Subscription.destination_id,
                Subscription.source_id,
                Subscription.event_types,
            )
            .join(Destination)
            .where(Subscription.state == "active", Destination.state != "closed")
        ).all()
        now = connection.scalar(select(db_now()))
        rows = [row(event, sub, now) for event in events for sub in wanted if wants(sub, event)]
        if rows:
            connection.execute(insert(Delivery), rows)
        counts = Counter(one["event_pk"] for one in rows)
        mark_routed(connection, {event.id: counts[event.id] for event in events})
    for event in events:
        log("event.routed", correlation_id=event.event_id, deliveries=counts[event.id])
    for destination_id in sorted({one["destination_id"] for one in rows}):
        broker.nudge("drain_destination", destination_id)
    return len(events)


def mark_routed(connection: Connection, wanted: dict[int, int]) -> None:
    """Write down at each event how many deliveries it got: the ledger counts them again by that."""
    by_number: dict[int, list[int]] = {}
    for event_pk, number in wanted.items():
        by_number.setdefault(number, []).append(event_pk)
    for number, ids in by_number.items():
        connection.execute(
            update(Event).where(Event.id.in_(ids)).values(routed_at=db_now(), wanted=number)
        )


def wants(subscription: Any, event: Any) -> bool:
    """Whether a subscription's source and types take in this event."""
    ours = subscription.source_id in (None, event.source_id)
    return ours and matches_type(subscription.event_types, event.event_type)


def row(event: Any, subscription: Any, now: Any) -> dict[str, Any]:
    return {
        "key": uuid.uuid4().hex,
        "event_pk": event.id,
        "subscription_id": subscription.id,
        "destination_id": subscription.destination_id,
        "state": State.PENDING.value,
        "due_at": now,
    }
