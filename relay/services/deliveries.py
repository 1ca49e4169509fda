"""Deliveries: lists, counts and single ones."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import joinedload, selectinload

from relay.errors import Invalid, NotFound
from relay.models import Attempt, Delivery, Destination, Event, db
from relay.rules.lifecycle import State
from relay.services.paging import Page, page_of


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


def count_open(destination_ids: list[int]) -> dict[int, dict[str, int]]:
    """Waiting and dead deliveries of each destination: ``{id: {"waiting": n, "dead": n}}``."""
    rows = db.session.execute(
        select(Delivery.destination_id, Delivery.state, func.count())
        .where(
            Delivery.destination_id.in_(destination_ids),
            Delivery.state.in_((State.PENDING, State.IN_FLIGHT, State.DEAD)),
        )
        .group_by(Delivery.destination_id, Delivery.state)
    ).all()
    counts = {one: {"waiting": 0, "dead": 0} for one in destination_ids}
    for destination_id, state, count in rows:
        counts[destination_id]["dead" if state == State.DEAD else "waiting"] += count
    return counts


def last_delivered(destination_ids: list[int]) -> dict[int, datetime | None]:
    """When each destination last accepted a delivery, None if it never did."""
    newest = (
        select(Delivery.settled_at)
        .where(Delivery.destination_id == Destination.id, Delivery.state == State.DELIVERED)
        .order_by(Delivery.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    rows = db.session.execute(
        select(Destination.id, newest).where(Destination.id.in_(destination_ids))
    )
    return {row[0]: row[1] for row in rows}


def kept_messages(destination_id: int, limit: int = 10) -> list[Attempt]:
    """The newest attempts at a destination with their requests, for the inbox."""
    return list(
        db.session.scalars(
            select(Attempt)
            .join(Delivery, Delivery.id == Attempt.delivery_id)
            .where(Delivery.destination_id == destination_id)
            .order_by(Attempt.id.desc())
            .limit(limit)
        )
    )
