"""The database stopped, frozen, or restarted in the middle: never a 202 without a commit."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from relay.launcher.valkey import Valkey
from tests.faults.conftest import States
from tests.faults.figures import Figures, size
from tests.faults.load import Load, arrivals, extras
from tests.support.events import comment
from tests.support.postgres import PostgresServer
from tests.support.sink import Sink
from tests.support.stack import Stack

pytestmark = pytest.mark.timeout(600)
PATIENCE_S = 30


def test_no_event_is_accepted_without_the_database_and_none_is_lost(
    stack: Stack,
    sink: Sink,
    secret: str,
    states: States,
    postgres_server: PostgresServer,
    figures: Figures,
) -> None:
    count = size(100, 2000)
    load = Load(stack, secret, count, connections=4)
    load.reach(count // 4)
    postgres_server.stop()
    load.codes.clear()  # of requests that were answered before
    before = len(load.accepted)
    answers = [stack.send(comment(event_id=f"away-{n}"), secret) for n in range(5)]
    accepted_meanwhile = len(load.accepted) - before
    postgres_server.start()
    load.finish()
    stack.wait_for(lambda: states().get("delivered", 0) >= count, 120, "all to be delivered")
    figures.note(
        "R11",
        f"{[a.status_code for a in answers]}, Retry-After {answers[0].headers.get('Retry-After')}; "
        f"{accepted_meanwhile} accepted while it was down",
    )
    assert {a.status_code for a in answers} == {503}
    assert all(int(a.headers["Retry-After"]) >= 1 for a in answers)
    assert accepted_meanwhile <= 4, "at most those committed just before"
    assert load.accepted <= arrivals(sink).keys()


def test_a_database_that_hangs_is_a_503_within_seconds(
    stack: Stack, sink: Sink, secret: str, postgres_server: PostgresServer
) -> None:
    assert stack.send(comment(), secret).status_code == 202
    assert postgres_server.process is not None
    server = psutil.Process(postgres_server.process.pid)
    family = [server, *server.children(recursive=True)]
    for process in family:
        os.kill(process.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        answer = stack.send(comment(), secret, timeout_s=60)
        took = time.monotonic() - began
    finally:
        for process in family:
            os.kill(process.pid, signal.SIGCONT)
    assert answer.status_code == 503 and int(answer.headers["Retry-After"]) >= 1
    assert took < PATIENCE_S
    event = comment()
    stack.wait_for(lambda: stack.send(event, secret).status_code in (200, 202), 60, "its return")
    stack.wait_for(lambda: event["event_id"] in arrivals(sink), 60, "the delivery")


def test_a_response_during_a_restart_of_the_database_is_recorded(
    stack: Stack, sink: Sink, secret: str, states: States, postgres_server: PostgresServer
) -> None:
    sink.answer(delay_s=3)
    stack.send(comment(), secret)
    sink.wait(1)
    postgres_server.stop()
    stack.wait_for(lambda: "drain.waits" in stack.log("worker"), 30, "the answer to be waiting")
    postgres_server.start()
    stack.wait_for(lambda: states() == {"delivered": 1}, 120, "the delivery")
    by_event = arrivals(sink)
    assert extras(by_event) == 0


@pytest.fixture
def limited(
    postgres_url: str, postgres_server: PostgresServer, valkey: Valkey, tmp_path: Path
) -> Iterator[Stack]:
    """Web on a role that owns nothing.  ``change`` is still the owner's."""
    role = f"limited_{os.getpid()}"
    stack = Stack(tmp_path / "stack", postgres_url, valkey.url)
    postgres_server.run(f"CREATE ROLE {role} LOGIN")
    try:
        for what in ("TABLES", "SEQUENCES"):
            stack.change(f"GRANT ALL ON ALL {what} IN SCHEMA public TO {role}")
        stack.processes["web"].env = {
            **stack.env,
            "DATABASE_URL": postgres_url.replace("relay@", f"{role}@", 1),
        }
        stack.start("web")
        yield stack
    finally:
        stack.stop()
        stack.change(f"DROP OWNED BY {role}")
        stack.close()
        postgres_server.run(f"DROP ROLE {role}")


def test_a_lost_privilege_is_a_503_until_it_is_granted_again(limited: Stack) -> None:
    secret, event = limited.make_source().secret, comment()
    assert limited.send(event, secret).status_code == 202
    limited.change(f"REVOKE INSERT ON event FROM limited_{os.getpid()}")
    answer = limited.send(comment(), secret)
    assert answer.status_code == 503 and int(answer.headers["Retry-After"]) >= 1
    limited.wait_for(lambda: "lacks a permission" in ready(limited)[1], 20, "the reason")
    limited.change(f"GRANT INSERT ON event TO limited_{os.getpid()}")
    assert limited.send(comment(), secret).status_code == 202
    limited.wait_for(lambda: ready(limited)[0] == 200, 20, "readiness")


def ready(stack: Stack) -> tuple[int, str]:
    answer = stack.http.get(f"{stack.url}/readyz", timeout=10)
    return answer.status_code, answer.text
