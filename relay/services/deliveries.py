"""Deliveries: lists, counts and single ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, case, func, literal, or_, select
from sqlalchemy.orm import joinedload, selectinload

from relay.errors import Invalid, NotFound
from relay.i18n import _
from relay.models import (
    Attempt,
    DeadLetter,
    Delivery,
    DeliveryMinute,
    Destination,
    Event,
    Subscription,
    db,
)
from relay.models.base import UtcDateTime
from relay.models.delivery import LIVE, REPLAYED, is_pending, is_to_shown, is_unfinished
from relay.models.destination import is_shown
from relay.rules.counted import COUNTED
from relay.rules.lifecycle import State
from relay.rules.states import DeadLetterState, DestinationState, SubscriptionState
from relay.services.paging import Page, counted, page_of

RETRIES = 1_000
NEWEST = 1_000  # deliveries in which the last one that succeeded is searched
UNRESOLVED = (DeadLetterState.OPEN, DeadLetterState.ACKNOWLEDGED)


def named(id_or_name: int | str) -> ColumnElement[bool]:
    """A destination by its number; text may be a name or a number, and the name wins."""
    text = str(id_or_name)
    number = Destination.id == (
        int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
    )
    found = number if isinstance(id_or_name, int) else or_(Destination.name == text, number)
    return and_(found, is_shown())


def list_deliveries(
    state: str = "", destination: int | str = "", limit: int = 50, after: int | None = None
) -> Page[Delivery]:
    """Newest first; ``destination`` as in ``named``.  Raises Invalid for an unknown state."""
    wanted = select(Delivery).where(is_to_shown())
    if state:
        if state not in list(State):
            raise Invalid({"state": [_("A state is one of %(states)s.", states=", ".join(State))]})
        wanted = wanted.where(Delivery.state == state)
    if destination:
        chosen = select(Destination.id).where(named(destination))
        wanted = wanted.where(Delivery.destination_id.in_(chosen))
    return page_of(
        wanted,
        Delivery.id,
        limit,
        after,
        joinedload(Delivery.event).joinedload(Event.source),
        joinedload(Delivery.destination),
    )


def newest_deliveries(destination_id: int, limit: int) -> list[Delivery]:
    """The newest deliveries to a destination, with their event."""
    return list(
        db.session.scalars(
            select(Delivery)
            .where(Delivery.destination_id == destination_id)
            .order_by(Delivery.id.desc())
            .limit(limit)
            .options(joinedload(Delivery.event))
        )
    )


def find_delivery(delivery_id: int) -> Delivery:
    """With its event, destination and attempts.  Raises NotFound."""
    delivery = db.session.scalar(
        select(Delivery)
        .where(Delivery.id == delivery_id, is_to_shown())
        .options(
            joinedload(Delivery.event).joinedload(Event.source),
            joinedload(Delivery.destination),
            selectinload(Delivery.history),
        )
    )
    if delivery is None:
        raise NotFound(_("There is no delivery %(number)s.", number=delivery_id))
    return delivery


def oldest_due() -> Select[Any]:
    """When the oldest pending delivery that can be sent now was due."""
    return select(func.min(first_due())).where(
        Destination.state == DestinationState.ACTIVE, is_shown()
    )


def first_due() -> ColumnElement[datetime | None]:
    """Of each ``Destination`` in a statement: when its oldest pending delivery was due.

    Deliveries of paused subscriptions are left out.  ``ix_delivery_due`` has those of one priority in
    order, so only the first is read.
    """
    listening = select(Subscription.id).where(Subscription.state == SubscriptionState.ACTIVE)
    first = [
        select(Delivery.due_at)
        .where(
            Delivery.destination_id == Destination.id,
            is_pending(),
            Delivery.priority == priority,
            Delivery.subscription_id.in_(listening),
        )
        .order_by(Delivery.due_at)
        .limit(1)
        .correlate(Destination)
        .scalar_subquery()
        for priority in (LIVE, REPLAYED)
    ]
    return func.coalesce(case((first[1] < first[0], first[1]), else_=first[0]), first[1])


def pending_count(most: int) -> ScalarSelect[int]:
    """Of each ``Destination`` in a statement: its pending deliveries, ``most`` + 1 if there are more."""
    pending = select(literal(1)).where(Delivery.destination_id == Destination.id, is_pending())
    return counted(pending.correlate(Destination), most)


@dataclass(frozen=True)
class NextTry:
    """The deliveries that wait for attempt ``number``: how many, and when the first is due."""

    number: int
    count: int
    due_at: datetime


def next_tries(destination_id: int) -> list[NextTry]:
    """The retries that wait, by attempt, from the first RETRIES that are due.  One statement."""
    due = (
        select(Delivery.attempts_since_replay, Delivery.due_at)
        .where(
            Delivery.destination_id == destination_id,
            is_pending(),
            Delivery.attempts_since_replay > 0,
        )
        .order_by(Delivery.priority, Delivery.due_at)
        .limit(RETRIES)
        .subquery()
    )
    made = due.c.attempts_since_replay
    rows = db.session.execute(
        select(made, func.count(), func.min(due.c.due_at)).group_by(made).order_by(made)
    )
    return [NextTry(number + 1, count, due_at) for number, count, due_at in rows]


@dataclass(frozen=True)
class Activity:
    """The deliveries of one destination; ``last_delivered_at`` is None where none ever succeeded.

    The counts go to COUNTED + 1, which stands for more than COUNTED.
    """

    waiting: int
    dead: int
    last_delivered_at: datetime | None


def count_open(destination_ids: list[int]) -> dict[int, dict[str, int]]:
    """Waiting and dead deliveries of each destination: ``{id: {"waiting": n, "dead": n}}``, as in
    ``Activity``.
    """
    rows = db.session.execute(
        select(Destination.id, *_open_counts()).where(Destination.id.in_(destination_ids))
    )
    return {row[0]: {"waiting": row[1] + row[2], "dead": row[3]} for row in rows}


def _open_counts() -> list[Any]:
    """Of each ``Destination``: pending, in flight, failed."""
    in_flight = select(literal(1)).where(
        Delivery.destination_id == Destination.id,
        Delivery.state == State.IN_FLIGHT.value,
        is_unfinished(),
    )
    dead = select(literal(1)).where(
        DeadLetter.destination_id == Destination.id, DeadLetter.state.in_(UNRESOLVED)
    )
    return [
        pending_count(COUNTED),
        *(counted(some.correlate(Destination)) for some in (in_flight, dead)),
    ]


def _last_delivered() -> ColumnElement[datetime | None]:
    """Of each ``Destination``: exactly if it is among its newest deliveries, else by the minute."""
    newest = (
        select(Delivery.state, Delivery.settled_at, Delivery.id)
        .where(Delivery.destination_id == Destination.id)
        .order_by(Delivery.id.desc())
        .limit(NEWEST)
        .correlate(Destination)
        .subquery()
    )
    exact = (
        select(newest.c.settled_at)
        .where(newest.c.state == State.DELIVERED)
        .order_by(newest.c.id.desc())
        .limit(1)
    )
    of = DeliveryMinute
    minute = select(func.max(of.minute)).where(
        of.destination_id == Destination.id, of.delivered + of.replays_delivered > 0
    )
    return func.coalesce(
        exact.scalar_subquery(), minute.correlate(Destination).scalar_subquery(), type_=UtcDateTime
    )


def activity_of(destination_ids: list[int]) -> dict[int, Activity]:
    """The activity of each destination, in one statement."""
    rows = db.session.execute(
        select(Destination.id, *_open_counts(), _last_delivered()).where(
            Destination.id.in_(destination_ids)
        )
    )
    return {row[0]: Activity(row[1] + row[2], row[3], row[4]) for row in rows}


def kept_messages(destination_id: int, limit: int = 10) -> list[tuple[Attempt, Event]]:
    """The newest attempts at a destination with their requests and events, for the inbox."""
    rows = db.session.execute(
        select(Attempt, Event)
        .join(Delivery, Delivery.id == Attempt.delivery_id)
        .join(Event, Event.id == Delivery.event_pk)
        .where(Delivery.destination_id == destination_id)
        .order_by(Attempt.id.desc())
        .limit(limit)
    )
    return [(attempt, event) for attempt, event in rows]
