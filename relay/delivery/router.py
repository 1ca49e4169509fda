"""Write deliveries for unrouted events: one for each subscription that matches the event."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Select, Update, bindparam, select, update

from relay import broker, database
from relay.delivery import gate
from relay.delivery.payload import parse_payload
from relay.event_types import CANARY
from relay.mapping.conditions import ConditionGroup, group_of, matches_type
from relay.models import (
    Delivery,
    Destination,
    Event,
    Source,
    Subscription,
    SubscriptionSource,
    db,
    db_now,
)
from relay.models.destination import INTERNAL_KIND
from relay.observability.logging import log
from relay.rules.lifecycle import State
from relay.rules.states import SourceState, SubscriptionState

BATCH = 200
INSERT = database.RowInsert(
    Delivery.__table__,
    ("key", "event_pk", "subscription_id", "destination_id", "state", "due_at"),
)


@dataclass(frozen=True)
class SubscriptionFilter:
    """Which events one subscription takes; no sources means all of them.

    ``answers_site``: its destination calls back the site that sent the event.  ``is_internal``: it is that
    of the internal inbox, which takes canaries only.  Without ``is_active``, its deliveries wait.
    """

    subscription_id: int
    destination_id: int
    source_ids: frozenset[int]
    event_types: tuple[str, ...]
    conditions: ConditionGroup
    answers_site: bool = False
    is_internal: bool = False
    is_active: bool = True

    def takes(self, event: Any) -> bool:
        """Whether the event's source and type match."""
        if self.is_internal:
            return event.event_type == CANARY  # type: ignore[no-any-return]
        ours = not self.source_ids or event.source_id in self.source_ids
        return ours and matches_type(self.event_types, event.event_type)


@lru_cache(maxsize=1)
def _subscriptions() -> Select[Any]:
    """Built once, like the other statements here: they are executed many times a second.

    The shared lock makes a removal wait until the deliveries of this batch are committed, so that it
    discards them too.
    """
    return (
        select(
            Subscription.id,
            Subscription.destination_id,
            Subscription.event_types,
            Subscription.conditions,
            Subscription.state,
            Destination.kind,
            SubscriptionSource.source_id,
        )
        .join(Destination)
        .outerjoin(SubscriptionSource, SubscriptionSource.subscription_id == Subscription.id)
        .where(~gate.is_removed())
        .order_by(Subscription.id)
        .with_for_update(read=True, of=Subscription)
    )


@lru_cache(maxsize=1)
def _sources() -> Any:
    """With the same lock, for the same reason."""
    return (
        select(Source.id, Source.state, Source.discard_waiting)
        .where(database.is_one_of(Source.id, database.ids_param("ids")))
        .order_by(Source.id)
        .with_for_update(read=True)
    )


@lru_cache(maxsize=1)
def _unrouted() -> Any:
    return (
        select(Event.id, Event.event_id, Event.event_type, Event.source_id, db_now().label("now"))
        .where(Event.routed_at.is_(None))
        .order_by(Event.id)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True, of=Event)
    )


@lru_cache(maxsize=1)
def _mark_routed() -> Update:
    table: Any = Event.__table__
    return (
        update(table)
        .where(database.is_one_of(table.c.id, database.ids_param("ids")))
        .values(routed_at=db_now(), delivery_count=bindparam("number"))
    )


def existing_subscriptions(connection: Connection) -> list[SubscriptionFilter]:
    """The filters of all subscriptions that exist.  A paused one gets deliveries too; they wait."""
    found = connection.execute(_subscriptions()).all()
    sources: dict[int, set[int]] = {}
    for row in found:
        if row.source_id is not None:
            sources.setdefault(row.id, set()).add(row.source_id)
    rows = {row.id: row for row in found}.values()
    return [
        SubscriptionFilter(
            row.id,
            row.destination_id,
            frozenset(sources.get(row.id, ())),
            tuple(row.event_types),
            group_of(row.conditions),
            gate.answers_site(row.kind),
            row.kind == INTERNAL_KIND,
            row.state == SubscriptionState.ACTIVE.value,
        )
        for row in rows
    ]


def without_removed_sites(
    connection: Connection,
    pairs: Sequence[tuple[Any, SubscriptionFilter]],
) -> list[tuple[Any, SubscriptionFilter]]:
    """The pairs of an event and a subscription that are still sent; see ``gate.is_from_removed_site``."""
    sources = connection.execute(_sources(), {"ids": {event.source_id for event, _ in pairs}})
    removed = {row.id: row.discard_waiting for row in sources if row.state == SourceState.CLOSED}
    return [
        (event, subscription)
        for event, subscription in pairs
        if event.source_id not in removed
        or not (removed[event.source_id] or subscription.answers_site)
    ]


def wake_drains(destination_ids: Sequence[int]) -> None:
    """Wake a worker for each destination."""
    for destination_id in destination_ids:
        broker.nudge("drain_destination", destination_id)


def insert_pending(
    connection: Connection, rows: Sequence[dict[str, Any]], _active: Collection[int] = ()
) -> None:
    """Insert new deliveries that a drain can claim."""
    INSERT.execute(connection, rows)


def route_batch(
    limit: int = BATCH,
    wake: Callable[[Sequence[int]], object] = wake_drains,
    insert: Callable[
        [Connection, Sequence[dict[str, Any]], Collection[int]], object
    ] = insert_pending,
) -> int:
    """Route up to ``limit`` of the oldest unrouted events in one transaction.  -> how many.

    ``wake`` gets the destinations with new deliveries, after the commit.  ``insert`` inserts the rows of
    new deliveries; it also gets the ids of the subscriptions that are not paused.

    Two routers never take the same event (SKIP LOCKED; one writer at a time on SQLite), and a
    delivery is unique per event and subscription, so a repeat changes nothing.
    """
    with db.engine.begin() as connection:
        events = connection.execute(_unrouted(), {"most": limit}).all()
        if not events:
            return 0
        subscriptions = existing_subscriptions(connection)
        pairs = matches(connection, events, subscriptions)
        pairs = without_removed_sites(connection, pairs)
        now = events[0].now
        rows = [delivery_row(event, subscription, now) for event, subscription in pairs]
        active = {one.subscription_id for one in subscriptions if one.is_active}
        insert(connection, rows, active)
        counts = Counter(row["event_pk"] for row in rows)
        mark_routed(connection, {event.id: counts[event.id] for event in events})
    for event in events:
        log("event.routed", correlation_id=event.event_id, deliveries=counts[event.id])
    wake(sorted({row["destination_id"] for row in rows}))
    return len(events)


def mark_routed(connection: Connection, delivery_counts: dict[int, int]) -> None:
    """Store with each event how many deliveries it got.  The ledger is checked against this."""
    by_number: dict[int, list[int]] = {}
    for event_pk, number in delivery_counts.items():
        by_number.setdefault(number, []).append(event_pk)
    for number, ids in by_number.items():
        connection.execute(_mark_routed(), {"ids": ids, "number": number})


def matches(
    connection: Connection, events: Sequence[Any], subscriptions: Sequence[SubscriptionFilter]
) -> list[tuple[Any, SubscriptionFilter]]:
    """Each event with each subscription that takes it."""
    pairs = [(event, sub) for event in events for sub in subscriptions if sub.takes(event)]
    # Bodies may be large: they are read only for subscriptions with conditions.
    conditional = {event.id for event, sub in pairs if sub.conditions.items}
    if not conditional:
        return pairs
    bodies = {
        row.id: parse_payload(row.payload)
        for row in connection.execute(
            select(Event.id, Event.payload).where(Event.id.in_(conditional))
        )
    }
    return [
        (event, sub)
        for event, sub in pairs
        if not sub.conditions.items or conditions_hold(sub, event, bodies[event.id])
    ]


def conditions_hold(subscription: SubscriptionFilter, event: Any, body: dict[str, Any]) -> bool:
    """Whether the event meets the subscription's conditions."""
    try:
        return subscription.conditions.holds(body)
    except Exception as exc:  # a fault in Relay over one event must not stop all others
        log(
            "condition.failed",
            level="error",
            correlation_id=event.event_id,
            subscription=subscription.subscription_id,
            reason=repr(exc),
        )
        return False


def delivery_row(event: Any, subscription: SubscriptionFilter, now: Any) -> dict[str, Any]:
    return {
        "key": uuid.uuid4().hex,
        "event_pk": event.id,
        "subscription_id": subscription.subscription_id,
        "destination_id": subscription.destination_id,
        "state": State.PENDING.value,
        "due_at": now,
    }
