"""Pages from the read-only replica: chosen for reads, never for changes, and not when it is down."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from config import Config, read_database_url
from relay import create_app, database
from relay.dashboard import replica
from relay.extensions import READ_BIND, db
from relay.launcher.processes import end, spawn
from tests.dashboard.conftest import Visitor
from tests.support.databases import Databases
from tests.support.env import ENCRYPTION_KEY, SECRET_KEY
from tests.support.network import free_port, wait_for
from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
HERE = "/events?text=evt-only-there"


@pytest.fixture
def replica_url(databases: Databases, postgres_server: PostgresServer) -> Iterator[str]:
    """Another database in the place of a replica, so that a page shows which of them answered."""
    url = databases.new_postgres(postgres_server)
    yield url
    databases.remove(url, postgres_server)


@pytest.fixture
def app(database_url: str, replica_url: str, valkey, data_dir: Path) -> Iterator[Flask]:  # type: ignore[no-untyped-def]
    app = create_app(
        Config(
            data_dir=data_dir,
            database_url=read_database_url(database_url),
            read_database_url=read_database_url(replica_url),
            redis_url=valkey.url,
            secret_key=SECRET_KEY,
            encryption_keys=(ENCRYPTION_KEY,),
        )
    )
    app.testing = True
    yield app
    with app.app_context():
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()
    app.extensions["relay_broker"].broker.client.close()


def put_there(url: str) -> None:
    """An event that only the database at ``url`` has."""
    engine = create_engine(read_database_url(url))
    with engine.begin() as connection:
        for statement in (
            "INSERT INTO source (id, slug, name, url) VALUES (1, 'there', 'There', 'https://a.example')",
            "INSERT INTO signing_key (id, key_id, source_id, sealed_secret, fingerprint) "
            "VALUES (1, 'k', 1, '', '')",
            "INSERT INTO event (source_id, signing_key_id, event_id, event_type, site, address, payload, "
            "body_sha256, search_text, routed_at, wanted) VALUES (1, 1, 'evt-only-there', 'x.y', "
            """'https://a.example', '192.0.2.1', '{"data": {}}', '\\x00', 'only-there', now(), 0)""",
        ):
            connection.execute(text(statement.replace(":", "\\:")))
    engine.dispose()


def is_from_replica(person: Visitor) -> bool:
    answer = person.get(HERE)
    assert answer.status_code == 200
    return "x.y" in answer.text and "No results" not in answer.text


@pytest.fixture
def person(app: Flask, replica_url: str, monkeypatch: pytest.MonkeyPatch) -> Visitor:
    put_there(replica_url)
    monkeypatch.setattr(replica, "AFTER_CHANGE_S", 0)
    return Visitor(app, "admin")


def test_a_page_is_read_from_the_replica_and_the_session_is_not(
    app: Flask, person: Visitor
) -> None:
    assert is_from_replica(person)  # the replica has no user and no session
    assert Visitor(app).get("/events").location.startswith("/sign-in")


def test_after_a_change_the_same_person_reads_from_the_primary(
    app: Flask, person: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica, "AFTER_CHANGE_S", 60)
    other = Visitor(app, "viewer")
    with person.client.session_transaction() as session:
        session.pop(replica.CHANGED_AT)
    assert is_from_replica(person)
    made = person.post("/sources/new", {"name": "Mine", "url": "https://mine.example.com"})
    assert made.status_code == 303
    assert not is_from_replica(person)
    with other.client.session_transaction() as session:
        session.pop(replica.CHANGED_AT)
    assert is_from_replica(other)


def test_pages_of_a_replica_that_is_down_come_from_the_primary(
    app: Flask, person: Visitor, postgres_server: PostgresServer, replica_url: str
) -> None:
    assert is_from_replica(person)
    name = replica_url.rsplit("/", 1)[1]
    postgres_server.run(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
    postgres_server.run(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    )
    try:
        assert not is_from_replica(person)
        assert not is_from_replica(person)
    finally:
        postgres_server.run(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    app.extensions["relay_replica"].checked_until = 0.0
    assert is_from_replica(person)


def test_a_replica_that_is_behind_is_not_used(
    app: Flask, person: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "MOST_LAG_S", -1.0)  # no replica is ahead
    app.extensions["relay_replica"].checked_until = 0.0
    assert not is_from_replica(person)


@pytest.fixture
def standby(postgres_server: PostgresServer, tmp_path: Path) -> Iterator[Engine]:
    """A real replica of the server."""
    folder, port = postgres_server.folder / f"standby-{tmp_path.name[-8:]}", free_port()
    main = ["-h", "127.0.0.1", "-p", str(postgres_server.port), "-U", "relay"]
    words = [str(postgres_server.programs / "pg_basebackup"), *main, "-D", str(folder)]
    subprocess.run(
        [*words, "-R", "-X", "stream", "-c", "fast", "--no-sync"],
        check=True,
        user=postgres_server.user,
        cwd=postgres_server.folder,
    )
    settings = ("listen_addresses=127.0.0.1", "max_connections=300", "fsync=off")
    words = [str(postgres_server.programs / "postgres"), "-D", str(folder), "-p", str(port)]
    words += ["-k", str(postgres_server.folder)]
    words += [word for one in settings for word in ("-c", one)]
    with postgres_server.log.open("ab") as log:
        process = spawn(words, log=log, user=postgres_server.user)
    engine = create_engine(read_database_url(f"postgresql://relay@127.0.0.1:{port}/postgres"))
    yield engine
    engine.dispose()
    process.send_signal(signal.SIGINT)
    end([process], timeout_s=10)
    shutil.rmtree(folder)


def lag_s(standby: Engine) -> float | None:
    try:
        with standby.connect() as connection:
            return database.replica_lag_s(connection)
    except OperationalError:  # it starts
        return None


def test_a_replica_is_behind_while_its_connection_is_frozen(
    standby: Engine, postgres_server: PostgresServer, database_url: str
) -> None:
    assert database.MOST_LAG_S + replica.CHECK_EVERY_S < replica.AFTER_CHANGE_S
    wait_for(lambda: lag_s(standby) is not None, 20, "the replica")
    with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
        found = connection.execute("SELECT pid FROM pg_stat_replication").fetchall()
    [(sender,)] = found
    os.kill(sender, signal.SIGSTOP)
    try:
        wait_for(lambda: (lag_s(standby) or 0) > 1.5, 20, "a lag")
    finally:
        os.kill(sender, signal.SIGCONT)


def test_only_reading_views_use_it(app: Flask, person: Visitor) -> None:
    """A change goes to the primary, which alone has the person."""
    person.post("/sources/new", {"name": "Mine", "url": "https://mine.example.com"})
    with app.app_context():
        with db.engine.connect() as connection:
            assert connection.scalar(text("SELECT count(*) FROM source WHERE name = 'Mine'")) == 1
        with db.engines[READ_BIND].connect() as connection:
            assert connection.scalar(text("SELECT count(*) FROM source WHERE name = 'Mine'")) == 0
