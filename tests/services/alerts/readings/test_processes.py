"""The readings about workers, schedulers and the broker, with a real broker."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from relay import database
from relay.broker import SEEN_LONGEST_S, heartbeat_key, seen_key
from relay.database import READ_ONLY
from relay.heartbeat import Heartbeat
from relay.launcher.valkey import Valkey
from relay.models import Lease, db
from relay.rules.alerts import RULES, Reading, ReadingLevel
from relay.services.alerts.readings import Context, processes

BETWEEN, CLEAR, FIRING = ReadingLevel.BETWEEN, ReadingLevel.CLEAR, ReadingLevel.FIRING
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def client(app: Flask) -> Iterator[Any]:
    """The broker's client, in the context of the application."""
    with app.app_context():
        client = app.extensions["relay_broker"].broker.client
        yield client
        db.session.remove()


def read(app: Flask) -> dict[str, Reading]:
    with db.engine.connect().execution_options(**READ_ONLY) as connection:
        context = Context(
            connection,
            database.now(connection),
            {name: rule.threshold or 0.0 for name, rule in RULES.items()},
            app.extensions["relay_broker"].broker.client,
            app.extensions["relay_config"],
        )
        found = list(processes.read(context))
    assert [one.rule for one in found] == list(processes.READ_RULES)
    return {one.rule: one for one in found}


def seen(client: Any, seconds_ago: float, value: str = "yes") -> None:
    client.set(seen_key("worker"), value, px=int((SEEN_LONGEST_S - seconds_ago) * 1000))


@SQLITE
def test_a_worker_with_a_heartbeat_is_clear(app: Flask, client: Any) -> None:
    Heartbeat(app, "worker").beat()
    assert read(app)["no_worker"].level is CLEAR


@SQLITE
def test_workers_count_as_missing_after_the_threshold(app: Flask, client: Any) -> None:
    seen(client, 100)
    assert read(app)["no_worker"].level is CLEAR
    seen(client, 300)
    reading = read(app)["no_worker"]
    assert (reading.level, round(reading.value)) == (FIRING, 5)
    assert "for 5 minutes" in reading.sentence and "worker of the Procfile" in reading.advice
    assert reading.since is not None
    with db.engine.connect().execution_options(**READ_ONLY) as connection:
        age = database.now(connection) - reading.since
    assert timedelta(seconds=299) < age < timedelta(seconds=320)


@SQLITE
def test_a_worker_of_an_earlier_version_counts(app: Flask, client: Any) -> None:
    seen(client, 300)
    client.set(heartbeat_key("worker", "old:1"), 1, ex=15)
    assert read(app)["no_worker"].level is CLEAR


@SQLITE
def test_without_any_heartbeat_the_time_counts_from_now(app: Flask, client: Any) -> None:
    assert read(app)["no_worker"].level is BETWEEN
    seen(client, 90, "no")
    assert read(app)["no_worker"].level is BETWEEN
    seen(client, 130, "no")
    assert read(app)["no_worker"].level is FIRING


@SQLITE
def test_a_broker_that_is_down_says_nothing_about_workers(
    app: Flask, client: Any, valkey: Valkey
) -> None:
    seen(client, 300)
    valkey.stop()
    found = read(app)
    assert found["no_worker"].level is BETWEEN
    broker = found["broker_unavailable"]
    assert broker.level is FIRING and "REDIS_URL" in broker.sentence
    assert "Start the broker" in broker.advice
    valkey.start()
    assert read(app)["broker_unavailable"].level is CLEAR


@SQLITE
def test_a_full_broker_is_named(app: Flask, client: Any, valkey: Valkey) -> None:
    client.config_set("maxmemory", "1")
    try:
        reading = read(app)["broker_unavailable"]
    finally:
        client.config_set("maxmemory", "0")
    assert reading.level is FIRING and "broker is full" in reading.sentence
    assert "maxmemory" in reading.advice


@SQLITE
def test_a_broker_that_refuses_to_write_is_named(app: Flask, client: Any) -> None:
    client.replicaof("127.0.0.1", "1")
    try:
        reading = read(app)["broker_unavailable"]
    finally:
        client.replicaof("no", "one")
    assert reading.level is FIRING and "does not store" in reading.sentence


@pytest.mark.parametrize(
    ("late_s", "level"), [(-8, CLEAR), (60, BETWEEN), (119, BETWEEN), (180, FIRING)]
)
def test_a_scheduler_is_missing_when_its_lease_ended(
    app: Flask, client: Any, late_s: float, level: ReadingLevel
) -> None:
    until = database.now(db.session) - timedelta(seconds=late_s)
    db.session.add(Lease(name="scheduler", holder="host:1", until=until))
    db.session.commit()
    reading = read(app)["no_scheduler"]
    assert reading.level is level
    if level is FIRING:
        assert "for 3 minutes" in reading.sentence and reading.since == until
        assert "scheduler of the Procfile" in reading.advice


@SQLITE
def test_a_scheduler_that_never_ran_is_missing(app: Flask, client: Any) -> None:
    assert read(app)["no_scheduler"].level is FIRING
