"""Subscriptions: which events a destination gets, and the same as a sentence."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import and_, func, literal, or_, select, union_all
from sqlalchemy.orm import joinedload, selectinload

from relay import broker, database
from relay.destinations import KINDS
from relay.errors import Invalid, NotFound, Refusal
from relay.event_types import FAMILIES, SAMPLES
from relay.i18n import N_, SOURCE, _, in_language
from relay.mapping import phrasing
from relay.mapping.conditions import Condition, ConditionGroup, group_of, matches_type
from relay.mapping.operators import OPERATORS, split
from relay.models import (
    DeadLetter,
    Delivery,
    Destination,
    MappingVersion,
    Source,
    Subscription,
    db,
)
from relay.models.delivery import is_pending
from relay.models.destination import INTERNAL_KIND
from relay.rules.counted import COUNTED
from relay.rules.lifecycle import Discarded, State
from relay.rules.states import DestinationState, SourceState, SubscriptionState
from relay.services import type_names
from relay.services.audit import By, record
from relay.services.dead_letters import bulk
from relay.services.dead_letters.selection import Selection
from relay.services.deliveries import UNRESOLVED
from relay.services.transitions import transition_many

PATTERN = re.compile(r"\*|[a-z0-9_]+(\.[a-z0-9_-]+)*(\.\*)?")
KNOWN = ("*", *SAMPLES, *(f"{name}.*" for name in FAMILIES))
LISTED = N_("The list is in docs/wordpress.md; custom types start with x.")
MOST_CONDITIONS, LONGEST_VALUE = 30, 500
REMOVED = N_("The subscription was removed.")


@dataclass(frozen=True)
class SubscriptionSettings:
    """``event_types`` are patterns, ``sources`` slugs; empty means all."""

    event_types: Sequence[str] = ("*",)
    sources: Sequence[str] = ()
    conditions: ConditionGroup = field(default_factory=ConditionGroup)


def check_patterns(patterns: Sequence[str]) -> list[str]:
    """Event types and patterns such as ``order.*``; empty means all.  Raises Invalid."""
    wanted = [p.strip() for p in patterns if p.strip()] or ["*"]
    for pattern in wanted:
        if len(pattern) > 64 or not PATTERN.fullmatch(pattern):
            sentence = _(
                "%(pattern)s is not an event type such as order.created or order.*.",
                pattern=pattern,
            )
            raise Invalid({"event_types": [sentence]})
        if pattern not in KNOWN and not pattern.startswith("x."):
            raise Invalid({"event_types": [type_names.unknown(pattern, KNOWN, _(LISTED))]})
    return sorted(set(wanted))


def check_conditions(group: ConditionGroup) -> dict[str, Any]:
    """The conditions as they are stored.  Raises Invalid."""
    conditions = list(group.conditions())
    if len(conditions) > MOST_CONDITIONS:
        raise Invalid(
            {
                "conditions": [
                    _(
                        "A subscription has at most %(most)s conditions.",
                        most=MOST_CONDITIONS,
                    )
                ]
            }
        )
    for one in conditions:
        if why := _what_is_wrong(one):
            raise Invalid({"conditions": [why]})
    return group.as_json() if group.items else {}


def _what_is_wrong(one: Condition) -> str:
    if not one.path:
        return _("Choose a field for each condition, or remove the condition.")
    if one.op not in OPERATORS:
        return _("%(op)s is not an operator.", op=one.op)
    if len(one.value) > LONGEST_VALUE:
        return _("A value has at most %(most)s characters.", most=LONGEST_VALUE)
    how_many = OPERATORS[one.op].values
    if how_many != "none" and not (split(one.value) if how_many == "many" else one.value):
        return _("Enter a value to compare with. To match an empty field, choose “is empty”.")
    return ""


def _sources(slugs: Sequence[str], chosen: Sequence[Source] = ()) -> list[Source]:
    """The sources with these slugs; removed ones only if already ``chosen``.  Raises Invalid."""
    known = or_(Source.state == SourceState.ACTIVE, Source.id.in_([source.id for source in chosen]))
    found = db.session.scalars(select(Source).where(Source.slug.in_(slugs), known)).all()
    for slug in slugs:
        if slug not in {one.slug for one in found}:
            raise Invalid({"source": [_("There is no source called %(slug)s.", slug=slug)]})
    return list(found)


def fresh(wanted: SubscriptionSettings, by: By) -> Subscription:
    """A subscription that is not stored yet, with the default mapping.  Raises Invalid."""
    return Subscription(
        event_types=check_patterns(wanted.event_types),
        sources=_sources(wanted.sources),
        conditions=check_conditions(wanted.conditions),
        versions=[MappingVersion(number=1, made_by=by.actor)],
    )


def check_takes_events(destination: Destination) -> None:
    """Raises Refusal if the destination has no subscriptions of its own."""
    kind = KINDS.get(destination.kind)
    if kind is not None and not kind.takes_events:
        raise Refusal(_("%(name)s takes no events: AI steps use it.", name=destination.name))


def check_texts(destination: Destination, patterns: Sequence[str]) -> None:
    """Raises Invalid if a text in the destination's settings does not work with one of these types."""
    from relay.services.destinations import texts  # here: a list needs no templates

    kind = KINDS.get(destination.kind)
    try:
        if kind is not None:
            texts.check(kind, destination.config, patterns)
    except Invalid as exc:
        why = " ".join(sentence for reasons in exc.reasons.values() for sentence in reasons)
        raise Invalid(
            {
                "event_types": [
                    _("%(name)s cannot send these events. %(why)s", name=destination.name, why=why)
                ]
            }
        ) from exc


def create(destination: Destination, wanted: SubscriptionSettings, by: By) -> Subscription:
    """Add a subscription to a destination.  Raises Invalid, Refusal."""
    check_takes_events(destination)
    check_texts(destination, check_patterns(wanted.event_types))
    made = fresh(wanted, by)
    made.destination_id = destination.id
    made.destination = destination
    db.session.add(made)
    record(by, "subscription.create", destination.name, sentence=sentence_for_audit(made))
    db.session.commit()
    return made


def change(subscription: Subscription, wanted: SubscriptionSettings, by: By) -> Subscription:
    """Applies to events that are routed from now on.  Raises Invalid."""
    patterns = check_patterns(wanted.event_types)
    check_texts(subscription.destination, patterns)
    sources = _sources(wanted.sources, subscription.sources)
    subscription.conditions = check_conditions(wanted.conditions)
    subscription.event_types, subscription.sources = patterns, sources
    label = subscription.destination.name
    record(by, "subscription.update", label, sentence=sentence_for_audit(subscription))
    db.session.commit()
    return subscription


def find(destination_id: int, subscription_id: int) -> Subscription:
    """One of a destination's subscriptions, with the destination and its sources.  Raises NotFound."""
    found = db.session.scalar(
        select(Subscription)
        .where(Subscription.id == subscription_id, Subscription.destination_id == destination_id)
        .options(joinedload(Subscription.destination), selectinload(Subscription.sources))
    )
    if (
        found is None
        or found.state == SubscriptionState.CLOSED
        or found.destination.state == DestinationState.CLOSED
        or found.destination.kind == INTERNAL_KIND
    ):
        raise NotFound(_("There is no such subscription, or it was removed."))
    return found


def _lock(subscription: Subscription) -> None:
    """Read the state again and keep others from changing it.  Raises NotFound if it was removed.

    Without the lock, a pause that began before a removal would overwrite it, and a resume would then
    send again.
    """
    db.session.refresh(subscription, ["state"], with_for_update={"key_share": True})
    if subscription.state == SubscriptionState.CLOSED:
        db.session.rollback()
        raise NotFound(_("There is no such subscription, or it was removed."))


def pause(subscription: Subscription, by: By) -> None:
    """Matching events still get deliveries, which wait.  Raises NotFound, Refusal."""
    _lock(subscription)
    if subscription.state != SubscriptionState.ACTIVE:
        raise Refusal(_("This subscription is already paused."))
    subscription.state = SubscriptionState.PAUSED
    record(by, "subscription.pause", subscription.destination.name, subscription=subscription.id)
    db.session.commit()


def resume(subscription: Subscription, by: By) -> None:
    """Send what waited.  Raises NotFound, Refusal."""
    _lock(subscription)
    if subscription.state != SubscriptionState.PAUSED:
        raise Refusal(_("This subscription is not paused."))
    subscription.state = SubscriptionState.ACTIVE
    record(by, "subscription.resume", subscription.destination.name, subscription=subscription.id)
    db.session.commit()
    broker.nudge("drain_destination", subscription.destination_id)


def remove(subscription: Subscription, by: By) -> int:
    """Take no more events, and discard what is pending or failed; the rest stays on record.

    -> how many were discarded.  Raises NotFound if it was removed before.
    """
    _lock(subscription)
    # Stored before the deliveries are discarded: a router or a drain that writes one at this moment
    # waits for this transaction, or this one waits for it.
    subscription.state = SubscriptionState.CLOSED
    db.session.flush()
    waits = and_(Delivery.subscription_id == subscription.id, Delivery.state == State.PENDING.value)
    pending = len(transition_many(db.session, waits, Discarded(), database.now(db.session)))
    failed = bulk.discard_in_transaction(Selection(subscription=subscription.id), REMOVED)
    record(
        by,
        "subscription.remove",
        subscription.destination.name,
        sentence=sentence_for_audit(subscription),
        discarded=pending,
        failed_discarded=failed,
    )
    db.session.commit()
    return pending + failed


@dataclass(frozen=True)
class UnsentCounts:
    """The deliveries of one subscription that were not delivered."""

    pending: int = 0
    failed: int = 0


def unsent(destination_id: int) -> Mapping[int, UnsentCounts]:
    """What was not delivered, for each subscription of a destination; reads COUNTED + 1 of each at most."""
    pending = select(Delivery.subscription_id, literal(1).label("pending")).where(
        Delivery.destination_id == destination_id, is_pending()
    )
    failed = (
        select(Delivery.subscription_id, literal(0).label("pending"))
        .join(DeadLetter, DeadLetter.delivery_id == Delivery.id)
        .where(DeadLetter.destination_id == destination_id, DeadLetter.state.in_(UNRESOLVED))
    )
    some = union_all(*(select(one.limit(COUNTED + 1).subquery()) for one in (pending, failed)))
    rows = some.subquery()
    counts = db.session.execute(
        select(
            rows.c.subscription_id,
            func.sum(rows.c.pending),
            func.sum(1 - rows.c.pending),
        ).group_by(rows.c.subscription_id)
    )
    found = {number: UnsentCounts(waits, dead) for number, waits, dead in counts}
    return defaultdict(UnsentCounts, found)


def sentence_of(subscription: Subscription) -> str:
    """``When an order from Shop B is placed and its total is at least 500, send it to …``."""
    wanted = SubscriptionSettings(
        subscription.event_types,
        [source.name for source in subscription.sources],
        group_of(subscription.conditions),
    )
    return read_back(subscription.destination, wanted)


def sentence_for_audit(subscription: Subscription) -> str:
    """``sentence_of`` in English: what is stored has one language."""
    with in_language(SOURCE):
        return sentence_of(subscription)


def read_back(destination: Destination, wanted: SubscriptionSettings) -> str:
    """The settings as a sentence; ``sources`` are names here."""
    kind = KINDS.get(destination.kind)
    actions = (
        {kind.action(destination.config, one) for one in wanted.event_types} if kind else set()
    )
    action = actions.pop() if len(actions) == 1 else N_("send it to {name}")
    return phrasing.sentence(
        wanted.event_types,
        wanted.sources,
        wanted.conditions,
        _(action).format(name=destination.name),
    )


def overlapping(destination: Destination) -> bool:
    """Whether two of its subscriptions can take the same event, which is then sent twice."""
    rest = list(destination.subscriptions)
    return any(
        _meet(one.event_types, two.event_types)
        and (not one.sources or not two.sources or {*one.sources} & {*two.sources})
        for number, one in enumerate(rest)
        for two in rest[number + 1 :]
    )


def _meet(patterns: Sequence[str], others: Sequence[str]) -> bool:
    return any(
        matches_type([one], two.removesuffix("*") + "x" if two.endswith(".*") else two)
        or matches_type([two], one.removesuffix("*") + "x" if one.endswith(".*") else one)
        for one in patterns
        for two in others
    )
