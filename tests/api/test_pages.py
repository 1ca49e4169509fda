"""``/healthz``, ``/readyz`` and ``/metrics``."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from sqlalchemy import text

from config import Config
from relay import create_app
from relay.api import openapi
from relay.extensions import db
from relay.launcher.valkey import Valkey
from relay.secrets import SecretBox
from tests.support import world
from tests.support.network import free_port
from tests.support.sink import Sink

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


TOKEN = "a-token-for-metrics"


OUTSIDE = {"REMOTE_ADDR": "203.0.113.9"}


def reasons(app: Flask) -> str:
    answer = app.test_client().get("/readyz")
    assert (answer.status_code, answer.get_json()["status"]) == (503, "unavailable")
    return " ".join(answer.get_json()["reasons"])


@pytest.fixture
def without_database(app: Flask, data_dir: Path) -> Iterator[Flask]:
    """An application without a database server."""
    config: Config = app.extensions["relay_config"]
    url = f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/none"
    other = create_app(replace(config, database_url=url))
    yield other
    with other.app_context():
        db.engine.dispose()
    other.extensions["relay_broker"].broker.client.close()


def test_a_healthy_relay_is_up_and_ready(app: Flask) -> None:
    client = app.test_client()
    assert client.get("/healthz").json == {"status": "ok"}
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["status"]) == (200, "ready")


@SQLITE
def test_problems_of_broker_worker_and_scheduler_are_warnings_of_a_ready_relay(
    app: Flask, valkey: Valkey
) -> None:
    answer = app.test_client().get("/readyz")
    assert [one.partition(":")[0] for one in answer.json["warnings"]] == ["worker", "scheduler"]
    valkey.stop()
    answer = app.test_client().get("/readyz")
    assert (answer.status_code, answer.json["status"]) == (200, "ready")
    assert answer.json["warnings"][0].startswith("broker: ")


@SQLITE
def test_a_full_broker_is_blamed_alone(app: Flask) -> None:
    broker = app.extensions["relay_broker"].broker.client
    broker.config_set("maxmemory", "100kb")
    try:
        (warning,) = app.test_client().get("/readyz").json["warnings"]
    finally:
        broker.config_set("maxmemory", "0")
    assert warning.startswith("broker memory: The broker's memory is full")
    assert "of maxmemory 100 KiB" in warning


def test_not_ready_before_the_newest_migration(app: Flask) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    assert "flask db upgrade" in reasons(app)


def test_tables_of_a_newer_version_are_a_warning(app: Flask) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    answer = app.test_client().get("/readyz")
    assert answer.status_code == 200
    assert answer.json["warnings"][0].startswith("migrations: The tables are at version 9999")


@SQLITE
def test_a_destination_secret_that_cannot_be_decrypted_is_a_warning(app: Flask, sink: Sink) -> None:
    world.make(app, sink)
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("UPDATE destination SET sealed_secrets = 'x' WHERE name = 'Hook'"))
    answer = app.test_client().get("/readyz")
    assert answer.status_code == 200
    assert "RELAY_ENCRYPTION_KEYS cannot decrypt the secret of destination Hook" in str(answer.json)


@SQLITE
def test_not_ready_with_an_encryption_key_that_does_not_fit(
    app: Flask, sink: Sink, data_dir: Path
) -> None:
    world.make(app, sink)
    app.extensions["relay_secrets"] = SecretBox((Fernet.generate_key().decode(),), data_dir)
    assert "RELAY_ENCRYPTION_KEYS" in reasons(app)


@SQLITE
def test_a_database_that_is_down_is_reported_quickly(without_database: Flask) -> None:
    began = time.monotonic()
    assert "database" in reasons(without_database)
    counters = without_database.test_client().get("/metrics")
    assert (counters.status_code, "relay_deliveries{" in counters.text) == (200, False)
    assert time.monotonic() - began < 8


@SQLITE
def test_the_pages_do_not_wait_for_a_writer(app: Flask) -> None:
    with app.app_context(), db.engine.begin() as writer:
        writer.execute(text("UPDATE revision SET number = number + 1"))
        began = time.monotonic()
        client = app.test_client()
        assert client.get("/readyz").status_code == 200
        assert client.get("/metrics").status_code == 200
        assert time.monotonic() - began < 3


def test_the_metrics_have_the_names_of_the_contract(app: Flask, sink: Sink) -> None:
    world.make(app, sink)
    shown = app.test_client().get("/metrics").text
    for line in (
        'relay_deliveries{state="dead"} 1.0',
        'relay_deliveries{state="delivered"} 1.0',
        'relay_deliveries{state="pending"} 0.0',
        "relay_oldest_due_seconds 0.0",
        "relay_dead_letters_open 1.0",
        'relay_circuit_state{destination="Inbox"} 0.0',
        'relay_attempts_total{kind="inbox",outcome="accepted"} ',
        'relay_attempts_total{kind="webhook",outcome="refused"} ',
    ):
        assert line in shown
    with app.app_context():
        db.session.execute(
            text(
                "UPDATE destination SET circuit = 'open', circuit_until = :soon WHERE name = 'Inbox'"
            ),
            {"soon": datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=1)},
        )
        db.session.commit()
    assert 'relay_circuit_state{destination="Inbox"} 1.0' in app.test_client().get("/metrics").text
    assert f'relay_build_info{{version="{openapi.VERSION}"}} 1.0' in shown
    listed = re.findall(r"^# TYPE (relay_\w+)", shown, re.M)
    named = set(listed)
    assert len(named) == len(listed), "a parser rejects a family that is described twice"
    assert "pid=" not in shown, "the value of a process that ended would stay"
    assert {
        "relay_events_accepted_total",
        "relay_events_duplicate_total",
        "relay_ai_tokens_total",
        "relay_ai_cost_total",
    } <= named


@SQLITE
@pytest.mark.parametrize(
    ("environ", "headers", "status"),
    [
        ({"REMOTE_ADDR": "127.0.0.1"}, {}, 200),
        ({"REMOTE_ADDR": "::ffff:127.0.0.1"}, {}, 200),
        ({"REMOTE_ADDR": "127.0.0.1"}, {"X-Forwarded-For": "203.0.113.9"}, 403),
        (OUTSIDE, {}, 403),
        (OUTSIDE, {"X-Forwarded-For": "127.0.0.1"}, 403),
        (OUTSIDE, {"Authorization": f"Bearer {TOKEN}"}, 200),
        (OUTSIDE, {"Authorization": "Bearer wrong"}, 403),
        (OUTSIDE, {"Authorization": "Bearer "}, 403),
        (OUTSIDE, {"Authorization": "Bearer \xfc"}, 403),
    ],
)
def test_metrics_are_open_to_this_host_or_with_the_token(
    app: Flask, environ: dict[str, str], headers: dict[str, str], status: int
) -> None:
    config: Config = app.extensions["relay_config"]
    app.extensions["relay_config"] = replace(config, metrics_token=TOKEN)
    answer = app.test_client().get("/metrics", headers=headers, environ_overrides=environ)
    assert answer.status_code == status
