"""Events are counted once per full hour; the counts begin with the oldest stored event."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from relay import database
from relay.models import Event, EventHour, db
from relay.services.alerts.event_hours import count_hours, counted_until, hour_start
from tests.services.alerts.sites import add_events, count_until, site

HOUR = timedelta(hours=1)


@pytest.fixture
def now(app: Flask) -> Iterator[datetime]:
    with app.app_context():
        now = database.now(db.session)
        db.session.commit()
        yield now
        db.session.remove()


def counts() -> dict[datetime, int]:
    db.session.rollback()
    rows = db.session.execute(select(EventHour.hour, func.sum(EventHour.events)).group_by("hour"))
    return {row[0]: int(row[1]) for row in rows}


def milestone() -> datetime | None:
    db.session.rollback()
    with db.engine.connect() as connection:
        return counted_until(connection)


def last_settled(now: datetime) -> datetime:
    return hour_start(now - timedelta(minutes=2))


def test_full_hours_are_counted_by_site_and_type(now: datetime) -> None:
    source, key = site()
    other, other_key = site("Other")
    end = last_settled(now)
    first = end - 30 * HOUR
    add_events(source, key, [first, first + timedelta(minutes=59, seconds=59), end - HOUR])
    add_events(source, key, [first], "order.created")
    add_events(other, other_key, [first + HOUR])
    add_events(source, key, [first], "relay.report")
    add_events(source, key, [end, now], "comment.created")
    assert count_hours() == 3, "hours with events"
    found = {
        (row.source_id, row.event_type, row.hour): row.events
        for row in db.session.scalars(select(EventHour))
    }
    assert found == {
        (source.id, "lead.created", first): 2,
        (source.id, "order.created", first): 1,
        (other.id, "lead.created", first + HOUR): 1,
        (source.id, "lead.created", end - HOUR): 1,
    }
    assert milestone() == end
    assert count_hours() == 0


def test_the_current_hour_is_counted_when_it_is_over(now: datetime) -> None:
    source, key = site()
    end = last_settled(now)
    add_events(source, key, [end - timedelta(minutes=1)])
    count_until(end - HOUR)
    count_hours()
    assert counts() == {end - HOUR: 1}


def test_counting_an_hour_again_gives_the_same_row(now: datetime) -> None:
    source, key = site()
    end = last_settled(now)
    add_events(source, key, [end - HOUR, end - HOUR])
    count_hours()
    count_until(end - 2 * HOUR)
    add_events(source, key, [end - HOUR])
    count_hours()
    assert counts() == {end - HOUR: 3}


def test_one_call_makes_a_limited_number_of_steps(now: datetime) -> None:
    source, key = site()
    end = last_settled(now)
    add_events(source, key, [end - number * HOUR for number in range(1, 11)])
    assert count_hours(steps=4) == 4
    assert sorted(counts()) == [end - number * HOUR for number in range(10, 6, -1)]
    assert milestone() == end - 6 * HOUR
    assert count_hours(budget_s=0.0) == 0
    count_hours()
    assert len(counts()) == 10 and milestone() == end


def test_it_begins_eight_weeks_ago_at_most(now: datetime) -> None:
    source, key = site()
    end = last_settled(now)
    add_events(source, key, [end - timedelta(weeks=8, hours=1), end - timedelta(weeks=8)])
    count_hours()
    assert counts() == {end - timedelta(weeks=8): 1}
    assert db.session.scalar(select(func.count(Event.id))) == 2


def test_without_events_only_the_milestone_moves(now: datetime) -> None:
    assert count_hours() == 1
    assert (milestone(), counts()) == (last_settled(now), {})
