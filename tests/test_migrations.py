"""Migrations keep existing rows on both databases."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from cryptography.fernet import Fernet
from sqlalchemy import create_engine, inspect, text

from config import database_url as sqlalchemy_url
from relay.launcher.processes import ROOT
from relay.services.operations.checks.database import newest_revisions
from tests.support.databases import Databases
from tests.support.env import ENCRYPTION_KEY, relay_env
from tests.support.network import wait_for
from tests.support.postgres import PostgresServer

NOW = "'2026-03-01 12:00:00.000000'"
OLD_ROWS = f"""
INSERT INTO source (id, slug, name, url) VALUES (1, 'shop', 'Shop', 'https://shop.example.com');
INSERT INTO signing_key (id, key_id, source_id, sealed_secret, fingerprint) VALUES (1, 'k', 1, 's', 'f');
INSERT INTO event (id, source_id, signing_key_id, event_id, event_type, site, address, payload,
  body_sha256, search_text) VALUES (1, 1, 1, 'e', 'relay.test', 's', 'a', '{{}}', '', '');
UPDATE event SET routed_at = {NOW}, received_at = {NOW};
INSERT INTO event (id, source_id, signing_key_id, event_id, event_type, site, address, payload,
  body_sha256, search_text, received_at) VALUES (2, 1, 1, 'f', 'relay.test', 's', 'a', '{{}}', '', '', {NOW});
INSERT INTO destination (id, name, kind, config) VALUES (1, 'Inbox', 'inbox', '{{"a": "b"}}');
INSERT INTO destination (id, name, kind, config)
  VALUES (2, 'AI', 'openai', '{{"base_url": "https://shop.openai.azure.com"}}');
INSERT INTO destination (id, name, kind, config) VALUES (3, 'Hook', 'webhook',
  '{{"url": "https://example.com/in?key=0123456789abcdef", "path": "/a?b=c"}}');
INSERT INTO subscription (id, destination_id, event_types, source_id)
  VALUES (1, 1, '["*"]', 1), (2, 1, '["*"]', NULL);
INSERT INTO delivery (id, key, event_pk, subscription_id, destination_id, state, attempts, due_at)
  VALUES (1, 'd1', 1, 1, 1, 'pending', 1, {NOW}), (2, 'd2', 1, 2, 1, 'discarded', 0, NULL);
INSERT INTO attempt (id, key, delivery_id, number, outcome, started_at, request, response)
  VALUES (1, 'a1', 1, 1, 'failed', {NOW}, '{{}}', '{{}}');
INSERT INTO dead_letter (id, delivery_id, destination_id, code, sentence, state)
  VALUES (1, 1, 1, 'c', 's', 'resolved'), (2, 2, 1, 'c', 's', 'resolved'), (3, 1, 1, 'c', 's', 'open');
INSERT INTO replay (id, requested_by, delivery_id) VALUES (1, 'jane', 1);
"""


def upgrade(url: str, folder: Path, revision: str, word: str = "upgrade") -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flask", "db", word, revision],
        cwd=ROOT,
        env=relay_env(folder, DATABASE_URL=url, REDIS_URL="redis://127.0.0.1:1"),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_newest_revision_that_is_read_from_the_files_is_that_of_alembic() -> None:
    assert newest_revisions() == set(ScriptDirectory(str(ROOT / "migrations")).get_heads())


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_rows_of_the_first_version_survive_every_upgrade(
    kind: str, tmp_path: Path, postgres_server: PostgresServer, databases: Databases
) -> None:
    postgres_server.start()
    url = (
        f"sqlite:///{tmp_path / 'old.db'}"
        if kind == "sqlite"
        else postgres_server.create_database(f"old_rows_{tmp_path.name[-8:].replace('-', '_')}")
    )
    upgrade(url, tmp_path, "0001")
    engine = create_engine(sqlalchemy_url(url, tmp_path))
    with engine.begin() as connection:
        for statement in OLD_ROWS.split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement)
    upgrade(url, tmp_path, "head")
    with engine.connect() as connection:

        def rows(statement: str) -> list[tuple[object, ...]]:
            return [tuple(row) for row in connection.execute(text(statement))]

        assert rows("SELECT id, version, priority FROM delivery ORDER BY id") == [
            (1, 1, 0),
            (2, None, 0),
        ]
        config = rows("SELECT config FROM destination WHERE id = 2")[0][0]
        config = json.loads(config) if isinstance(config, str) else config
        assert config == {"base_url": "https://shop.openai.azure.com", "service": "azure"}
        assert rows("SELECT id, resolution FROM dead_letter ORDER BY id") == [
            (1, "replayed"),
            (2, "discarded"),
            (3, None),
        ]
        assert rows("SELECT count(*) FROM attempt") == [(1,)]
        assert rows("SELECT destination_id, number FROM destination_version ORDER BY 1") == [
            (1, 1),
            (2, 1),
            (3, 1),
        ]
        assert rows("SELECT circuit FROM destination") == [("closed",)] * 3
        for table in ("destination WHERE id = 3", "destination_version WHERE destination_id = 3"):
            config = rows(f"SELECT config FROM {table}")[0][0]
            config = json.loads(config) if isinstance(config, str) else config
            assert config == {"url": "https://example.com/in?key=••••cdef", "path": "/a?b=c"}
        [(sealed,)] = rows("SELECT sealed_secrets FROM destination WHERE id = 3")
        opened = Fernet(ENCRYPTION_KEY).decrypt(str(sealed).encode())
        assert json.loads(opened) == {"url": "https://example.com/in?key=0123456789abcdef"}
        assert rows("SELECT id, wanted FROM event ORDER BY id") == [(1, 2), (2, None)]
        counted = "SELECT event_type, received, duplicates, CAST(day AS text) FROM intake"
        assert rows(counted) == [("relay.test", 2, 0, "2026-03-01")]
        assert rows("SELECT subscription_id, source_id FROM subscription_source") == [(1, 1)]
        assert rows("SELECT subscription_id, number FROM mapping_version ORDER BY id") == [
            (1, 1),
            (2, 1),
        ]
        assert rows("SELECT id, mapping_version FROM delivery ORDER BY id") == [(1, 1), (2, None)]
    engine.dispose()


def test_partitions_take_over_a_table_with_rows_and_give_it_back(
    tmp_path: Path, postgres_server: PostgresServer, databases: Databases
) -> None:
    postgres_server.start()
    url = postgres_server.create_database(f"parts_{tmp_path.name[-8:].replace('-', '_')}")
    upgrade(url, tmp_path, "0001")
    engine = create_engine(sqlalchemy_url(url, tmp_path), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:

        def rows(statement: str) -> list[tuple[object, ...]]:
            return [tuple(row) for row in connection.execute(text(statement))]

        def constraints() -> set[tuple[object, ...]]:
            tables = (
                "'event', 'attempt', 'delivery', 'dead_letter', 'email_digest', 'redacted_event'"
            )
            return set(
                rows(
                    "SELECT c.relname, k.conname, pg_get_constraintdef(k.oid) FROM pg_constraint k "
                    f"JOIN pg_class c ON c.oid = k.conrelid WHERE c.relname IN ({tables})"
                )
            )

        def indexes() -> set[tuple[object, ...]]:
            wanted = (
                "SELECT replace(indexdef, ' ON ONLY ', ' ON ') FROM pg_indexes WHERE tablename IN "
            )
            return set(rows(wanted + "('event', 'attempt')"))

        for statement in OLD_ROWS.split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement)
        for table in ("event", "attempt"):  # as after years
            connection.exec_driver_sql(f"SELECT setval('{table}_id_seq', 3200000)")
        upgrade(url, tmp_path, "0019")
        connection.exec_driver_sql(
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
        )
        connection.exec_driver_sql(
            "CREATE TRIGGER counted AFTER INSERT ON event FOR EACH ROW EXECUTE FUNCTION f()"
        )
        plain, plain_indexes = constraints(), indexes()

        upgrade(url, tmp_path, "0020")
        stored = "SELECT id, CAST(tableoid AS regclass)::text FROM {} ORDER BY id"
        assert rows(stored.format("event")) == [(1, "event_p1"), (2, "event_p1")]
        assert rows(stored.format("attempt")) == [(1, "attempt_p1")]
        assert rows("SELECT event_id FROM event_key ORDER BY 1") == [("e",), ("f",)]
        copy = (
            "INSERT INTO event (source_id, signing_key_id, event_id, event_type, site, address, payload, "
            "body_sha256, search_text) SELECT source_id, signing_key_id, '{}', event_type, site, address, "
            "payload, body_sha256, search_text FROM event WHERE id = 1 RETURNING id"
        )
        assert rows(copy.format("f")) == [], "stored before"
        [(new,)] = rows(copy.format("g"))
        assert isinstance(new, int) and 3_200_000 < new < 3_200_010
        of_event = "SELECT count(*) FROM pg_trigger WHERE tgname = 'counted' AND tgrelid = 'event'::regclass"
        assert rows(of_event) == [(1,)]

        # as between two steps of the retention
        kept = rows("SELECT id, delivery_id FROM attempt")
        connection.exec_driver_sql(
            "INSERT INTO attempt (key, delivery_id, number, started_at, outcome, request, response) "
            "SELECT 'orphan', 777, 1, started_at, outcome, request, response FROM attempt"
        )
        upgrade(url, tmp_path, "0019", "downgrade")
        assert rows("SELECT id, delivery_id FROM attempt") == kept
        assert (constraints(), indexes()) == (plain, plain_indexes)
        assert rows("SELECT event_id FROM event ORDER BY id") == [("e",), ("f",), ("g",)]
        assert rows("SELECT relname FROM pg_class WHERE relispartition") == []
        assert rows(of_event) == [(1,)]
        assert rows("SELECT nextval('event_id_seq')") > [(new,)]
        upgrade(url, tmp_path, "0020")
        assert rows("SELECT count(*) FROM event_p1") == [(3,)]
    engine.dispose()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_sources_and_deliveries_keep_their_rows_when_types_and_revisions_are_added_and_removed(
    kind: str, tmp_path: Path, postgres_server: PostgresServer, databases: Databases
) -> None:
    postgres_server.start()
    url = (
        f"sqlite:///{tmp_path / 'old.db'}"
        if kind == "sqlite"
        else postgres_server.create_database(f"types_{tmp_path.name[-8:].replace('-', '_')}")
    )
    upgrade(url, tmp_path, "0001")
    engine = create_engine(sqlalchemy_url(url, tmp_path), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:

        def rows(statement: str) -> list[tuple[object, ...]]:
            return [tuple(row) for row in connection.execute(text(statement))]

        for statement in OLD_ROWS.split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement)
        upgrade(url, tmp_path, "0020")
        before = rows("SELECT id, key, state, last_error FROM delivery ORDER BY id")
        upgrade(url, tmp_path, "0023")
        assert rows("SELECT slug, type FROM source") == [("shop", "plugin")]
        assert rows("SELECT id, superseded_by FROM delivery ORDER BY id") == [(1, None), (2, None)]
        connection.exec_driver_sql(
            "INSERT INTO object_revision "
            "(destination_id, source_id, object_key, revision, event_pk, started_pk) "
            "VALUES (1, 1, 'k', 9007199254740993, 9007199254740993, 9007199254740993)"
        )
        connection.exec_driver_sql(
            "UPDATE delivery SET superseded_by = 9007199254740993 WHERE id = 2"
        )
        assert rows("SELECT superseded_by FROM delivery WHERE id = 2") == [(9007199254740993,)]
        upgrade(url, tmp_path, "0020", "downgrade")
        assert rows("SELECT id, key, state, last_error FROM delivery ORDER BY id") == before
        assert rows("SELECT slug FROM source") == [("shop",)]
        upgrade(url, tmp_path, "0023")
    engine.dispose()


def test_a_migration_waits_for_a_lock_without_blocking_others_and_two_processes_take_turns(
    tmp_path: Path, postgres_server: PostgresServer, databases: Databases
) -> None:
    postgres_server.start()
    url = postgres_server.create_database(f"locks_{tmp_path.name[-8:].replace('-', '_')}")
    upgrade(url, tmp_path, "0022")
    engine = create_engine(sqlalchemy_url(url, tmp_path))
    words, log = [sys.executable, "-m", "flask", "db", "upgrade"], tmp_path / "log"
    env = relay_env(tmp_path, DATABASE_URL=url, REDIS_URL="redis://127.0.0.1:1")
    with engine.connect() as reader:
        # as a page that is read for a long time; the migration wants the table for itself
        reader.execute(text("SELECT count(*) FROM source"))
        with log.open("wb") as file:
            both = [subprocess.Popen(words, cwd=ROOT, env=env, stderr=file) for _ in range(2)]
        wait_for(lambda: "waits for a lock" in log.read_text(), 60, "a first try")
        # between two tries, others get the table: nobody waits for the reader
        with engine.begin() as other:
            other.execute(text("SET LOCAL lock_timeout = '20s'"))
            other.execute(text("UPDATE source SET name = name"))
        assert [process.poll() for process in both] == [None, None]
    assert [process.wait(60) for process in both] == [0, 0], log.read_text()
    with engine.connect() as connection:
        assert "type" in {column["name"] for column in inspect(connection).get_columns("source")}
    engine.dispose()
