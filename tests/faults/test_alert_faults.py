"""What stops is reported by what still runs: real processes, a real receiver of the alerts."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from relay.launcher.valkey import Valkey
from tests.support.postgres import PostgresServer
from tests.support.sink import Sink
from tests.support.stack import Stack

POSTGRES = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
CHANNEL = """
from relay.models import AlertChannel, AlertRuleSetting, db
db.session.add(AlertChannel(kind="webhook", name="Hook", config={{"url": "{url}", "auth": "none"}}))
for rule in ("no_worker", "no_scheduler"):
    db.session.add(AlertRuleSetting(rule=rule, threshold=0.2))
db.session.commit()
"""


@pytest.fixture
def watched(stack: Stack, sink: Sink) -> Iterator[Stack]:
    """All processes with a channel, after the first evaluation."""
    stack.python(CHANNEL.format(url=f"{sink.url}/alerts"))
    stack.restart()
    # the row of the processes before the restart does not count
    taken = "SELECT * FROM lease WHERE name = 'alerts' AND holder <> '' AND until > now()"
    stack.wait_for(lambda: stack.rows(taken), 60, "the first evaluation")
    yield stack


def bodies(sink: Sink, rule: str) -> list[dict[str, Any]]:
    found = [seen.json() for seen in sink.requests if seen.path == "/alerts"]
    return [body for body in found if body["rule"] == rule]


def types(sink: Sink, rule: str) -> list[str]:
    return [body["type"] for body in bodies(sink, rule)]


@POSTGRES
@pytest.mark.timeout(400)
def test_stopped_workers_are_reported(watched: Stack, sink: Sink) -> None:
    watched.stop("worker")
    watched.wait_for(lambda: types(sink, "no_worker"), 150, "the alert")
    [body] = bodies(sink, "no_worker")
    assert "worker of the Procfile" in body["advice"]
    watched.start("worker")
    watched.wait_for(
        lambda: types(sink, "no_worker") == ["alert.opened", "alert.resolved"], 60, "its end"
    )


@POSTGRES
@pytest.mark.timeout(400)
def test_a_killed_scheduler_is_reported_by_another_process(watched: Stack, sink: Sink) -> None:
    [before] = watched.rows("SELECT holder FROM lease WHERE name = 'alerts'")
    assert before["holder"].startswith("scheduler:")
    watched.kill("scheduler")
    watched.wait_for(lambda: types(sink, "no_scheduler"), 200, "the alert")
    [after] = watched.rows("SELECT holder FROM lease WHERE name = 'alerts'")
    assert after["holder"].split(":")[0] in ("worker", "web")


@POSTGRES
@pytest.mark.timeout(400)
def test_a_stopped_database_is_reported_once_and_resolved_once(
    watched: Stack, sink: Sink, postgres_server: PostgresServer
) -> None:
    postgres_server.stop()
    watched.wait_for(lambda: types(sink, "database_unavailable"), 120, "the message")
    postgres_server.start()
    watched.wait_for(
        lambda: types(sink, "database_unavailable") == ["alert.opened", "alert.resolved"],
        180,
        "the end",
    )
    [alert] = watched.rows("SELECT * FROM alert WHERE kind = 'database_unavailable'")
    assert alert["since"] < alert["opened_at"] < alert["resolved_at"]


@POSTGRES
@pytest.mark.timeout(400)
def test_a_stopped_broker_is_reported_once(watched: Stack, sink: Sink, valkey: Valkey) -> None:
    valkey.stop()
    watched.wait_for(lambda: types(sink, "broker_unavailable"), 120, "the message")
    valkey.start()
    watched.wait_for(lambda: len(types(sink, "broker_unavailable")) == 2, 150, "its end")
    assert types(sink, "broker_unavailable") == ["alert.opened", "alert.resolved"]
    assert types(sink, "no_worker") == []


@POSTGRES
@pytest.mark.timeout(300)
def test_processes_end_in_time_while_the_watchers_work(watched: Stack, sink: Sink) -> None:
    for name in ("scheduler", "web"):
        process = watched.processes[name].process
        assert process is not None
        watched.signal(name, signal.SIGTERM)
        assert process.wait(12) is not None
