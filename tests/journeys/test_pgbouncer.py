"""Relay behind PgBouncer, as Debian ships it: migrations, events and deliveries, and what doctor says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from relay.launcher.processes import ROOT
from relay.launcher.valkey import Valkey
from tests.support.databases import migrate
from tests.support.env import relay_env
from tests.support.events import comment
from tests.support.pgbouncer import PgBouncer
from tests.support.postgres import PostgresServer
from tests.support.sink import Sink
from tests.support.stack import Stack

EVENTS = 150
StartPooler = Callable[..., PgBouncer]


@pytest.fixture
def start_pooler(work_dir: Path, postgres_server: PostgresServer) -> Iterator[StartPooler]:
    """Start a pooler in a mode.  It ends with the test."""
    started: list[PgBouncer] = []
    postgres_server.start()

    def start(mode: str, **settings: str) -> PgBouncer:
        folder = work_dir / f"pgbouncer-{mode}-{id(started)}-{len(started)}"
        pooler = PgBouncer(folder, postgres_server, mode, **settings)
        started.append(pooler)
        pooler.start()
        return pooler

    yield start
    for pooler in started:
        pooler.stop()


def doctor(url: str, folder: Path) -> dict[str, tuple[str, str]]:
    """-> the level of each check of ``flask doctor``, and what it found and what to do"""
    done = subprocess.run(
        [sys.executable, "-m", "flask", "doctor", "--json"],
        cwd=ROOT,
        env=relay_env(folder, DATABASE_URL=url, REDIS_URL="redis://127.0.0.1:1"),
        capture_output=True,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return {
        item["check"]: (item["level"], f"{item['what']} {item['do']}") for item in found["findings"]
    }


@pytest.mark.parametrize("settings", [{}, {"default_pool_size": "3", "server_round_robin": "1"}])
def test_every_event_is_accepted_and_delivered_through_a_pooler_in_transaction_mode(
    postgres_server: PostgresServer,
    start_pooler: StartPooler,
    settings: dict[str, str],
    valkey: Valkey,
    sink: Sink,
    tmp_path: Path,
) -> None:
    name = f"pooled_{len(settings)}"
    postgres_server.create_database(name)
    url = start_pooler("transaction", **settings).url(name)
    migrate(url, tmp_path / "migrating")
    stack = Stack(tmp_path / "stack", url, valkey.url)
    try:
        stack.start()
        source = stack.make_source()
        hook = ("webhook", "Sink", "--set", f"url={sink.url}/in", "--set", "auth=none")
        stack.flask("destinations", "create", *hook)
        with ThreadPoolExecutor(16) as pool:
            answers = pool.map(lambda _: stack.send(comment(), source.secret), range(EVENTS))
            assert [answer.status_code for answer in answers] == [202] * EVENTS
        stack.wait_for(lambda: stack.states() == {"delivered": EVENTS}, 60, "the deliveries")
        assert len(sink.wait(EVENTS)) == EVENTS
        level, sentence = doctor(url, tmp_path)["connection pooler"]
        assert (level, "transaction mode" in sentence) == ("ok", True)
        assert stack.http.get(f"{stack.url}/readyz", timeout=10).json()["status"] == "ready"
        for log in ("web", "worker", "scheduler"):
            assert "Traceback" not in stack.log(log)
    finally:
        stack.close()
        postgres_server.drop_database(name)


def test_doctor_names_session_mode_and_a_direct_connection(
    postgres_url: str, start_pooler: StartPooler, tmp_path: Path
) -> None:
    pooler = start_pooler("session")
    level, sentence = doctor(pooler.url(postgres_url.rsplit("/", 1)[1]), tmp_path)[
        "connection pooler"
    ]
    assert (level, "session mode" in sentence) == ("ok", True)
    level, sentence = doctor(postgres_url, tmp_path)["connection pooler"]
    assert (level, "directly" in sentence) == ("ok", True)


def test_doctor_says_that_statement_mode_is_not_supported(
    postgres_url: str, start_pooler: StartPooler, tmp_path: Path
) -> None:
    pooler = start_pooler("statement")
    found = doctor(pooler.url(postgres_url.rsplit("/", 1)[1]), tmp_path)
    level, sentence = found["database"]
    assert level == "error"
    assert "statement mode" in sentence
    assert "pool_mode = transaction" in sentence


def test_a_server_with_another_time_zone_changes_nothing(
    postgres_url: str, postgres_server: PostgresServer, valkey: Valkey, sink: Sink, tmp_path: Path
) -> None:
    name = postgres_url.rsplit("/", 1)[1]
    postgres_server.run(f"ALTER DATABASE \"{name}\" SET timezone = 'Pacific/Kiritimati'")
    stack = Stack(tmp_path / "stack", postgres_url, valkey.url)
    try:
        stack.start()
        source = stack.make_source()
        hook = ("webhook", "Sink", "--set", f"url={sink.url}/in", "--set", "auth=none")
        stack.flask("destinations", "create", *hook)
        assert stack.send(comment(), source.secret).status_code == 202
        stack.wait_for(lambda: stack.states() == {"delivered": 1}, 30, "the delivery")
        assert stack.rows("SHOW timezone") == [{"TimeZone": "Pacific/Kiritimati"}]
        days = stack.rows("SELECT day = (now() AT TIME ZONE 'UTC')::date AS is_today FROM intake")
        assert days == [{"is_today": True}]
        (event,) = stack.flask("events", "list", "--json")["items"]
        assert event["received_at"].endswith("Z")
        check = stack.flask("ledger", "check", "--json")
        assert check["ok"], check
    finally:
        stack.close()
