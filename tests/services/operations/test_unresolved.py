"""Retention per site, and the hard limit for events that an unresolved delivery keeps."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from relay import database
from relay.errors import Refusal
from relay.models import Attempt, DeadLetter, Delivery, Event, db
from relay.services.audit import COMMAND_LINE
from relay.services.dead_letters import actions
from relay.services.dead_letters.selection import Selection
from relay.services.ledger.reading import two_days
from relay.services.operations import retention, unresolved
from relay.services.replays import actions as replay_actions
from relay.services.replays import preview
from relay.services.sources import privacy
from relay.services.sources import settings as source_settings
from tests.support import world
from tests.support.events import comment
from tests.support.sink import Sink


def age(app: Flask, days: int, *ids: int) -> None:
    with app.app_context():
        at = database.now(db.session) - timedelta(days=days)
        wanted = update(Event).values(received_at=at)
        db.session.execute(wanted.where(Event.id.in_(ids)) if ids else wanted)
        db.session.commit()


def test_each_site_has_its_own_days(app: Flask, sink: Sink) -> None:
    made = world.make(app, sink)
    sink.answer(200, path="/hook")
    with app.app_context():
        other = source_settings.create_source("Other", "https://o.example.com", COMMAND_LINE)[
            0
        ].slug
    short, usual = (world.put(app, slug, comment()) for slug in (made.slug, other))
    world.move(app, made.inbox, made.hook)
    age(app, 8, short, usual)
    with app.app_context():
        privacy.set_retention(made.slug, 7, COMMAND_LINE)
        assert retention.prune(COMMAND_LINE).events == 1
        assert db.session.get(Event, short) is None and db.session.get(Event, usual) is not None
        privacy.set_retention(other, 365, COMMAND_LINE)
    age(app, 31, usual)
    with app.app_context():
        assert retention.prune(COMMAND_LINE).events == 0
        privacy.set_retention(other, None, COMMAND_LINE)
        assert retention.prune(COMMAND_LINE).events == 1


def test_an_unresolved_event_loses_its_data_after_the_limit(app: Flask, sink: Sink) -> None:
    made = world.make(app, sink)
    waiting = world.put(app, made.slug, comment())
    world.move(app)  # routed, not sent
    age(app, 89)
    with app.app_context():
        assert retention.prune(COMMAND_LINE).emptied == 0
    age(app, 91)
    with app.app_context():
        source = source_settings.find_source(made.slug)
        before = repr(two_days(source.id))
        assert retention.prune(COMMAND_LINE) == retention.Pruned(0, 0, 2)
        event = db.session.get(Event, made.event)
        assert event is not None and event.emptied_at is not None
        assert "Jane Doe" not in event.payload and "Jane" not in event.search_text
        assert json.loads(event.payload)["data"]["id"] == 7
        letter = db.session.get(DeadLetter, made.letter)
        assert letter is not None and letter.state == "open", (
            "it says why, until a person discards it"
        )
        for attempt in db.session.scalars(select(Attempt)):
            assert "Jane" not in str(attempt.request) + str(attempt.response)
        assert repr(two_days(source.id)) == before
        with pytest.raises(Refusal, match="deleted the personal data"):
            actions.replay(made.letter, COMMAND_LINE)
        chosen = preview.select_dead_letters(Selection())
        assert preview.dry_run(chosen).places[0].skipped == {
            "the personal data of its event was deleted": 1
        }
        with pytest.raises(Refusal):
            replay_actions.start(chosen, COMMAND_LINE, "token")
        states = {(one.state, one.last_error) for one in
                  db.session.query(Delivery).filter_by(event_pk=waiting)}  # fmt: skip
        assert states == {("discarded", unresolved.NOT_SENT.format(90))}
        assert retention.prune(COMMAND_LINE) == retention.Pruned(1, 0, 0), "the one that waited"
        actions.discard(made.letter, COMMAND_LINE)
        assert retention.prune(COMMAND_LINE).events == 1
