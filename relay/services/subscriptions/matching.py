"""Matching: which events a subscription takes, and why it did not take one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from relay.delivery import gate
from relay.delivery.payload import parse_payload
from relay.event_types import SAMPLES
from relay.i18n import _
from relay.mapping.conditions import ConditionGroup, group_of, matches_type
from relay.mapping.event_fields import EventField, fields_of
from relay.mapping.operators import join_words
from relay.models import Destination, Event, Source, Subscription, db
from relay.models.destination import is_shown

if TYPE_CHECKING:  # the settings use this module to try texts on events
    from relay.services.subscriptions.settings import SubscriptionSettings

LOOKED_AT = 200


def recent_events(
    event_types: Sequence[str], sources: Sequence[str] = (), limit: int = 20
) -> list[Event]:
    """The newest events of these types, with their source; ``sources`` are slugs, none for all."""
    wanted = select(Event).order_by(Event.id.desc()).limit(LOOKED_AT)
    if sources:
        wanted = wanted.where(
            Event.source_id.in_(select(Source.id).where(Source.slug.in_(sources)))
        )
    exact = [one for one in event_types if "*" not in one]
    if len(exact) == len(event_types):
        wanted = wanted.where(Event.event_type.in_(exact))
    found = db.session.scalars(wanted.options(joinedload(Event.source)))
    fitting = (one for one in found if matches_type(event_types, one.event_type))
    return [one for _, one in zip(range(limit), fitting, strict=False)]


def slugs_of(subscription: Subscription) -> list[str]:
    return [source.slug for source in subscription.sources]


def fields_by_type(
    event_types: Sequence[str], sources: Sequence[str] = ()
) -> dict[str, list[EventField]]:
    """The fields of stored events by type, with examples; of types without any, the sample's."""
    bodies: dict[str, list[Any]] = {}
    for event in recent_events(event_types, sources, LOOKED_AT):
        bodies.setdefault(event.event_type, []).append(parse_payload(event.payload))
    for name, data in SAMPLES.items():
        if matches_type(event_types, name) and name not in bodies:
            bodies[name] = [{"data": data}]
    return {name: fields_of(found) for name, found in sorted(bodies.items())}


@dataclass(frozen=True)
class MatchCount:
    """Of the newest ``total`` events of these types and sites, ``taken`` meet the conditions."""

    taken: int
    total: int


def count_matches(wanted: SubscriptionSettings) -> MatchCount:
    """How many of the newest events the subscription would take."""
    found = recent_events(wanted.event_types, wanted.sources)
    met = [one for one in found if wanted.conditions.holds(parse_payload(one.payload))]
    return MatchCount(len(met), len(found))


@dataclass(frozen=True)
class UnmatchedSubscription:
    """A subscription that did not take an event.

    ``by_conditions`` is set if only its conditions excluded the event.
    """

    subscription: Subscription
    why: str
    by_conditions: bool = False


def unmatched_subscriptions(event: Event) -> list[UnmatchedSubscription]:
    """The subscriptions that did not take an event, with reasons by their current settings; the
    closest first.
    """
    got = {delivery.subscription_id for delivery in event.deliveries}
    others = db.session.scalars(
        select(Subscription)
        .join(Destination)
        .where(~gate.is_removed(), is_shown())
        .order_by(Subscription.id)
        .options(joinedload(Subscription.destination), selectinload(Subscription.sources))
    )
    found = [_why_not(one, event) for one in others if one.id not in got]
    return sorted(found, key=lambda one: not one.by_conditions)


def _why_not(subscription: Subscription, event: Event) -> UnmatchedSubscription:
    conditions: ConditionGroup = group_of(subscription.conditions)
    names = [source.name for source in subscription.sources]
    if not matches_type(subscription.event_types, event.event_type):
        return UnmatchedSubscription(subscription, _("It takes other event types."))
    if names and event.source_id not in {source.id for source in subscription.sources}:
        return UnmatchedSubscription(
            subscription,
            _("It only takes events from %(sites)s.", sites=join_words(names, _("or"))),
        )
    if why := conditions.why_not(parse_payload(event.payload)):
        return UnmatchedSubscription(
            subscription, f"{why[0].upper()}{why[1:]}.", by_conditions=True
        )
    if event.routed_at is not None and subscription.created_at > event.routed_at:
        return UnmatchedSubscription(
            subscription, _("It was created after this event was received.")
        )
    return UnmatchedSubscription(
        subscription, _("It was changed later and would take this event now.")
    )
