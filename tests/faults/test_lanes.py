"""Two worker processes send one destination's backlog: its concurrency holds for both together."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from redis import Redis

from relay.broker import heartbeat_key
from relay.launcher.valkey import Valkey
from tests.support.backlog import fill
from tests.support.sink import Sink
from tests.support.stack import Stack

pytestmark = pytest.mark.timeout(300)
UNWRITTEN = 25  # calls that a killed worker can have made without writing their results


@pytest.fixture
def pair(database_url: str, valkey: Valkey, sink: Sink, tmp_path: Path) -> Iterator[Stack]:
    """Two workers that share early, a scheduler, and a paused destination."""
    stack = Stack(tmp_path / "stack", database_url, valkey.url)
    try:
        stack.make_source()
        webhook = ("webhook", "Sink", "--set", f"url={sink.url}/in", "--set", "auth=none")
        stack.flask("destinations", "create", *webhook)
        stack.change("UPDATE destination SET state = 'paused' WHERE name = 'Sink'")
        first = stack.processes["worker"]
        first.command = first.command.replace("relay.worker", "tests.faults.eager_worker")
        log = first.log.with_name("second.log")
        stack.processes["second"] = type(first)("second", first.command, log, first.env)
        stack.start("worker", "second", "scheduler")
        with Redis.from_url(valkey.url) as client:
            beats = heartbeat_key("worker", "*")
            stack.wait_for(lambda: len(client.keys(beats)) == 2, 60, "both workers")
        yield stack
    finally:
        stack.close()


def change(stack: Stack, **columns: object) -> None:
    words = ", ".join(f"{name} = :{name}" for name in columns)
    stack.change(f"UPDATE destination SET {words} WHERE name = 'Sink'", **columns)  # noqa: S608


def share(stack: Stack) -> int | None:
    """How many calls a lane has, if one works."""
    live = "name = 'Sink' AND (lane_until IS NULL OR lane_until > now())"
    rows = stack.rows(f"SELECT lane_share FROM destination WHERE {live}")  # noqa: S608
    return rows[0]["lane_share"] if rows else None


def workers(stack: Stack) -> tuple[str, str]:
    """The process with the lane, and that of the drain beside it."""

    def opened(name: str) -> str:
        lines = [line for line in stack.log(name).splitlines() if '"lane.opened"' in line]
        return str(json.loads(lines[-1])["timestamp"]) if lines else ""

    first, second = sorted(("worker", "second"), key=opened)
    return second, first


def pass_on(stack: Stack, sink: Sink, count: int) -> None:
    """Wait for that many more calls, and count the most at the same time among them."""
    sink.most, before = 0, len(sink.requests)
    stack.wait_for(lambda: len(sink.requests) >= before + count, 60, f"{count} more calls")


def calls_of(sink: Sink) -> Counter[str]:
    """How often each delivery arrived."""
    return Counter(seen.headers["idempotency-key"] for seen in sink.requests)


def test_two_processes_never_make_more_calls_at_once_than_allowed(pair: Stack, sink: Sink) -> None:
    sink.answer(delay_s=0.02)
    fill(pair.engine, "Sink", 4000)
    change(pair, state="active", concurrency=4)
    pair.wait_for(lambda: share(pair) == 2, 60, "a lane")
    pass_on(pair, sink, 100)
    assert sink.most <= 4
    for concurrency in (2, 1):
        change(pair, concurrency=concurrency)
        pair.wait_for(lambda: share(pair) is None, 20, "the end of the lane")
        pass_on(pair, sink, 10)  # the calls of before have ended
        pass_on(pair, sink, 50)
        assert sink.most <= concurrency
    fill(pair.engine, "Sink", 1000)
    change(pair, concurrency=12)
    pair.wait_for(lambda: share(pair) == 6, 60, "a lane")
    pass_on(pair, sink, 300)
    assert 6 < sink.most <= 12, "only one of them sent"
    fill(pair.engine, "Sink", 1000)
    change(pair, concurrency=4)
    pair.wait_for(lambda: share(pair) == 2, 60, "a lane with fewer calls")
    pass_on(pair, sink, 100)
    assert sink.most <= 4
    pair.signal(workers(pair)[0], signal.SIGTERM)
    pair.wait_for(lambda: share(pair) is None, 10, "the end of the lane")
    change(pair, concurrency=20)
    pair.wait_for(lambda: pair.states() == {"delivered": 6000}, 120, "all to be delivered")
    assert set(calls_of(sink).values()) == {1} and len(sink.requests) == 6000


def test_a_process_that_is_killed_leaves_its_calls_to_the_other(pair: Stack, sink: Sink) -> None:
    sink.answer(delay_s=0.02)
    fill(pair.engine, "Sink", 4000)
    change(pair, state="active", concurrency=4)
    for number, lease in enumerate(("lane_until", "drain_until")):  # the lane's, then the lead's
        pair.wait_for(lambda: share(pair) == 2, 60, "a lane")
        name = workers(pair)[number]
        pair.kill(name)
        pass_on(pair, sink, 10)  # the calls of before have ended
        pass_on(pair, sink, 50)
        assert sink.most <= 2, "the places of a process are free only after its lease"
        change(pair, **{lease: datetime(2026, 1, 1, tzinfo=UTC)})
        pair.wait_for(lambda: sink.most > 2, 20, "the other one to make all calls")
        pass_on(pair, sink, 10)
        assert sink.most <= 4
        pair.start(name)
    change(pair, concurrency=20)
    pair.change("UPDATE delivery SET lease_until = created_at WHERE state = 'in_flight'")
    pair.wait_for(lambda: pair.states() == {"delivered": 4000}, 120, "all to be delivered")
    assert len(calls_of(sink)) == 4000
    assert len(sink.requests) - 4000 <= 2 * (UNWRITTEN + 2)
