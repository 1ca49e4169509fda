"""Removing a site: a preview, and the removal.

The row stays with state ``closed``, so that its events and the ledger keep the name of where they
came from.  Its keys are revoked and its slug is free, so that the same site can be connected
again.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import and_, func, select, update

from relay import database
from relay.destinations import KINDS
from relay.models import (
    Delivery,
    Destination,
    Event,
    Source,
    Subscription,
    SubscriptionSource,
    db,
)
from relay.rules.lifecycle import Discarded, State
from relay.rules.states import DestinationState, KeyState, SourceState, SubscriptionState
from relay.services import alerts
from relay.services.audit import By, record
from relay.services.locking import free
from relay.services.sources import revisions
from relay.services.sources.settings import REMOVED, find_source
from relay.services.subscriptions.settings import sentence_of
from relay.services.transitions import transition_many

LONGEST_SLUG, LONGEST_NAME = 64, 120


@dataclass(frozen=True)
class SourceRemoval:
    """What the removal changes.

    ``waiting`` deliveries and ``unrouted`` events are still delivered unless the person discards
    them; ``answers`` are waiting deliveries back to the site itself, which are always discarded.
    ``only_here`` are the subscriptions, as sentences, that take events from no other site.
    """

    source: Source
    waiting: int
    unrouted: int
    answers: int
    keys: int
    only_here: tuple[str, ...]
    events: int

    @property
    def undelivered(self) -> int:
        return self.waiting + self.unrouted


def preview(slug: str) -> SourceRemoval:
    """What ``remove`` would do now; changes nothing.  Raises NotFound."""
    return _summarize(find_source(slug))


def _summarize(source: Source) -> SourceRemoval:
    ours = select(Event.id).where(Event.source_id == source.id)
    waits = and_(Delivery.state == State.PENDING.value, Delivery.event_pk.in_(ours))
    back = and_(waits, Delivery.destination_id.in_(_answering()))

    def count(*conditions: object) -> int:
        return db.session.scalar(select(func.count()).where(*conditions)) or 0  # type: ignore[arg-type]

    answers = count(back)
    return SourceRemoval(
        source=source,
        waiting=count(waits) - answers,
        unrouted=count(Event.source_id == source.id, Event.routed_at.is_(None)),
        answers=answers,
        keys=sum(key.state != KeyState.REVOKED for key in source.keys),
        only_here=tuple(sentence_of(one) for one in _only_here(source)),
        events=count(Event.source_id == source.id),
    )


def _answering():  # type: ignore[no-untyped-def]
    """The destinations that call back the site that sent the event."""
    kinds = [slug for slug, kind in KINDS.items() if kind.signs_for_site]
    return select(Destination.id).where(Destination.kind.in_(kinds))


def _only_here(source: Source) -> list[Subscription]:
    link = SubscriptionSource
    several = select(link.subscription_id).group_by(link.subscription_id).having(func.count() > 1)
    return list(
        db.session.scalars(
            select(Subscription)
            .join(link, link.subscription_id == Subscription.id)
            .join(Destination, Destination.id == Subscription.destination_id)
            .where(
                link.source_id == source.id,
                Subscription.id.not_in(several),
                Subscription.state != SubscriptionState.CLOSED,
                Destination.state != DestinationState.CLOSED,
            )
            .order_by(Subscription.id)
        )
    )


def remove(slug: str, by: By, discard_waiting: bool = False) -> SourceRemoval:
    """Remove it in one transaction; its keys stop in every web process within 5 s.  -> what was done

    What waits is still delivered, unless ``discard_waiting``.  Raises NotFound.
    """
    source = find_source(slug, lock=True)
    done = _summarize(source)
    now = database.now(db.session)
    for key in source.keys:
        if key.state != KeyState.REVOKED:
            key.state, key.revoked_at = KeyState.REVOKED, now
    name = source.name
    source.state = SourceState.CLOSED
    source.slug = _removed_slug(source)
    source.name = f"{name[: LONGEST_NAME - len(' (removed)')]} (removed)"
    source.removed_at, source.removed_by = now, by.actor
    db.session.flush()
    discarded = _discard(source, discard_waiting)
    alerts.resolve_family("ledger.", f"{slug} ")
    record(
        by,
        "source.remove",
        slug,
        name=name,
        keys=done.keys,
        discarded=discarded,
        still_delivered=0 if discard_waiting else done.undelivered,
    )
    revisions.touch(revisions.SOURCES)
    db.session.commit()
    return done


def _removed_slug(source: Source) -> str:
    """``shop-removed-17``: unique by its number, and usable as an address in the dashboard."""
    suffix = f"{REMOVED}{source.id}"
    return source.slug[: LONGEST_SLUG - len(suffix)].rstrip("-") + suffix


def _discard(source: Source, everything: bool) -> int:
    """Discard the site's waiting deliveries, or only those back to it.  -> how many"""
    ours = select(Event.id).where(Event.source_id == source.id)
    waits = [Delivery.event_pk.in_(ours), Delivery.state == State.PENDING.value]
    if not everything:
        waits.append(Delivery.destination_id.in_(_answering()))
    now = database.now(db.session)
    discarded = transition_many(db.session, and_(*waits), Discarded(), now)
    if everything:
        unrouted = and_(Event.source_id == source.id, Event.routed_at.is_(None))
        db.session.execute(
            update(Event)
            .where(free(Event.id, unrouted))
            .values(routed_at=now, delivery_count=0)
            .execution_options(synchronize_session=False)
        )
    return len(discarded)
