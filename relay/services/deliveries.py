"""Deliveries: what goes where, and how far it came."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload, selectinload

from relay.errors import Invalid, NotFound
from relay.lifecycle import State
from relay.models import Attempt, Delivery, Destination, Event, db
from relay.services.paging import Page, page_of


def list_deliveries(
    state: str = "", destination: str = "", limit: int = 50, after: int | None = None
) -> Page[Delivery]:
    """Newest first; ``destination`` is a name or number.  Raises Invalid for an unknown state."""
    wanted = select(Delivery)
    if state:
        if state not in list(State):
            raise Invalid({"state": [f"A state is one of {', '.join(State)}."]})
        wanted = wanted.where(Delivery.state == state)
    if destination:
        named = Destination.name == destination
        if destination.isdigit():
            named = named | (Destination.id == int(destination))
        wanted = wanted.where(Delivery.destination_id.in_(select(Destination.id).where(named)))
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
            Delivery.state.in_(("pending", "in_flight", "dead")),
        )
        .group_by(Delivery.destination_id, Delivery.state)
    ).all()
    counts = {one: {"waiting": 0, "dead": 0} for one in destination_ids}
    for destination_id, state, count in rows:
        counts[destination_id]["dead" if state == "dead" else "waiting"] += count
    return counts


def kept_messages(destination_id: int, limit: int = 10) -> list[Attempt]:
    """The newest calls to a destination with what was sent, for the inbox."""
    return list(
        db.session.scalars(
            select(Attempt)
            .join(Delivery, Delivery.id == Attempt.delivery_id)
            .where(Delivery.destination_id == destination_id)
            .order_by(Attempt.id.desc())
            .limit(limit)
        )
    )
