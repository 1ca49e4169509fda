"""Deliveries: what goes where, and how far it came."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from relay.errors import Invalid, NotFound
from relay.lifecycle import State
from relay.models import Delivery, Destination, Event, db
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
