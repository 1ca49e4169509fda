"""What recent deliveries to a destination were sent without."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from relay.models import Attempt, Delivery, Event, Subscription, db
from relay.rules.states import SubscriptionState

DAYS = 7
MOST = 1000  # attempts that are counted; more than that is one cause for all of them
MAX_FIELDS = 10


@dataclass(frozen=True)
class LeftOutField:
    """A field that was left out: how often, the newest sentence about it, and the subscription
    with its mapping.

    ``subscription_id`` is None for a subscription that was removed; ``event_type`` is that of the
    newest event.
    """

    label: str
    count: int
    example: str
    subscription_id: int | None
    event_type: str


@dataclass(frozen=True)
class LeftOut:
    """``deliveries`` counts those with a note in the last ``days``, up to ``MOST`` (``is_cut``)."""

    deliveries: int
    fields: tuple[LeftOutField, ...]
    is_cut: bool
    days: int = DAYS


def left_out(destination_id: int, now: datetime) -> LeftOut:
    """What the deliveries of the last days were sent without, the most frequent field first."""
    rows = db.session.execute(
        select(
            Attempt.delivery_id,
            Attempt.notes,
            Subscription.id,
            Subscription.state,
            Event.event_type,
        )
        .join(Delivery, Delivery.id == Attempt.delivery_id)
        .join(Event, Event.id == Delivery.event_pk)
        .join(Subscription, Subscription.id == Delivery.subscription_id)
        .where(
            Attempt.notes.is_not(None),
            Attempt.started_at > now - timedelta(days=DAYS),
            Delivery.destination_id == destination_id,
        )
        .order_by(Attempt.started_at.desc())
        .limit(MOST)
    ).all()
    counts: Counter[str] = Counter()
    newest: dict[str, tuple[str, int | None, str]] = {}
    for _, notes, subscription_id, state, event_type in rows:
        is_open = state != SubscriptionState.CLOSED
        for note in notes or ():
            counts[note["label"]] += 1
            about = (note["sentence"], subscription_id if is_open else None, event_type)
            newest.setdefault(note["label"], about)
    fields = tuple(
        LeftOutField(label, count, *newest[label])
        for label, count in counts.most_common(MAX_FIELDS)
    )
    return LeftOut(len({row.delivery_id for row in rows}), fields, len(rows) == MOST)
