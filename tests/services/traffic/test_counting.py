"""The counts of the charts: complete, by minute and hour, and the same however often they are counted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from relay import database
from relay.models import (
    Attempt,
    DeliveryMinute,
    DestinationTraffic,
    Event,
    Milestone,
    SiteTraffic,
    db,
)
from relay.services.traffic import counting
from tests.support.events import comment
from tests.support.sink import Sink
from tests.support.world import World, make, move, put

HOUR = timedelta(hours=1)


@pytest.fixture
def world(app: Flask, sink: Sink) -> World:
    world = make(app, sink)
    put(app, world.slug, comment())
    move(app, world.inbox, world.hook)
    return world


def rows(app: Flask, table: Any, span_s: int) -> list[Any]:
    with app.app_context():
        return list(db.session.scalars(select(table).where(table.span_s == span_s)))


def site_counts(app: Flask, span_s: int) -> tuple[int, int, int]:
    found = rows(app, SiteTraffic, span_s)
    return (
        sum(row.received for row in found),
        sum(row.delivered for row in found),
        sum(row.failed for row in found),
    )


def call_counts(app: Flask, destination_id: int, span_s: int) -> tuple[int, ...]:
    found = [
        row for row in rows(app, DestinationTraffic, span_s) if row.destination_id == destination_id
    ]
    return tuple(
        sum(getattr(row, name) for row in found)
        for name in ("delivered", "failed", "attempts", "accepted")
    )


def count(app: Flask) -> None:
    with app.app_context():
        counting.count()


def test_minutes_and_hours_have_what_sites_sent_and_destinations_got(
    app: Flask, world: World
) -> None:
    for _ in range(2):  # counting again changes nothing
        count(app)
        for span_s in (60, 3600):
            assert site_counts(app, span_s) == (2, 2, 2)
            assert call_counts(app, world.inbox, span_s) == (2, 0, 2, 2)
            assert call_counts(app, world.hook, span_s) == (0, 2, 2, 0)


def test_what_comes_later_is_added_to_the_same_hour(app: Flask, world: World) -> None:
    count(app)
    put(app, world.slug, comment())
    move(app, world.inbox, world.hook)
    count(app)
    assert site_counts(app, 3600) == site_counts(app, 60) == (3, 3, 3)


def test_every_attempt_is_in_one_bucket(app: Flask, world: World) -> None:
    with app.app_context():
        db.session.execute(update(Attempt).values(elapsed_ms=300.0))
        db.session.commit()
    count(app)
    (row,) = (
        row for row in rows(app, DestinationTraffic, 3600) if row.destination_id == world.hook
    )
    assert row.ms_500 == row.attempts == 2
    assert row.ms_250 == row.ms_1000 == row.ms_10 == 0


def move_back(app: Flask, by: timedelta) -> datetime:
    """Let everything have happened earlier, and nothing be counted.  -> the hour in which it happened"""
    with app.app_context():
        now = database.now(db.session)
        then = now - by
        db.session.execute(update(Event).values(received_at=then))
        db.session.execute(update(Attempt).values(started_at=then))
        db.session.execute(
            update(DeliveryMinute).values(minute=then.replace(second=0, microsecond=0))
        )
        db.session.query(Milestone).filter(Milestone.name.like("traffic%")).delete()
        db.session.commit()
        return then.replace(minute=0, second=0, microsecond=0)


def test_hours_of_before_the_first_count_are_counted(app: Flask, world: World) -> None:
    hour = move_back(app, timedelta(hours=30))
    count(app)
    found = rows(app, SiteTraffic, 3600)
    assert [(row.begin, row.received, row.delivered, row.failed) for row in found] == [
        (hour, 2, 2, 2)
    ]
    assert call_counts(app, world.hook, 3600) == (0, 2, 2, 0)
    assert not rows(app, SiteTraffic, 60)


def test_a_count_that_runs_out_of_time_is_continued(app: Flask, world: World) -> None:
    move_back(app, timedelta(hours=30))
    with app.app_context():
        counting.count(budget_s=0)
    assert not rows(app, SiteTraffic, 3600)
    count(app)
    assert site_counts(app, 3600) == (2, 2, 2)


def test_hours_with_minutes_are_not_counted_twice(app: Flask, world: World) -> None:
    """A failed delivery that is resent later stays in the hour in which it failed."""
    hour = move_back(app, timedelta(hours=5))
    with app.app_context():
        (source_id,) = db.session.scalars(select(Event.source_id).distinct())
        for span_s in (60, 3600):
            db.session.add(SiteTraffic(source_id=source_id, span_s=span_s, begin=hour, received=7))
        db.session.commit()
    count(app)
    assert site_counts(app, 3600) == (7, 0, 0)


def test_old_counts_are_deleted(app: Flask, world: World) -> None:
    count(app)
    with app.app_context():
        now = database.now(db.session)
        db.session.commit()
        counting.prune(now + timedelta(hours=26))
    assert not rows(app, SiteTraffic, 60) and rows(app, SiteTraffic, 3600)
    with app.app_context():
        counting.prune(now + timedelta(days=33))
    assert not rows(app, SiteTraffic, 3600) and not rows(app, DestinationTraffic, 3600)
