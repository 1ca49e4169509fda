"""``flask doctor``, ``prune``, ``rotate-encryption-keys``, ``openapi``, ``backup`` and ``restore``."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from sqlalchemy import create_engine, func, select, text, update

from config import database_url as sqlalchemy_url
from relay import database
from relay.launcher.processes import ROOT
from relay.launcher.valkey import Valkey
from relay.models import Event, Rejection, SigningKey, db
from relay.secrets import SecretBox
from tests.cli.conftest import Run
from tests.ingest.conftest import Sender
from tests.support import world
from tests.support.databases import Databases
from tests.support.env import ENCRYPTION_KEY, relay_env
from tests.support.events import comment
from tests.support.postgres import PostgresServer
from tests.support.sink import Sink

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
TABLES = ("source", "signing_key", "event", "delivery", "attempt", "dead_letter", "destination")


def levels(run: Run, code: int = 0) -> dict[str, str]:
    words = ("doctor", "--json")
    found = run(*words, code=code) if code == 0 else json.loads(run(*words, code=code))
    assert found["ok"] is (code == 0)
    return {item["check"]: item["level"] for item in found["findings"]}


def test_the_doctor_finds_no_failure_in_a_new_relay(run: Run) -> None:
    found = levels(run)
    assert "error" not in found.values()
    assert {"database", "migrations", "clock", "encryption key", "deliveries"} <= found.keys()
    assert (found["broker policy"], found["worker"], found["scheduler"]) == (
        "ok",
        "warning",
        "warning",
    )


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
        assert levels(run, code=1)["broker policy"] == "error"
    finally:
        client.config_set("maxmemory-policy", "noeviction")


@SQLITE
def test_the_doctor_reports_an_unavailable_broker(run: Run, valkey: Valkey) -> None:
    valkey.stop()
    assert levels(run, code=1)["broker"] == "error"


@SQLITE
def test_the_doctor_reports_secrets_that_other_users_can_read(run: Run, data_dir: Path) -> None:
    (data_dir / "secrets.env").touch(mode=0o644)
    assert levels(run, code=1)["permissions"] == "error"


@SQLITE
def test_the_doctor_reports_an_encryption_key_that_does_not_fit(
    run: Run, app: Flask, data_dir: Path
) -> None:
    run("sources", "create", "Shop", "--url", "https://shop.example.com")
    app.extensions["relay_secrets"] = SecretBox((Fernet.generate_key().decode(),), data_dir)
    assert levels(run, code=1)["encryption key"] == "error"
    assert "nothing was changed" in run("rotate-encryption-keys", code=1)


def test_rotation_encrypts_every_secret_with_the_newest_key(
    run: Run, app: Flask, data_dir: Path, sink: Sink
) -> None:
    secret = world.make(app, sink).secret
    newest = Fernet.generate_key().decode()
    app.extensions["relay_secrets"] = SecretBox((newest, ENCRYPTION_KEY), data_dir)
    assert run("rotate-encryption-keys", "--json") == {"resealed": 3}
    app.extensions["relay_secrets"] = SecretBox((newest,), data_dir)
    assert levels(run)["encryption key"] == "ok"
    with app.app_context():
        sealed = db.session.scalar(select(SigningKey.sealed_secret))
    assert SecretBox((newest,), data_dir).open_sealed(str(sealed)) == secret
    assert run("audit", "verify", "--json")["ok"]


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
    assert run("prune", "--json") == {"deleted": 1, "rejections": 1, "emptied": 0}
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
        *(
            "200",
            "202",
            "400",
            "401",
            "403",
            "405",
            "408",
            "409",
            "413",
            "415",
            "422",
            "429",
            "431",
            "503",
        )
    }


def flask(url: str, folder: Path, *words: str, code: int = 0, **settings: str) -> str:
    env = relay_env(folder, DATABASE_URL=url, REDIS_URL="redis://127.0.0.1:1", **settings)
    done = subprocess.run(
        [sys.executable, "-m", "flask", *words], cwd=ROOT, env=env, capture_output=True, text=True
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def rows(url: str, folder: Path, statement: str) -> list[Any]:
    engine = create_engine(sqlalchemy_url(url, folder))
    with engine.connect() as connection:
        found = list(connection.execute(text(statement)))
    engine.dispose()
    return found


def contents(url: str, folder: Path) -> dict[str, list[Any]]:
    found = {name: rows(url, folder, f"SELECT id FROM {name} ORDER BY id") for name in TABLES}
    return found | {
        "intake": [
            [str(value) for value in row] for row in rows(url, folder, "SELECT * FROM intake")
        ]
    }


@pytest.fixture
def saved(run: Run, app: Flask, sink: Sink, tmp_path: Path) -> Path:
    made = world.make(app, sink)
    sender = Sender(app, made.slug, made.key_id, made.secret)
    assert sender.send().status_code == 202  # through ingest, which counts it
    app.extensions["relay_ingest"].close()
    file = tmp_path / "relay.backup"
    report = run("backup", str(file), "--json")
    assert (report["rows"]["event"], report["rows"]["intake"]) == (2, 1)
    assert [path.name for path in tmp_path.glob("relay.*")] == ["relay.backup"]
    return file


@pytest.fixture(params=["sqlite", "postgres"])
def empty(
    request: pytest.FixtureRequest, databases: Databases, postgres_server: PostgresServer
) -> Iterator[str]:
    """A second database, migrated and empty."""
    if request.param == "sqlite":
        url = databases.new_sqlite()
    else:
        url = databases.new_postgres(postgres_server)
    yield url
    databases.remove(url, postgres_server)


def test_restore_brings_all_rows_to_either_database(
    saved: Path, empty: str, database_url: str, tmp_path: Path, data_dir: Path
) -> None:
    before = contents(database_url, data_dir)
    assert os.stat(saved).st_mode & 0o077 == 0
    flask(empty, tmp_path, "restore", str(saved))
    assert contents(empty, tmp_path) == before
    paused = rows(empty, tmp_path, "SELECT DISTINCT state FROM destination")
    assert [row[0] for row in paused] == ["paused"]
    made = ("sources", "create", "Second", "--url", "https://second.example.com")
    assert "Second" in flask(empty, tmp_path, *made)


@SQLITE
def test_an_incomplete_backup_changes_nothing(saved: Path, empty: str, tmp_path: Path) -> None:
    whole = gzip.decompress(saved.read_bytes()).splitlines(keepends=True)
    broken = {
        "cut": b"".join(whole[:-1]),
        "short": b"".join([*whole[:-2], whole[-1]]),
        "other": b'{"format": "something"}\n',
        "garbage": b"\x00\xff\n",
        "list": b"[]\n",
    }
    for name, content in broken.items():
        file = tmp_path / name
        file.write_bytes(gzip.compress(content))
        assert "not a complete backup" in flask(empty, tmp_path, "restore", str(file), code=1)
    torn = bytearray(saved.read_bytes())
    torn[len(torn) // 2 : len(torn) // 2 + 40] = b"\xff" * 40
    (tmp_path / "torn").write_bytes(torn)
    assert "not a complete backup" in flask(
        empty, tmp_path, "restore", str(tmp_path / "torn"), code=1
    )
    (tmp_path / "plain").write_bytes(b"no gzip at all")
    assert "not a complete backup" in flask(
        empty, tmp_path, "restore", str(tmp_path / "plain"), code=1
    )
    assert rows(empty, tmp_path, "SELECT 1 FROM source") == []


@SQLITE
def test_restore_needs_an_empty_database_and_the_encryption_key(
    saved: Path, empty: str, database_url: str, tmp_path: Path
) -> None:
    assert "not empty" in flask(database_url, tmp_path, "restore", str(saved), code=1)
    other = "b3RoZXIta2V5LW90aGVyLWtleS1vdGhlci1rZXktb3Q="
    said = flask(empty, tmp_path, "restore", str(saved), code=1, RELAY_ENCRYPTION_KEYS=other)
    assert "RELAY_ENCRYPTION_KEYS" in said
    assert rows(empty, tmp_path, "SELECT 1 FROM source") == []


def test_a_file_that_cannot_be_written_is_one_error_line(run: Run, tmp_path: Path) -> None:
    assert "could not be written" in run("backup", str(tmp_path / "nowhere" / "x"), code=1)


@SQLITE
def test_a_backup_goes_to_standard_output_or_to_the_place_of_the_settings(
    run: Run, database_url: str, tmp_path: Path
) -> None:
    for verb in ("verify", "run"):
        failed = rows(
            database_url, tmp_path, "SELECT 1 FROM milestone WHERE name = 'backup_failed'"
        )
        assert not failed, "a verification that did not begin is no failed backup"
        said = flask(database_url, tmp_path, "backup", verb, code=1)
        assert said.startswith("RELAY_BACKUP_TO is not set") and len(said.splitlines()) == 1
    assert "not removed" in run("backup", "remove", "relay-x", code=2)
    place = {"RELAY_BACKUP_TO": str(tmp_path / "backups")}
    assert "It is not encrypted" in flask(database_url, tmp_path, "backup", "run", **place)
    (made,) = (tmp_path / "backups").iterdir()
    done = subprocess.run(
        [sys.executable, "-m", "flask", "backup", "-"],
        cwd=ROOT,
        env=relay_env(tmp_path, DATABASE_URL=database_url, REDIS_URL="redis://127.0.0.1:1"),
        capture_output=True,
        check=True,
    )
    stored = gzip.decompress(made.read_bytes())
    first = (
        json.loads(stored.splitlines()[0]),
        json.loads(gzip.decompress(done.stdout).splitlines()[0]),
    )
    assert {line["format"] for line in first} == {"relay-backup-1"}
