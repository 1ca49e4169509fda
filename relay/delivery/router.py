"""Unrouted events become deliveries, one for each subscription that wants them."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update

from relay import broker
from relay.delivery.message import parse_payload
from relay.mapping.conditions import ConditionGroup, group_of, matches_type
from relay.models import (
    Delivery,
    Destination,
    Event,
    Subscription,
    SubscriptionSource,
    db,
    db_now,
)
from relay.observability.logging import log
from relay.rules.lifecycle import State

BATCH = 200


@dataclass(frozen=True)
class SubscriptionFilter:
    """What one subscription wants; no sources means all of them."""

    subscription_id: int
    destination_id: int
    source_ids: frozenset[int]
    event_types: tuple[str, ...]
    conditions: ConditionGroup

    def takes(self, event: Any) -> bool:
        """Whether its sources and types take in this event."""
        ours = not self.source_ids or event.source_id in self.source_ids
        return ours and matches_type(self.event_types, event.event_type)


def active_subscriptions(connection: Connection) -> list[SubscriptionFilter]:
    """What all subscriptions want at the moment; for a paused one, deliveries are made that wait."""
    rows = connection.execute(
        select(
            Subscription.id,
            Subscription.destination_id,
            Subscription.event_types,
            Subscription.conditions,
        )
        .join(Destination)
        .where(Subscription.state != "closed", Destination.state != "closed")
        .order_by(Subscription.id)
    ).all()
    sources: dict[int, set[int]] = {}
    for link in connection.execute(
        select(SubscriptionSource.subscription_id, SubscriptionSource.source_id)
    ):
        sources.setdefault(link.subscription_id, set()).add(link.source_id)
    return [
        SubscriptionFilter(
            delivery_row.id,
            delivery_row.destination_id,
            frozenset(sources.get(delivery_row.id, ())),
            tuple(delivery_row.event_types),
            group_of(delivery_row.conditions),
        )
        for delivery_row in rows
    ]


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
        pairs = matches(connection, events, active_subscriptions(connection))
        now = connection.scalar(select(db_now()))
        rows = [delivery_row(event, wish, now) for event, wish in pairs]
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
            update(Event).where(Event.id.in_(ids)).values(routed_at=db_now(), delivery_count=number)
        )


def matches(
    connection: Connection, events: Sequence[Any], wanted: Sequence[SubscriptionFilter]
) -> list[tuple[Any, SubscriptionFilter]]:
    """Each event with each wish that takes it.  Bodies are read only where conditions ask for them."""
    pairs = [(event, wish) for event in events for wish in wanted if wish.takes(event)]
    asked = {event.id for event, wish in pairs if wish.conditions.items}
    if not asked:
        return pairs
    bodies = {
        found.id: parse_payload(found.payload)
        for found in connection.execute(select(Event.id, Event.payload).where(Event.id.in_(asked)))
    }
    return [
        (event, wish)
        for event, wish in pairs
        if not wish.conditions.items or conditions_hold(wish, event, bodies[event.id])
    ]


def conditions_hold(wish: SubscriptionFilter, event: Any, body: dict[str, Any]) -> bool:
    """Whether the conditions hold.  A fault of ours in judging one event must not stop all others."""
    try:
        return wish.conditions.holds(body)
    except Exception as exc:
        log(
            "condition.failed",
            correlation_id=event.event_id,
            subscription=wish.subscription_id,
            reason=repr(exc),
        )
        return False


def delivery_row(event: Any, wish: SubscriptionFilter, now: Any) -> dict[str, Any]:
    return {
        "key": uuid.uuid4().hex,
        "event_pk": event.id,
        "subscription_id": wish.subscription_id,
        "destination_id": wish.destination_id,
        "state": State.PENDING.value,
        "due_at": now,
    }
