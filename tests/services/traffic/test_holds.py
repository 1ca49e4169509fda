"""When a destination did not send is stored once, from its begin to its end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from relay import database
from relay.models import Destination, DestinationHold, db
from relay.rules.circuit import CircuitState
from relay.services.audit import COMMAND_LINE
from relay.services.destinations import settings as destination_settings
from relay.services.traffic import holds


@pytest.fixture
def inbox(app: Flask) -> int:
    with app.app_context():
        return destination_settings.create_destination("inbox", "Inbox", {}, COMMAND_LINE).id


def stored(app: Flask) -> list[tuple[str, bool]]:
    with app.app_context():
        holds.note()
        rows = db.session.scalars(select(DestinationHold).order_by(DestinationHold.id))
        return [(row.status, row.ended_at is not None) for row in rows]


def test_a_pause_is_one_time_with_an_end(app: Flask, inbox: int) -> None:
    assert stored(app) == []
    with app.app_context():
        destination_settings.pause(inbox, COMMAND_LINE)
    assert stored(app) == stored(app) == [("paused", False)]
    with app.app_context():
        destination_settings.resume(inbox, COMMAND_LINE)
    assert stored(app) == [("paused", True)]


def test_an_outage_begins_when_the_circuit_opened_and_lasts_while_it_is_tested(
    app: Flask, inbox: int
) -> None:
    with app.app_context():
        destination = db.session.get_one(Destination, inbox)
        now = database.now(db.session)
        destination.circuit, destination.circuit_since = CircuitState.OPEN, now - timedelta(hours=1)
        destination.circuit_until = now + timedelta(minutes=1)
        db.session.commit()
    assert stored(app) == [("circuit_open", False)]
    with app.app_context():
        destination = db.session.get_one(Destination, inbox)
        began = db.session.scalars(select(DestinationHold.began_at)).one()
        assert began == destination.circuit_since
        destination.circuit_until = now - timedelta(minutes=1)
        db.session.commit()
    assert stored(app) == [("circuit_open", False)]
    with app.app_context():
        destination_settings.pause(inbox, COMMAND_LINE)
    assert stored(app) == [("circuit_open", True), ("paused", False)]
