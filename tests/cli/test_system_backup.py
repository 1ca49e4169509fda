"""``flask backup`` and ``flask restore``, between both kinds of database."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import create_engine, text

from config import database_url as sqlalchemy_url
from relay.launcher.processes import ROOT
from tests.cli.conftest import Run
from tests.ingest.conftest import Sender
from tests.support import world
from tests.support.databases import Databases
from tests.support.env import relay_env
from tests.support.postgres import PostgresServer
from tests.support.sink import Sink

TABLES = ("source", "signing_key", "event", "delivery", "attempt", "dead_letter", "destination")


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
        "intake": [[str(x) for x in one] for one in rows(url, folder, "SELECT * FROM intake")]
    }


@pytest.fixture
def saved(run: Run, app: Flask, sink: Sink, tmp_path: Path) -> Path:
    made = world.make(app, sink)
    sender = Sender(app, made.slug, made.key_id, made.secret)
    assert sender.send().status_code == 202  # through ingest, which counts it
    app.extensions["relay_ingest"].close()
    file = tmp_path / "relay.backup"
    told = run("backup", str(file), "--json")
    assert (told["rows"]["event"], told["rows"]["intake"]) == (2, 1)
    assert [one.name for one in tmp_path.glob("relay.*")] == ["relay.backup"]
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
    assert [one[0] for one in paused] == ["paused"]
    made = ("sources", "create", "Second", "--url", "https://second.example.com")
    assert "Second" in flask(empty, tmp_path, *made)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
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
        assert "no whole backup" in flask(empty, tmp_path, "restore", str(file), code=1)
    torn = bytearray(saved.read_bytes())
    torn[len(torn) // 2 : len(torn) // 2 + 40] = b"\xff" * 40
    (tmp_path / "torn").write_bytes(torn)
    assert "no whole backup" in flask(empty, tmp_path, "restore", str(tmp_path / "torn"), code=1)
    (tmp_path / "plain").write_bytes(b"no gzip at all")
    assert "no whole backup" in flask(empty, tmp_path, "restore", str(tmp_path / "plain"), code=1)
    assert rows(empty, tmp_path, "SELECT 1 FROM source") == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
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
