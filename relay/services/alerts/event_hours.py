"""Counts the events of each full hour, by site and type: what the rule about silent sites reads.

The milestone ``event_hours`` says until when they are counted.  An hour is counted once, in one
transaction with the milestone, and counting it again gives the same rows.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from relay import database
from relay.database import READ_ONLY
from relay.event_types import INTERNAL_TYPES
from relay.models import Event, EventHour, Milestone, db
from relay.services.operations import milestones

MILESTONE = "event_hours"
HOUR = timedelta(hours=1)
KEPT = timedelta(weeks=8)  # what the rules use
SETTLED = timedelta(minutes=2)  # an event that was received before may still be committed
STEPS = 200
BUDGET_S = 2.0


def count_hours(steps: int = STEPS, budget_s: float = BUDGET_S) -> int:
    """Count the hours that are over, oldest first.  -> how many steps were made

    At most ``steps``, and none is begun after ``budget_s`` seconds.  The first call begins with the
    oldest stored event, eight weeks ago at most.
    """
    until = time.monotonic() + budget_s
    done = 0
    while done < steps and time.monotonic() < until and _count_next():
        done += 1
    return done


def counted_until(connection: Connection) -> datetime | None:
    """The end of the newest hour that is counted; None before the first."""
    return connection.scalar(select(Milestone.at).where(Milestone.name == MILESTONE))


def hour_start(instant: datetime) -> datetime:
    return instant.replace(minute=0, second=0, microsecond=0)


def _count_next() -> bool:
    """Count the next hour with events, or move the milestone if there is none.  -> False if all is counted"""
    with db.engine.connect().execution_options(**READ_ONLY) as connection:
        end = hour_start(database.now(connection) - SETTLED)
        counted = counted_until(connection)
        begin = max(counted or end - KEPT, end - KEPT)
        if begin >= end:
            return False
        came_at = connection.scalar(
            select(func.min(Event.received_at)).where(
                Event.received_at >= begin, Event.received_at < end
            )
        )
        if came_at is None:
            rows, done = [], end
        else:
            hour = hour_start(came_at)
            rows, done = _counts(connection, hour), hour + HOUR
    with db.engine.begin() as connection:
        if rows:
            new = database.upsert(connection, EventHour).values(rows)
            connection.execute(
                new.on_conflict_do_update(
                    index_elements=["source_id", "event_type", "hour"],
                    set_={"events": new.excluded.events},
                )
            )
        milestones.store(connection, MILESTONE, done)
    return True


def _counts(connection: Connection, hour: datetime) -> list[dict[str, object]]:
    key = (Event.source_id, Event.event_type)
    found = connection.execute(
        select(*key, func.count().label("events"))
        .where(
            Event.received_at >= hour,
            Event.received_at < hour + HOUR,
            Event.event_type.not_in(INTERNAL_TYPES),
        )
        .group_by(*key)
        .order_by(*key)
    )
    return [dict(row._mapping) | {"hour": hour} for row in found]
