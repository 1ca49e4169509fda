"""The hard limit for events that an unresolved delivery keeps: they lose their data, not their row.

The event, its deliveries and its failed delivery stay, so the ledger counts them as before.  A failed
delivery stays open until a person discards it; it says why it cannot be sent again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select

from relay import database, exact_json
from relay.delivery.life_columns import apply_transition, life_of
from relay.i18n import N_
from relay.mapping import person
from relay.models import Attempt, DeadLetter, Delivery, EmailDigest, Event, db
from relay.rules.lifecycle import Discarded, State, transition
from relay.services.operations import erasure
from relay.services.settings import retention as retention_settings

BATCH = 100
NOT_SENT = N_(
    "Relay deleted the data of this event, because it waited for longer than the limit of {} days."
)


def empty(now: datetime, cutoffs: Mapping[int | None, datetime]) -> int:
    """Empty the routed events that are past the limit and past the days of their site.  -> how many

    Deliveries that still wait are discarded.  An event with a call in progress waits for the next run.
    """
    days = retention_settings.days().unresolved_retention_days
    limit = now - timedelta(days=days)
    own = {source: min(limit, at) for source, at in cutoffs.items() if source is not None}
    old = or_(
        and_(Event.source_id.not_in(own), Event.received_at < min(limit, cutoffs[None])),
        *(and_(Event.source_id == one, Event.received_at < at) for one, at in own.items()),
    )
    in_flight = (
        select(Delivery.id)
        .where(Delivery.event_pk == Event.id, Delivery.state == State.IN_FLIGHT)
        .exists()
    )
    wanted = select(Event.id).where(
        old, Event.routed_at.is_not(None), Event.emptied_at.is_(None), ~in_flight
    )
    count = last = 0
    while ids := db.session.scalars(
        wanted.where(Event.id > last).order_by(Event.id).limit(BATCH)
    ).all():
        for event in erasure.locked(ids):
            count += _empty_event(event, days)
        db.session.commit()
        last = ids[-1]
    return count


def _empty_event(event: Event, days: int) -> bool:
    """Whether it was emptied: not if a call began since the event was selected."""
    deliveries = db.session.scalars(
        select(Delivery)
        .where(Delivery.event_pk == event.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    if any(delivery.state == State.IN_FLIGHT for delivery in deliveries):
        return False
    found = person.erase_all(exact_json.loads(event.payload).get("data"))
    now = database.now(db.session)
    erasure.empty(event, found.data, now)
    ids = [delivery.id for delivery in deliveries]
    for attempt in db.session.scalars(select(Attempt).where(Attempt.delivery_id.in_(ids))):
        erasure.empty_attempt(attempt, found)
    for letter in db.session.scalars(select(DeadLetter).where(DeadLetter.delivery_id.in_(ids))):
        for name in ("sentence", "note", "reason"):
            setattr(letter, name, person.scrub(getattr(letter, name), found.values))
    for delivery in deliveries:
        delivery.last_error = person.scrub(delivery.last_error, found.values)
        if delivery.state == State.PENDING:
            change = transition(life_of(delivery), Discarded(), now)
            apply_transition(delivery, change, now)
            delivery.last_error = NOT_SENT.format(days)
    for row in db.session.scalars(select(EmailDigest).where(EmailDigest.event_pk == event.id)):
        db.session.delete(row)
    return True
