"""Removing a site: a preview, and the removal.

The row stays with state ``closed``, so that its events and the ledger keep the name of where they
came from.  Its keys are revoked and its slug is free, so that the same site can be connected
again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, and_, func, literal, select, update

from relay import database
from relay.delivery import gate
from relay.event_types import CANARY
from relay.i18n import N_
from relay.models import (
    Delivery,
    Destination,
    Event,
    Source,
    Subscription,
    SubscriptionSource,
    db,
)
from relay.models.delivery import is_unfinished
from relay.rules.lifecycle import Discarded, State
from relay.rules.states import DestinationState, KeyState, SourceState, SubscriptionState
from relay.services.alerts import state as alerts
from relay.services.audit import By, record
from relay.services.dead_letters import bulk
from relay.services.dead_letters.selection import Selection
from relay.services.locking import free
from relay.services.paging import count_some
from relay.services.sources import revisions
from relay.services.sources.settings import REMOVED, find_source
from relay.services.subscriptions.settings import sentence_of
from relay.services.transitions import transition_many

LONGEST_SLUG, LONGEST_NAME = 64, 120
REASON = N_("The site was removed.")


@dataclass(frozen=True)
class SourceRemoval:
    """What the removal changes; each number goes to COUNTED + 1, which stands for more.

    ``pending`` deliveries and ``unrouted`` events are still delivered, and ``failed`` deliveries can
    be sent again, unless the person discards all of them.  ``answers`` are pending and failed
    deliveries back to the site itself, which are always discarded.
    ``in_flight`` deliveries have been claimed; a call that has already started finishes.
    ``only_here`` are the subscriptions, as sentences, that take events from no other site.
    """

    source: Source
    pending: int
    unrouted: int
    failed: int
    answers: int
    in_flight: int
    keys: int
    only_here: tuple[str, ...]
    events: int

    @property
    def undelivered(self) -> int:
        return self.pending + self.unrouted


def preview(slug: str) -> SourceRemoval:
    """What ``remove`` would do now; changes nothing.  Raises NotFound."""
    return _summarize(find_source(slug))


def _summarize(source: Source) -> SourceRemoval:
    ours = _is_of(source)
    is_pending = and_(is_unfinished(), Delivery.state == State.PENDING.value, ours)
    has_failed = and_(is_unfinished(), Delivery.state == State.DEAD.value, ours)
    answering = db.session.scalars(_answering()).all()
    back = Delivery.destination_id.in_(answering)

    def count(*conditions: Any) -> int:
        return count_some(select(literal(1)).where(*conditions))

    return SourceRemoval(
        source=source,
        pending=count(is_pending, ~back),
        unrouted=count(Event.source_id == source.id, Event.routed_at.is_(None)),
        failed=count(has_failed, ~back),
        answers=count(is_pending, back) + count(has_failed, back) if answering else 0,
        in_flight=count(is_unfinished(), Delivery.state == State.IN_FLIGHT.value, ours),
        keys=sum(key.state != KeyState.REVOKED for key in source.keys),
        only_here=tuple(sentence_of(one) for one in _only_here(source)),
        events=count(Event.source_id == source.id),
    )


def _is_of(source: Source) -> ColumnElement[bool]:
    """Tested for each unfinished delivery: a site can have millions of events."""
    its_event = select(Event.id).where(
        Event.id == Delivery.event_pk,
        Event.source_id == source.id,
        Event.event_type != CANARY,
    )
    return its_event.offset(0).correlate(Delivery).exists()


def _answering():  # type: ignore[no-untyped-def]
    """The destinations that call back the site that sent the event."""
    return select(Destination.id).where(Destination.kind.in_(gate.answering_kinds()))


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

    What is not delivered yet can still be, unless ``discard_waiting``.  The router and the drains check the
    same choice, so it also applies to events that the site sends until its keys stop, and to
    deliveries that a drain has claimed.  Raises NotFound.
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
    source.name = f"{name[: LONGEST_NAME - len(' (removed)')]} (removed)"  # i18n: keep
    source.removed_at, source.removed_by = now, by.actor
    source.discard_waiting = discard_waiting
    db.session.flush()
    discarded = _discard(source, discard_waiting)
    alerts.resolve_family("ledger.", f"{slug} ")
    alerts.forget_subject(f"site:{slug}", REASON)
    record(
        by,
        "source.remove",
        slug,
        name=name,
        keys=done.keys,
        discarded=discarded,
        still_delivered=0 if discard_waiting else done.undelivered,
        in_flight=done.in_flight,
    )
    revisions.touch(revisions.SOURCES)
    db.session.commit()
    return done


def _removed_slug(source: Source) -> str:
    """``shop-removed-17``: unique by its number, and usable as an address in the dashboard."""
    suffix = f"{REMOVED}{source.id}"
    return source.slug[: LONGEST_SLUG - len(suffix)].rstrip("-") + suffix


def _discard(source: Source, everything: bool) -> int:
    """Discard the site's pending and failed deliveries, or only those back to it.  -> how many"""
    waits = [_is_of(source), is_unfinished(), Delivery.state == State.PENDING.value]
    if not everything:
        waits.append(Delivery.destination_id.in_(_answering()))
    now = database.now(db.session)
    count = len(transition_many(db.session, and_(*waits), Discarded(), now))
    of_site = Selection(source=source.slug)
    selections = (
        [of_site]
        if everything
        else [replace(of_site, destination=number) for number in db.session.scalars(_answering())]
    )
    count += sum(bulk.discard_in_transaction(one, REASON) for one in selections)
    if everything:
        unrouted = and_(Event.source_id == source.id, Event.routed_at.is_(None))
        db.session.execute(
            update(Event)
            .where(free(Event.id, unrouted))
            .values(routed_at=now, delivery_count=0)
            .execution_options(synchronize_session=False)
        )
    return count
