"""Destinations that are paused, do not respond, fail or are late."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, update

from relay import database
from relay.delivery import gate
from relay.models import Delivery, DeliveryMinute, Destination, db
from relay.observability.health import Finding, Level
from relay.rules.circuit import CircuitState
from relay.services.audit import By
from relay.services.destinations import settings
from relay.services.operations.backup import PAUSED
from relay.services.operations.checks import destinations
from tests.support import world
from tests.support.events import comment
from tests.support.sink import Sink
from tests.support.world import World

JANE = By("jane@example.com")


@pytest.fixture
def made(app: Flask, sink: Sink) -> Iterator[World]:
    made = world.make(app, sink)
    with app.app_context():
        db.session.execute(delete(DeliveryMinute))
        db.session.commit()
        yield made
    app.extensions["relay_ingest"].close()


def found(*checks: str) -> list[Finding]:
    return [one for one in destinations.check() if one.check in checks or not checks]


def change(destination_id: int, **values: Any) -> None:
    db.session.execute(update(Destination).where(Destination.id == destination_id).values(**values))
    db.session.commit()


def test_nothing_is_wrong_with_a_new_installation(made: World) -> None:
    assert {one.level for one in found()} == {Level.OK}


def test_a_pause_by_relay_is_a_warning_and_one_by_a_person_is_not(made: World) -> None:
    settings.pause(made.inbox, JANE, "Holidays")
    with db.engine.begin() as connection:
        gate.pause(connection, made.hook, "The service refused the token (HTTP 401).")
    by_relay, by_person = sorted(found("paused destination"), key=lambda one: one.level)[::-1]
    assert (by_relay.level, by_person.level) == (Level.WARNING, Level.OK)
    assert "Relay paused Hook: The service refused the token (HTTP 401);" in by_relay.what
    assert by_relay.do.endswith("flask destinations resume Hook")
    assert "A person paused Inbox: Holidays;" in by_person.what
    assert by_person.do == ""


def test_the_newest_pause_counts(made: World) -> None:
    with db.engine.begin() as connection:
        gate.pause(connection, made.hook, "Refused.")
    settings.resume(made.hook, JANE)
    settings.pause(made.hook, JANE)
    assert [one.level for one in found("paused destination")] == [Level.OK]
    settings.resume(made.hook, JANE)
    with db.engine.begin() as connection:
        gate.pause(connection, made.hook, "Refused.")
    assert [one.level for one in found("paused destination")] == [Level.WARNING]


def test_a_restored_destination_is_a_warning_though_a_person_paused_it_before(
    made: World,
) -> None:
    settings.pause(made.hook, JANE)
    settings.resume(made.hook, JANE)
    change(made.hook, state="paused", paused_reason=PAUSED)
    assert [one.level for one in found("paused destination")] == [Level.WARNING]


def test_a_pause_before_a_new_name_is_told_by_its_reason(made: World) -> None:
    settings.pause(made.hook, JANE)
    change(made.hook, name="Other")
    assert [one.level for one in found("paused destination")] == [Level.OK]


def test_an_open_circuit_is_a_warning_with_its_reason(made: World) -> None:
    until = database.now(db.session) + timedelta(minutes=1)
    change(
        made.hook,
        circuit=CircuitState.OPEN,
        circuit_until=until,
        circuit_reason="It answers 503.",
    )
    (finding,) = found("circuit breaker")
    assert finding.level is Level.WARNING
    assert "Hook is not responding" in finding.what and "It answers 503" in finding.what


def test_failed_deliveries_of_the_last_hour_and_failed_calls_are_warnings(made: World) -> None:
    now = database.now(db.session)
    db.session.add_all(
        [
            DeliveryMinute(destination_id=made.hook, minute=now, delivered=7, failed=2),
            DeliveryMinute(
                destination_id=made.hook,
                minute=now - timedelta(minutes=5),
                replays_failed=1,
            ),
            DeliveryMinute(destination_id=made.inbox, minute=now - timedelta(minutes=61), failed=9),
        ]
    )
    db.session.commit()
    (finding,) = found("failing destinations")
    assert "3 of 10 deliveries to Hook" in finding.what
    change(made.inbox, failures=3)
    assert ["last 3 calls to Inbox" in one.what for one in found("failing destinations")] == [
        False,
        True,
    ]


def test_a_late_delivery_is_named_with_its_destination_unless_it_may_not_be_sent(
    app: Flask, made: World
) -> None:
    world.put(app, made.slug, comment())
    world.move(app)
    late = database.now(db.session) - timedelta(minutes=3)
    db.session.execute(
        update(Delivery)
        .where(Delivery.state == "pending", Delivery.destination_id == made.hook)
        .values(due_at=late)
    )
    db.session.commit()
    (finding,) = found("deliveries")
    assert finding.level is Level.WARNING
    assert finding.what.startswith("A delivery to Hook is late by 0:03:0")
    settings.pause(made.hook, JANE)
    assert [one.level for one in found("deliveries")] == [Level.OK]


def test_many_destinations_are_summed_up(made: World) -> None:
    for number in range(12):
        settings.create_destination("inbox", f"Box {number:02}", {}, JANE)
    change_all = update(Destination).values(state="paused", paused_reason="Refused.")
    db.session.execute(change_all)
    db.session.commit()
    assert len(found("paused destination")) == destinations.SHOWN
    (rest,) = found("destinations")
    assert rest.what.startswith("4 more")
