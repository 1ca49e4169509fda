"""How long data is kept: the environment wins, and a change says what it deletes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from relay import database
from relay.errors import Invalid, Refusal
from relay.models import AuditEntry, Event, Source, db
from relay.services.audit import COMMAND_LINE
from relay.services.operations import retention as pruning
from relay.services.settings import retention
from relay.services.settings.retention import ValueSource
from tests.support.events import comment
from tests.support.sink import Sink
from tests.support.world import World, make, move, put


@pytest.fixture
def world(app: Flask, sink: Sink) -> World:
    """One event that is delivered to both, 10 days old, and a new one."""
    world = make(app, sink)
    sink.answer(200, b"", path="/hook")
    old = put(app, world.slug, comment())
    move(app, world.inbox, world.hook)
    with app.app_context():
        then = database.now(db.session) - timedelta(days=10)
        db.session.execute(update(Event).where(Event.id == old).values(received_at=then))
        db.session.commit()
    return world


def test_a_change_says_what_it_deletes_and_the_next_run_does_it(app: Flask, world: World) -> None:
    with app.app_context():
        assert [one.days for one in retention.values()] == [30, 90, 0]
        assert {one.source for one in retention.values()} == {ValueSource.DEFAULT}
        assert retention.preview({"retention_days": 11}).events == 0
        assert retention.preview({"retention_days": 7}).events == 1
        db.session.rollback()
        assert retention.change({"retention_days": 7}, COMMAND_LINE) == {"retention_days": 7}
        assert retention.values()[0].source is ValueSource.DATABASE
        entry = db.session.scalars(
            select(AuditEntry).where(AuditEntry.action == "retention.change")
        ).one()
        assert entry.detail == {"retention_days": "30 → 7"}
        db.session.rollback()
        assert pruning.prune(COMMAND_LINE).events == 1


def test_a_site_with_its_own_days_is_not_counted(app: Flask, world: World) -> None:
    with app.app_context():
        db.session.execute(update(Source).values(retention_days=60))
        db.session.commit()
        assert retention.preview({"retention_days": 7}).events == 0


def test_the_environment_wins_and_cannot_be_changed_here(app: Flask) -> None:
    app.extensions["relay_config"] = replace(
        app.extensions["relay_config"],
        retention_days=14,
        set_in_environment=frozenset({"RELAY_RETENTION_DAYS"}),
    )
    with app.app_context():
        assert retention.days().retention_days == 14
        assert retention.values()[0].source is ValueSource.ENVIRONMENT
        with pytest.raises(Refusal, match="RELAY_RETENTION_DAYS sets this"):
            retention.change({"retention_days": 20}, COMMAND_LINE)
        assert retention.change({"unresolved_retention_days": 40}, COMMAND_LINE)
        assert retention.days().unresolved_retention_days == 40


@pytest.mark.parametrize("days", [None, 0, 3651])
def test_impossible_days_are_refused(app: Flask, days: int | None) -> None:
    with app.app_context(), pytest.raises(Invalid):
        retention.check({"retention_days": days})
