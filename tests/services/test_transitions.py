"""``transition_many`` against the machine for one delivery, for every state and every signal."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from relay import database
from relay.delivery.life_columns import columns_of, life_of
from relay.errors import IllegalTransition
from relay.models import Delivery, Subscription, db
from relay.rules.lifecycle import (
    Accepted,
    Claimed,
    Discarded,
    Failed,
    Held,
    LeaseExpired,
    Refused,
    Replayed,
    Signal,
    State,
    Withdrawn,
    transition,
)
from relay.services.transitions import ORIGINS, transition_many
from tests.support.events import comment
from tests.support.sink import Sink
from tests.support.world import World, make, put

POSTGRES = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
FROM_A_PERSON: tuple[Signal, ...] = (Replayed(), Withdrawn(), Discarded())
FROM_A_DRAIN: tuple[Signal, ...] = (
    Claimed("token", 65),
    Held("paused", "Paused.", 60),
    Accepted(),
    Failed("http_503", "Busy."),
    Refused("http_400", "No."),
    LeaseExpired(),
)


@pytest.fixture
def world(app: Flask, sink: Sink) -> Iterator[World]:
    world = make(app, sink)
    with app.app_context():
        yield world
        db.session.remove()
    app.extensions["relay_ingest"].close()


def deliveries(app: Flask, world: World) -> list[Delivery]:
    """One delivery in each state, for each state it can have been revived from."""
    shapes = list(product(State, ORIGINS))
    events = [put(app, world.slug, comment()) for _ in shapes]
    subscription = db.session.scalars(select(Subscription)).first()
    assert subscription is not None
    now, made = database.now(db.session), []
    for number, (state, origin) in enumerate(shapes):
        flies = state is State.IN_FLIGHT
        delivery = Delivery(
            key=uuid.uuid4().hex,
            event_pk=events[number],
            subscription_id=subscription.id,
            destination_id=subscription.destination_id,
            state=state.value,
            due_at=now - timedelta(minutes=number) if state is State.PENDING else None,
            lease_until=now + timedelta(minutes=number) if flies else None,
            lease_token=f"token {number}" if flies else None,
            attempts=number + 2,
            attempts_since_replay=number + 1,
            claims=number % 3,
            revived_from=origin.value if origin else None,
            settled_at=None if state in (State.PENDING, State.IN_FLIGHT) else now,
        )
        db.session.add(delivery)
        made.append(delivery)
    db.session.commit()
    return made


def columns(delivery: Delivery) -> dict[str, Any]:
    db.session.refresh(delivery)
    return {
        name: getattr(delivery, name) for name in columns_of(life_of(delivery), delivery.created_at)
    }


@pytest.mark.parametrize("signal", FROM_A_PERSON, ids=lambda signal: type(signal).__name__)
def test_many_deliveries_change_as_one_delivery_does(
    app: Flask, world: World, signal: Signal
) -> None:
    rows = deliveries(app, world)
    now = database.now(db.session) + timedelta(seconds=1)
    expected, changed = {}, set()
    for row in rows:
        try:
            expected[row.id] = columns_of(transition(life_of(row), signal, now).life, now)
            changed.add(row.id)
        except IllegalTransition:
            expected[row.id] = columns(row)
    everything = Delivery.id.in_([row.id for row in rows])
    assert set(transition_many(db.session, everything, signal, now)) == changed
    assert changed
    db.session.commit()
    assert {row.id: columns(row) for row in rows} == expected


@pytest.mark.parametrize("signal", FROM_A_DRAIN, ids=lambda signal: type(signal).__name__)
def test_a_signal_about_one_call_is_refused(world: World, signal: Signal) -> None:
    with pytest.raises(ValueError, match="many deliveries at once"):
        transition_many(db.session, Delivery.id > 0, signal, database.now(db.session))


def test_only_selected_deliveries_change_and_further_columns_are_set(
    app: Flask, world: World
) -> None:
    first, second, *_ = [row for row in deliveries(app, world) if row.state == State.DEAD]
    now = database.now(db.session)
    assert transition_many(db.session, Delivery.id == first.id, Replayed(), now, priority=1) == [
        first.id
    ]
    db.session.commit()
    db.session.refresh(first)
    db.session.refresh(second)
    assert (first.state, first.priority) == (State.PENDING, 1)
    assert (second.state, second.priority) == (State.DEAD, 0)


@POSTGRES
def test_a_delivery_that_another_transaction_has_locked_is_skipped(
    app: Flask, world: World
) -> None:
    first, second, *_ = [row for row in deliveries(app, world) if row.state == State.PENDING]
    locked, release = threading.Event(), threading.Event()

    def lock() -> None:
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(
                update(Delivery).where(Delivery.id == first.id).values(last_error="claimed")
            )
            locked.set()
            release.wait(30)

    thread = threading.Thread(target=lock)
    thread.start()
    try:
        assert locked.wait(30)
        both = Delivery.id.in_([first.id, second.id])
        changed = transition_many(db.session, both, Discarded(), database.now(db.session))
        assert changed == [second.id]
        db.session.commit()
    finally:
        release.set()
        thread.join(30)
