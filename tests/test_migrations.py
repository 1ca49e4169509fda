"""Migrations keep existing rows on both databases."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import create_engine, text

from config import database_url as sqlalchemy_url
from relay.launcher.processes import ROOT
from tests.support.databases import Databases
from tests.support.env import ENCRYPTION_KEY, relay_env
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


def upgrade(url: str, folder: Path, revision: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flask", "db", "upgrade", revision],
        cwd=ROOT,
        env=relay_env(folder, DATABASE_URL=url, REDIS_URL="redis://127.0.0.1:1"),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


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
