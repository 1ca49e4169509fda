"""The gauges say what is in the database, with a number of statements that does not grow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import event, insert, select, update

from relay import database
from relay.models import (
    Alert,
    CanaryRun,
    Delivery,
    DeliveryMinute,
    Destination,
    Source,
    db,
)
from relay.rules.states import DestinationState
from relay.services.operations import gauges
from tests.support.events import comment
from tests.support.sink import Sink
from tests.support.world import World, make, move, put


@pytest.fixture
def world(app: Flask, sink: Sink) -> World:
    return make(app, sink)


def read(app: Flask) -> dict[str, dict[str, float]]:
    """-> the values by name, and in it by label value ("" for none)"""
    with app.app_context():
        return {
            family.name: {
                next(iter(sample.labels.values()), ""): sample.value for sample in family.samples
            }
            for family in gauges.read()
        }


def statements(app: Flask) -> int:
    seen: list[str] = []
    with app.app_context():
        engine = db.engine

    def record(_c: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", record)
    try:
        read(app)
    finally:
        event.remove(engine, "before_cursor_execute", record)
    return len(seen)


def change(app: Flask, work: Callable[[], object]) -> None:
    with app.app_context():
        work()
        db.session.commit()


def test_pending_and_late_by_destination(app: Flask, world: World) -> None:
    for _ in range(3):
        put(app, world.slug, comment())
    move(app)
    change(app, lambda: db.session.execute(late(Delivery.destination_id == world.hook, 500)))
    found = read(app)
    assert found["relay_destination_pending"] == {"Hook": 3, "Inbox": 3}
    assert found["relay_destination_oldest_due_seconds"]["Hook"] == pytest.approx(500, abs=20)
    assert found["relay_destination_oldest_due_seconds"]["Inbox"] < 20
    assert found["relay_oldest_due_seconds"][""] == pytest.approx(500, abs=20)
    paused = update(Destination).where(Destination.id == world.hook).values(state="paused")
    change(app, lambda: db.session.execute(paused))
    found = read(app)
    assert found["relay_destination_pending"]["Hook"] == 3
    assert found["relay_destination_oldest_due_seconds"]["Hook"] == 0
    assert found["relay_oldest_due_seconds"][""] < 20
    assert found["relay_circuit_state"]["Hook"] == 2


def late(where: object, seconds: int):  # type: ignore[no-untyped-def]
    due = database.now(db.session) - timedelta(seconds=seconds)
    return update(Delivery).where(where, Delivery.state == "pending").values(due_at=due)  # type: ignore[arg-type]


def test_open_alerts_by_rule(app: Flask, world: World) -> None:
    def add() -> None:
        for subject, resolved in (("destination:1", None), ("destination:2", None), ("x", True)):
            db.session.add(
                Alert(
                    rule="circuit_open",
                    subject=subject,
                    sentence="It is open.",
                    advice="Wait.",
                    resolved_at=database.now(db.session) if resolved else None,
                )
            )

    change(app, add)
    found = read(app)["relay_alerts_open"]
    assert found["circuit_open"] == 2
    assert found["no_worker"] == 0


def test_the_newest_round_trip_of_the_canary(app: Flask, world: World) -> None:
    assert read(app)["relay_canary_seconds"] == {}

    def add() -> None:
        now = database.now(db.session)
        source = db.session.scalars(select(Source.id)).first()
        for name, seconds in (("old", 9.0), ("new", 1.5), ("lost", None)):
            arrived = now + timedelta(seconds=seconds) if seconds else None
            db.session.add(
                CanaryRun(source_id=source, event_id=name, sent_at=now, arrived_at=arrived)
            )
            db.session.flush()

    change(app, add)
    assert read(app)["relay_canary_seconds"] == {"": 1.5}


def test_what_was_finished_recently(app: Flask, world: World) -> None:
    def add() -> None:
        now = database.now(db.session).replace(second=0, microsecond=0)
        db.session.execute(DeliveryMinute.__table__.delete())
        for minutes, failed in ((1, 2), (3, 1), (30, 40)):
            db.session.add(
                DeliveryMinute(
                    destination_id=world.hook,
                    minute=now - timedelta(minutes=minutes),
                    delivered=10,
                    failed=failed,
                    replays_failed=99,
                )
            )

    change(app, add)
    found = read(app)
    assert found["relay_destination_failed_recently"] == {"Hook": 3, "Inbox": 0}
    assert found["relay_destination_delivered_recently"] == {"Hook": 20, "Inbox": 0}


def test_more_destinations_cost_no_more_statements_and_have_a_limit(
    app: Flask, world: World
) -> None:
    before = statements(app)
    rows = [{"kind": "inbox", "name": f"Inbox {n}", "config": {}} for n in range(300)]
    change(app, lambda: db.session.execute(insert(Destination), rows))
    assert statements(app) == before
    found = read(app)
    for name in ("relay_circuit_state", "relay_destination_pending"):
        assert len(found[name]) == 200
    closed = update(Destination).values(state=DestinationState.CLOSED)
    change(app, lambda: db.session.execute(closed))
    assert read(app)["relay_circuit_state"] == {}
