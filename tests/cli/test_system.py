"""``flask doctor``, ``prune``, ``rotate-encryption-keys`` and ``openapi``."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from sqlalchemy import func, select, update

from relay import database
from relay.launcher.valkey import Valkey
from relay.models import Event, Rejection, SigningKey, db
from relay.secrets import SecretBox
from tests.cli.conftest import Run
from tests.support import world
from tests.support.env import ENCRYPTION_KEY
from tests.support.events import comment
from tests.support.sink import Sink

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def levels(run: Run, code: int = 0) -> dict[str, str]:
    words = ("doctor", "--json")
    found = run(*words, code=code) if code == 0 else json.loads(run(*words, code=code))
    assert found["ok"] is (code == 0)
    return {item["check"]: item["level"] for item in found["items"]}


def test_the_doctor_finds_no_failure_in_a_new_relay(run: Run) -> None:
    found = levels(run)
    assert "fail" not in found.values()
    assert {"database", "migrations", "clock", "encryption key", "deliveries"} <= found.keys()
    assert (found["broker policy"], found["worker"], found["scheduler"]) == ("ok", "warn", "warn")


@SQLITE
def test_the_doctor_reports_running_workers_and_schedulers(run: Run, app: Flask) -> None:
    client = app.extensions["relay_broker"].broker.client
    for role in ("worker", "scheduler"):
        client.set(f"relay:heartbeat:{role}:host:1", 1, ex=15)
    found = levels(run)
    assert (found["worker"], found["scheduler"]) == ("ok", "ok")


@SQLITE
def test_the_doctor_reports_a_broker_that_can_drop_messages(run: Run, app: Flask) -> None:
    client = app.extensions["relay_broker"].broker.client
    client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        assert levels(run, code=1)["broker policy"] == "fail"
    finally:
        client.config_set("maxmemory-policy", "noeviction")


@SQLITE
def test_the_doctor_reports_an_unavailable_broker(run: Run, valkey: Valkey) -> None:
    valkey.stop()
    assert levels(run, code=1)["broker"] == "fail"


@SQLITE
def test_the_doctor_reports_secrets_that_other_users_can_read(run: Run, data_dir: Path) -> None:
    (data_dir / "secrets.env").touch(mode=0o644)
    assert levels(run, code=1)["data directory"] == "fail"


@SQLITE
def test_the_doctor_reports_an_encryption_key_that_does_not_fit(
    run: Run, app: Flask, data_dir: Path
) -> None:
    run("sources", "create", "Shop", "--url", "https://shop.example.com")
    app.extensions["relay_secrets"] = SecretBox((Fernet.generate_key().decode(),), data_dir)
    assert levels(run, code=1)["encryption key"] == "fail"
    assert "nothing was changed" in run("rotate-encryption-keys", code=1)


def test_rotation_encrypts_every_secret_with_the_newest_key(
    run: Run, app: Flask, data_dir: Path, sink: Sink
) -> None:
    secret = world.make(app, sink).secret
    newest = Fernet.generate_key().decode()
    app.extensions["relay_secrets"] = SecretBox((newest, ENCRYPTION_KEY), data_dir)
    assert run("rotate-encryption-keys", "--json") == {"resealed": 2}
    app.extensions["relay_secrets"] = SecretBox((newest,), data_dir)
    assert levels(run)["encryption key"] == "ok"
    with app.app_context():
        sealed = db.session.scalar(select(SigningKey.sealed_secret))
    assert SecretBox((newest,), data_dir).open_sealed(str(sealed)) == secret


def test_prune_deletes_only_old_completed_events(run: Run, app: Flask, sink: Sink) -> None:
    made = world.make(app, sink)
    settled = world.put(app, made.slug, comment())
    sink.answer(200, path="/hook")
    world.move(app, made.inbox, made.hook)
    fresh = world.put(app, made.slug, comment())
    world.move(app, made.inbox, made.hook)
    unrouted = world.put(app, made.slug, comment())
    with app.app_context():
        old = database.now(db.session) - timedelta(days=31)
        db.session.execute(update(Event).where(Event.id != fresh).values(received_at=old))
        db.session.add(Rejection(reason="x", sentence="", status=401, address="", last_at=old))
        db.session.commit()
    assert run("prune", "--json") == {"deleted": 1, "rejections": 1}
    with app.app_context():
        left = set(db.session.scalars(select(Event.id)))
        assert db.session.scalar(select(func.count()).select_from(Rejection)) == 0
    assert left == {made.event, fresh, unrouted}
    assert settled not in left


@SQLITE
def test_the_openapi_document_has_every_response_of_ingest(run: Run) -> None:
    found = run("openapi", "--json")
    answers = found["paths"]["/webhooks/wp"]["post"]["responses"].keys()
    assert answers == {
        *("200", "202", "400", "401", "403", "405", "409", "413", "415", "422", "429", "431", "503")
    }
