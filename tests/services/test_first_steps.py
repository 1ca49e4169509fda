"""The first steps are done by what is in the database, each on its own."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from relay import database
from relay.errors import Refusal
from relay.event_types import RELAY_TEST
from relay.launcher import demo
from relay.models import Destination, DestinationTraffic, db
from relay.services import events, first_steps
from relay.services.alerts import channels
from relay.services.audit import COMMAND_LINE
from relay.services.destinations import settings as destination_settings
from relay.services.operations import milestones
from relay.services.sources import settings as source_settings
from relay.services.users import accounts
from tests.ingest.conftest import Sender
from tests.support.events import comment
from tests.support.world import move, put

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ALL = ["site", "event", "destination", "test", "channel", "person", "backup"]


def done(app: Flask) -> list[str] | None:
    with app.app_context():
        steps = first_steps.current()
        return None if steps is None else steps.done


def test_each_step_is_done_when_its_row_exists(app: Flask) -> None:
    assert done(app) == []
    with app.app_context():
        source, key, secret = source_settings.create_source(
            "Shop", "https://shop.example.com", COMMAND_LINE
        )
        sender = Sender(app, source.slug, key.key_id, secret)
    assert done(app) == ALL[:1]
    assert sender.send(comment() | {"event_id": f"{RELAY_TEST}1"}).status_code == 202
    assert done(app) == ALL[:1]
    assert sender.send(comment()).status_code == 202
    assert done(app) == ALL[:2]
    with app.app_context():
        inbox = destination_settings.create_destination("inbox", "Inbox", {}, COMMAND_LINE).id
    assert done(app) == ALL[:3]
    with app.app_context():
        assert destination_settings.send_test(inbox, COMMAND_LINE).ok
    assert done(app) == ALL[:4]
    with app.app_context():
        channels.create_channel(
            "ntfy", "Phone", {"topic": "shop-1"}, channels.ChannelChoice(), COMMAND_LINE
        )
    assert done(app) == ALL[:5]
    with app.app_context():
        for name in ("ada", "ben"):
            accounts.create_user(
                f"{name}@example.com", "a long password here", "admin", COMMAND_LINE
            )
    assert done(app) == ALL[:6]
    with app.app_context():
        milestones.mark(milestones.BACKUP)
    assert done(app) is None


def test_what_the_demo_made_does_not_count(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def send(slug: str, by: object, event_type: str, base: str) -> None:
        put(app, slug, comment() | {"event_id": f"{RELAY_TEST}1"})
        raise Refusal("not running")

    monkeypatch.setattr(events, "send_test_event", send)
    with app.app_context():
        demo.show("", lambda _line: None)
        inbox = db.session.scalars(select(Destination.id)).one()
    move(app, inbox)
    with app.app_context():
        now = database.now(db.session)
        db.session.add(
            DestinationTraffic(destination_id=inbox, span_s=3600, begin=now, delivered=1)
        )
        db.session.commit()
    assert done(app) == []


def test_a_list_that_was_hidden_can_be_shown_again(app: Flask) -> None:
    with app.app_context():
        first_steps.hide(COMMAND_LINE)
        assert first_steps.current() is None
        first_steps.show(COMMAND_LINE)
        assert first_steps.current() is not None
        db.session.rollback()
