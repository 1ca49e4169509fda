"""Deliveries: lists, counts and single ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, case, func, or_, select
from sqlalchemy.orm import joinedload, selectinload

from relay.errors import Invalid, NotFound
from relay.models import Attempt, Delivery, Destination, Event, Subscription, db
from relay.rules.lifecycle import State
from relay.rules.states import DestinationState, SubscriptionState
from relay.services.paging import Page, page_of

UNFINISHED = (State.PENDING, State.IN_FLIGHT, State.DEAD)


def named(id_or_name: int | str) -> ColumnElement[bool]:
    """A destination by its number; text may be a name or a number, and the name wins."""
    text = str(id_or_name)
    number = Destination.id == (
        int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
    )
    return number if isinstance(id_or_name, int) else or_(Destination.name == text, number)


def list_deliveries(
    state: str = "", destination: int | str = "", limit: int = 50, after: int | None = None
) -> Page[Delivery]:
    """Newest first; ``destination`` as in ``named``.  Raises Invalid for an unknown state."""
    wanted = select(Delivery)
    if state:
        if state not in list(State):
            raise Invalid({"state": [f"A state is one of {', '.join(State)}."]})
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
        .where(Delivery.id == delivery_id)
        .options(
            joinedload(Delivery.event).joinedload(Event.source),
            joinedload(Delivery.destination),
            selectinload(Delivery.history),
        )
    )
    if delivery is None:
        raise NotFound(f"There is no delivery {delivery_id}.")
    return delivery


def oldest_due() -> Select[datetime | None]:
    """When the oldest pending delivery that can be sent now was due."""
    return (
        select(func.min(Delivery.due_at))
        .join(Destination, Destination.id == Delivery.destination_id)
        .join(Subscription, Subscription.id == Delivery.subscription_id)
        .where(
            Delivery.state == State.PENDING.value,
            Destination.state == DestinationState.ACTIVE,
            Subscription.state == SubscriptionState.ACTIVE,
        )
    )


def count_open(destination_ids: list[int]) -> dict[int, dict[str, int]]:
    """Waiting and dead deliveries of each destination: ``{id: {"waiting": n, "dead": n}}``."""
    rows = db.session.execute(
        select(Delivery.destination_id, Delivery.state, func.count())
        .where(
            Delivery.destination_id.in_(destination_ids),
            Delivery.state.in_(UNFINISHED),
        )
        .group_by(Delivery.destination_id, Delivery.state)
    ).all()
    counts = {one: {"waiting": 0, "dead": 0} for one in destination_ids}
    for destination_id, state, count in rows:
        counts[destination_id]["dead" if state == State.DEAD else "waiting"] += count
    return counts


@dataclass(frozen=True)
class Activity:
    """The deliveries of one destination; ``last_delivered_at`` is None where none ever succeeded."""

    waiting: int
    dead: int
    last_delivered_at: datetime | None


def activity_of(destination_ids: list[int]) -> dict[int, Activity]:
    """The activity of each destination, in one statement."""
    is_dead = Delivery.state == State.DEAD
    counts = (
        select(
            Delivery.destination_id,
            func.sum(case((is_dead, 0), else_=1)).label("waiting"),
            func.sum(case((is_dead, 1), else_=0)).label("dead"),
        )
        .where(Delivery.destination_id.in_(destination_ids), Delivery.state.in_(UNFINISHED))
        .group_by(Delivery.destination_id)
        .subquery()
    )
    newest = (
        select(Delivery.settled_at)
        .where(Delivery.destination_id == Destination.id, Delivery.state == State.DELIVERED)
        .order_by(Delivery.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    rows = db.session.execute(
        select(
            Destination.id,
            func.coalesce(counts.c.waiting, 0),
            func.coalesce(counts.c.dead, 0),
            newest,
        )
        .outerjoin(counts, counts.c.destination_id == Destination.id)
        .where(Destination.id.in_(destination_ids))
    )
    return {row[0]: Activity(row[1], row[2], row[3]) for row in rows}


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
