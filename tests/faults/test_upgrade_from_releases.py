"""Data of the earlier releases survives the upgrade, and what was due then is delivered now."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.launcher.processes import child_env
from relay.launcher.valkey import Valkey
from tests.faults.figures import FULL
from tests.faults.load import arrivals
from tests.support.earlier_code import extract
from tests.support.events import comment
from tests.support.network import wait_for
from tests.support.postgres import PostgresServer
from tests.support.sink import Sink
from tests.support.stack import Stack

# The last commit of each release and its last revision.
RELEASES = {
    "1.0.0": ("e5bd9de8895b9fccb155441dbd4b90d18888162c", "0001"),
    "1.1.0": ("4b1e49e768ce3786ffe91a8f609299a0b175a36d", "0008"),
}
CANARY = "RELAY_CANARY_MINUTES"
FILL = Path(__file__).with_name("fill_release.py")
ALL = [(release, kind) for release in RELEASES for kind in ("sqlite", "postgres")]
KEPT = {
    "event": "SELECT id, event_id, event_type, source_id, site, received_at, payload FROM event",
    "delivery": "SELECT id, key, event_pk, destination_id, state, attempts, due_at FROM delivery",
    "attempt": "SELECT id, key, delivery_id, number, outcome, started_at FROM attempt",
    "dead_letter": "SELECT id, delivery_id, destination_id, code FROM dead_letter",
    "destination": "SELECT id, name, kind FROM destination",
    "source": "SELECT id, slug, name, url FROM source",
    "signing_key": "SELECT id, key_id, source_id FROM signing_key",
    "users": "SELECT id, email, role FROM user_account",
}
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def empty_url(kind: str, tmp_path: Path, postgres_server: PostgresServer) -> Iterator[str]:
    """A database without tables."""
    if kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'old.db'}"
        return
    postgres_server.start()
    name = f"release_{tmp_path.name[-12:].replace('-', '_')}"
    yield postgres_server.create_database(name)
    postgres_server.drop_database(name)


@pytest.fixture
def stack(empty_url: str, valkey: Valkey, tmp_path: Path) -> Iterator[Stack]:
    """Today's processes, which are not started."""
    stack = Stack(tmp_path / "stack", empty_url, valkey.url, **{CANARY: "0"})
    yield stack
    stack.close()


@pytest.mark.parametrize(("release", "kind"), ALL if FULL else ALL[1:3])
def test_rows_of_a_release_survive_and_what_it_had_not_sent_is_delivered(
    release: str, kind: str, stack: Stack, sink: Sink, tmp_path: Path
) -> None:
    sink.answer(503, path="/later")
    sink.answer(400, path="/gone")
    old_env = child_env(stack.env)
    del old_env[CANARY]  # which they do not know
    done = subprocess.run(
        [sys.executable, FILL, sink.url],
        cwd=extract(RELEASES[release][0], tmp_path / "old"),
        env=old_env | {"PYTHONPATH": "."},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    secret = json.loads(done.stdout.splitlines()[-1])["secret"]
    [version] = stack.rows("SELECT version_num FROM alembic_version")
    assert version["version_num"] == RELEASES[release][1]
    before = {name: stack.rows(f"{query} ORDER BY id") for name, query in KEPT.items()}
    assert stack.states() == {"delivered": 2, "pending": 2, "dead": 2}
    sink.forget()
    sink.answer(200, path="/later")

    for name in ("worker", "scheduler", "web"):  # they wait for the tables
        stack.processes[name].start()
    stack.flask("db", "upgrade")

    def kept(name: str) -> list[dict[str, object]]:
        return stack.rows(f"{KEPT[name]} ORDER BY id")[: len(before[name])]

    assert {name: kept(name) for name in before if name != "delivery"} == {
        name: rows for name, rows in before.items() if name != "delivery"
    }
    wait_for(stack.is_up, 30, "web")
    stack.change("UPDATE delivery SET due_at = created_at WHERE state = 'pending'")
    wait_for(lambda: stack.states() == {"delivered": 6, "dead": 3}, 60, "all deliveries")
    assert set(arrivals(sink, "/later")) == {"old-1", "old-2", "old-3"}
    assert set(arrivals(sink, "/in")) == {"old-3"}
    assert [(row["id"], row["key"]) for row in kept("delivery")] == [
        (row["id"], row["key"]) for row in before["delivery"]
    ]
    assert stack.send(comment(event_id="new"), secret).status_code == 202
    wait_for(lambda: "new" in arrivals(sink, "/in"), 30, "a new event")
    assert stack.flask("users", "list", "--json")["items"][0]["email"] == "jane@example.com"
