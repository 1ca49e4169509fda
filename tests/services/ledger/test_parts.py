"""The counted parts of the ledger give the same numbers as its rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from relay.models import DeadLetter, Event, LedgerPart, db
from relay.services.audit import COMMAND_LINE
from relay.services.dead_letters import actions as dead_letter_actions
from relay.services.ledger import parts
from relay.services.ledger.model import DAY, Period
from relay.services.ledger.reading import read, read_parts, snapshot
from relay.services.operations import retention
from tests.services.ledgers import pass_days, today
from tests.support.events import comment
from tests.support.sink import Sink
from tests.support.world import World, make, move, put


@pytest.fixture
def world(app: Flask, sink: Sink) -> Iterator[World]:
    """Events of today, yesterday and three days ago, each day with a failed delivery at the hook."""
    world = make(app, sink)
    with app.app_context():
        pass_days(2)
    for days in (1, 0):
        put(app, world.slug, comment())
        move(app, world.inbox, world.hook)
        with app.app_context():
            pass_days(days)
    with app.app_context():
        yield world
        db.session.remove()
    app.extensions["relay_ingest"].close()


def both() -> tuple[Any, Any, int]:
    """-> the lines by rows and by parts of the last week, and how many events were read as rows"""
    db.session.rollback()
    period = Period(today() - DAY * 6, today())
    with snapshot() as connection:
        rows, counted = read(connection, period), read_parts(connection, period)
        raw = parts.any_of(parts.ranges_of(connection, period, None).raw)
        left = connection.scalar(select(func.count()).select_from(Event).where(raw)) or 0
    return rows.by_type, counted.by_type, left


def test_counted_days_are_not_read_again_and_give_the_same_numbers(world: World) -> None:
    rows, counted, left = both()
    assert rows == counted
    assert left == 3
    assert parts.count_parts(60) > 0
    rows, counted, left = both()
    assert rows == counted
    assert left <= 1  # the event of this hour
    spans = db.session.execute(select(LedgerPart.begin, LedgerPart.until)).all()
    assert {until - begin for begin, until in spans} <= {timedelta(days=1), timedelta(hours=1)}
    db.session.rollback()
    assert parts.count_parts(60) == 0


def test_what_changes_later_is_seen_at_once(world: World) -> None:
    parts.count_parts(60)
    first, second, *_ = db.session.scalars(select(DeadLetter.id).order_by(DeadLetter.id)).all()
    dead_letter_actions.replay(first, COMMAND_LINE)
    dead_letter_actions.discard(second, COMMAND_LINE)
    rows, counted, left = both()
    assert rows == counted
    assert left <= 1


def test_an_hour_is_not_counted_before_its_events_are_routed(app: Flask, world: World) -> None:
    put(app, world.slug, comment())
    pass_days(1)
    parts.count_parts(60)
    rows, counted, left = both()
    assert rows == counted
    assert left >= 1
    move(app, world.inbox)
    parts.count_parts(60)
    rows, counted, again = both()
    assert rows == counted
    assert again < left or again == 0


def test_a_day_with_deleted_events_is_read_from_its_rows(app: Flask, world: World) -> None:
    for letter in db.session.scalars(select(DeadLetter.id)).all():
        dead_letter_actions.discard(letter, COMMAND_LINE)
    pass_days(28)
    parts.count_parts(60)
    assert retention.prune(COMMAND_LINE).events == 1
    db.session.rollback()
    period = Period(today() - DAY * 40, today())
    with snapshot() as connection:
        rows, counted = read(connection, period), read_parts(connection, period)
        assert rows.by_type == counted.by_type


def test_a_call_ends_after_its_budget(world: World) -> None:
    assert parts.count_parts(0.0) == 0
    assert db.session.scalar(select(func.count()).select_from(LedgerPart)) == 0
