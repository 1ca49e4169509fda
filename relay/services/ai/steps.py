"""AI steps of subscriptions: read, saved, and tested on a stored event."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from relay import database
from relay.delivery.ai.enrichment import Enriched, Enricher
from relay.delivery.ai.steps import step_of
from relay.delivery.message import message_of
from relay.delivery.payload import parse_payload
from relay.delivery.shared_transport import shared_transport
from relay.destinations import KINDS
from relay.destinations.ai import AiKind, AiModel
from relay.errors import NotFound
from relay.event_types import SAMPLES, TEST
from relay.i18n import _
from relay.mapping import ai_answers, event_fields
from relay.mapping.ai_answers import AnswerField
from relay.mapping.conditions import group_of, matches_type
from relay.mapping.event_fields import EventField
from relay.models import AiStep, Attempt, Delivery, Destination, Event, Subscription, db
from relay.rules.states import AiFallback, DestinationState
from relay.services.ai import validation as ai_validation
from relay.services.ai.validation import Draft
from relay.services.audit import By, record
from relay.services.subscriptions import matching

RECENT = 10
WRITTEN = frozenset("content message subject note text comment title post_title items".split())


def find_step(subscription_id: int) -> AiStep | None:
    """The AI step of a subscription with the destination that it asks, if it has one."""
    return db.session.scalar(
        select(AiStep)
        .where(AiStep.subscription_id == subscription_id)
        .options(joinedload(AiStep.destination))
    )


def steps_of(destination_id: int) -> dict[int, AiStep]:
    """The AI steps of a destination's subscriptions, by subscription."""
    found = db.session.scalars(
        select(AiStep)
        .join(Subscription, Subscription.id == AiStep.subscription_id)
        .where(Subscription.destination_id == destination_id)
        .options(joinedload(AiStep.destination))
    )
    return {step.subscription_id: step for step in found}


def fields_of(subscription: Subscription) -> tuple[AnswerField, ...]:
    """The fields of the AI's answer that a mapping can use, each with its ``path`` and type."""
    step = find_step(subscription.id)
    return tuple(map(ai_answers.field_of, step.fields)) if step else ()


def last_answers(delivery_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """What the AI last answered about deliveries, by delivery: previews do not ask again."""
    rows = db.session.execute(
        select(Attempt.delivery_id, Attempt.ai)
        .where(Attempt.delivery_id.in_(delivery_ids))
        .order_by(Attempt.id)
    )
    return {delivery_id: ai["answer"] for delivery_id, ai in rows if ai and "answer" in ai}


def answers_about(subscription: Subscription, event_ids: Sequence[int]) -> dict[int, Any]:
    """The AI's last answers about events for this subscription, by the event's number."""
    told = db.session.execute(
        select(Delivery.event_pk, Attempt.ai)
        .join(Attempt, Attempt.delivery_id == Delivery.id)
        .where(Delivery.subscription_id == subscription.id, Delivery.event_pk.in_(event_ids))
        .order_by(Attempt.id)
    )
    return {event_pk: ai["answer"] for event_pk, ai in told if ai and "answer" in ai}


@dataclass(frozen=True)
class Asker:
    """A destination that can be asked, with its models and the currency of their prices."""

    destination: Destination
    models: tuple[AiModel, ...]
    currency: str


def askers() -> list[Asker]:
    """The destinations that AI steps can ask."""
    kinds = {slug: kind for slug, kind in KINDS.items() if isinstance(kind, AiKind)}
    found = db.session.scalars(
        select(Destination)
        .where(Destination.kind.in_(kinds), Destination.state != DestinationState.CLOSED)
        .order_by(Destination.name)
    )
    return [
        Asker(one, kinds[one.kind].models(one.config), kinds[one.kind].currency(one.config))
        for one in found
    ]


def recent_events(subscription: Subscription) -> list[Event]:
    """The newest events that this subscription takes."""
    slugs = matching.slugs_of(subscription)
    found = matching.recent_events(subscription.event_types, slugs, matching.LOOKED_AT)
    conditions = group_of(subscription.conditions)
    taken = (one for one in found if conditions.holds(parse_payload(one.payload)))
    return list(itertools.islice(taken, RECENT))


def event_fields_of(subscription: Subscription, events: Sequence[Event]) -> list[EventField]:
    """The fields of its events; those of Relay's samples come after the stored ones."""
    real = [parse_payload(one.payload) for one in events]
    shipped = [
        {"data": data}
        for name, data in SAMPLES.items()
        if matches_type(subscription.event_types, name)
        and (not events or name in {one.event_type for one in events})
    ]
    return event_fields.fields_of([*real, *shipped])


def first_draft(fields: Sequence[EventField]) -> Draft:
    """The draft for a subscription without a step: a common task, on the fields that people write."""
    written = [
        field.path
        for field in fields
        if field.path[-1].lower() in WRITTEN or "fields" in field.path[:-1]
    ]
    found = askers()
    draft = Draft(shown=tuple(written))
    if not found:
        return draft
    return replace(draft, destination_id=found[0].destination.id, model=found[0].models[0].name)


def save(subscription: Subscription, draft: Draft, by: By) -> AiStep:
    """Create or change the AI step.  Raises Invalid with the reasons per field."""
    checked = ai_validation.check(draft, askers())
    step = find_step(subscription.id)
    if step is None:
        step = AiStep(subscription_id=subscription.id)
        db.session.add(step)
    for name, value in checked.columns.items():
        setattr(step, name, value)
    label = f"{subscription.destination.name} uses {checked.asker.destination.name}"  # i18n: keep
    record(by, "ai_step.save", label, model=draft.model, fields=[f.name for f in draft.fields])
    db.session.commit()
    return step


def remove(subscription: Subscription, by: By) -> None:
    """Events go without AI from now on; past costs stay on record.  Raises NotFound."""
    step = find_step(subscription.id)
    if step is None:
        raise NotFound(_("This subscription has no AI step."))
    record(by, "ai_step.remove", subscription.destination.name, model=step.model)
    db.session.delete(step)
    db.session.commit()


@dataclass(frozen=True)
class Tried:
    """The result of a draft on one event."""

    event: Event | None
    enriched: Enriched
    elapsed_ms: float

    @property
    def told(self) -> dict[str, Any]:
        return self.enriched.record

    @property
    def ok(self) -> bool:
        return self.told.get("outcome") in ("answered", "kept")


def try_out(subscription: Subscription, draft: Draft, event_id: int | None, by: By) -> Tried:
    """Ask once with a draft, as a delivery would: within the same caps, counted, answers stored.

    Raises Invalid.
    """
    checked = ai_validation.check(draft, askers())
    event = next((e for e in recent_events(subscription) if event_id in (None, e.id)), None)
    label = f"{subscription.destination.name} uses {checked.asker.destination.name}"  # i18n: keep
    record(by, "ai_step.try", label, model=draft.model)
    db.session.commit()
    row = AiStep(
        subscription_id=subscription.id, **checked.columns | {"fallback": AiFallback.GO_ON}
    )
    step = step_of(row, checked.asker.destination)
    message = message_of(
        parse_payload(event.payload) if event else _sample(subscription),
        event.received_at if event else database.now(db.session),
        event.source.name if event else "Sample site",  # i18n: keep
        event.source.url if event else "https://shop.example.com",
        key="",
    )
    db.session.rollback()  # no transaction stays open during the call
    began = time.perf_counter()
    transport = shared_transport(current_app._get_current_object())  # type: ignore[attr-defined]
    enriched = Enricher(db.engine, transport).enrich(step, message)
    return Tried(event, enriched, (time.perf_counter() - began) * 1000)


def _sample(subscription: Subscription) -> dict[str, Any]:
    name = next((one for one in SAMPLES if matches_type(subscription.event_types, one)), TEST)
    return {"event": name, "event_id": "sample", "data": json.loads(json.dumps(SAMPLES[name]))}
