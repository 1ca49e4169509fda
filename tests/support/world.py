"""Sample data for the dashboard, without processes: events in every state."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from flask import Flask
from sqlalchemy import func, select

from relay.database import READ_ONLY
from relay.delivery import drain, router
from relay.models import AiStep, DeadLetter, Delivery, Destination, Event, db
from relay.models.event import search_text_of
from relay.services.alerts import channels
from relay.services.audit import COMMAND_LINE
from relay.services.destinations import settings as destination_settings
from relay.services.sources import settings as source_settings
from tests.support.events import comment
from tests.support.sink import Sink


@dataclass(frozen=True)
class World:
    slug: str
    secret: str
    key_id: str
    inbox: int
    hook: int
    event: int
    letter: int


def put(app: Flask, slug: str, event: dict[str, Any]) -> int:
    """Store an event as ingest does.  -> its row id"""
    with app.app_context():
        source = source_settings.find_source(slug, removed_too=True)
        row = Event(
            source_id=source.id,
            signing_key_id=source.keys[0].id,
            event_id=event["event_id"],
            event_type=event["event"],
            site=event["site"],
            address="203.0.113.7",
            payload=json.dumps(event),
            body_sha256=hashlib.sha256(event["event_id"].encode()).digest(),
            search_text=search_text_of(event["data"]),
        )
        db.session.add(row)
        db.session.commit()
        return row.id


def move(app: Flask, *destination_ids: int) -> None:
    """Route what waits and drain these destinations, in this process."""
    with app.app_context():
        while router.route_batch():
            pass
        for one in destination_ids:
            drain.run(one)


def delivery_states(app: Flask, destination_id: int | None = None) -> dict[str, int]:
    """How many deliveries are in each state, to one destination or to all."""
    wanted = select(Delivery.state, func.count()).group_by(Delivery.state)
    if destination_id is not None:
        wanted = wanted.where(Delivery.destination_id == destination_id)
    with app.app_context(), db.engine.connect().execution_options(**READ_ONLY) as connection:
        return {state.value: count for state, count in connection.execute(wanted)}


def make(app: Flask, sink: Sink) -> World:
    """A site, an inbox, and a hook that refuses: one event delivered to one, dead at the other; and an
    alert channel.
    """
    sink.answer(400, b"no <script>alert(1)</script>", path="/hook")
    with app.app_context():
        source, key, secret = source_settings.create_source(
            "Shop", "https://shop.example.com", COMMAND_LINE
        )
        inbox = destination_settings.create_destination("inbox", "Inbox", {}, COMMAND_LINE)
        hook = destination_settings.create_destination(
            "webhook",
            "Hook",
            {"url": f"{sink.url}/hook", "auth": "bearer", "token": "very-secret-token-1"},
            COMMAND_LINE,
        )
        channels.create_channel(
            "ntfy",
            "Phone",
            {"topic": "shop-1", "access_token": "very-secret-token-1"},
            channels.ChannelChoice(),
            COMMAND_LINE,
        )
        slug, ids, key_id = source.slug, (inbox.id, hook.id), key.key_id
    event = put(app, slug, comment())
    move(app, *ids)
    with app.app_context():
        letter = db.session.query(DeadLetter.id).scalar()
    return World(slug, secret, key_id, *ids, event, letter)


def ai_destination() -> Destination:
    """An AI service with one model."""
    return destination_settings.create_destination(
        "openai",
        "Classifier",
        {"api_key": "sk-test-0123456789", "models": "small-1 0.25 2.00", "currency": "EUR"},
        COMMAND_LINE,
    )


def add_ai_step(subscription_id: int, destination_id: int) -> None:
    """Let a subscription ask an AI service first."""
    db.session.add(
        AiStep(
            subscription_id=subscription_id,
            destination_id=destination_id,
            model="small",
            instructions="Classify it.",
            shown=[],
            fields=[],
            masking=True,
            max_input_tokens=1000,
            max_output_tokens=100,
            wait_s=5,
        )
    )
    db.session.commit()
