"""Processes that are killed, stopped during a call, or have a wrong clock."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from relay.launcher.valkey import Valkey
from tests.faults.conftest import States, add, crash_and_wipe, end_leases
from tests.faults.figures import Figures, size
from tests.faults.load import Load, arrivals, extras
from tests.support.events import comment
from tests.support.postgres import PostgresServer
from tests.support.sink import Answer, Sink
from tests.support.stack import Stack

WORKER_BACK_S = 90
pytestmark = pytest.mark.timeout(900)


def in_flight(stack: Stack) -> int:
    return len(stack.rows("SELECT id FROM delivery WHERE state = 'in_flight'"))


def runs(pid: str) -> bool:
    """Whether the process is there, and not only waits to be collected."""
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


def test_nothing_accepted_is_lost_when_everything_is_killed_in_turn(
    stack: Stack,
    sink: Sink,
    secret: str,
    states: States,
    valkey: Valkey,
    postgres_server: PostgresServer,
    figures: Figures,
) -> None:
    count = size(600, 10_000)
    sink.answer(delay_s=0.03)
    load = Load(stack, secret, count)
    try:
        load.reach(count // 5)
        stack.kill("web")
        stack.start("web")
        load.reach(2 * count // 5)
        stack.kill("worker")
        killed_at, held = time.monotonic(), in_flight(stack)
        cut_off = [
            r["key"] for r in stack.rows("SELECT key FROM delivery WHERE state = 'in_flight'")
        ]
        stack.start("worker")
        load.reach(3 * count // 5)
        stack.kill("scheduler")
        stack.start("scheduler")
        crash_and_wipe(valkey)
        valkey.start()
        load.reach(4 * count // 5)
        postgres_server.restart()
        held += in_flight(stack)
        load.finish()
    finally:
        load.stop()
    assert set(load.codes) <= {200, 202, 503}
    assert len(load.accepted) == count
    stack.wait_for(lambda: states() == {"delivered": count}, 300, "all to be delivered")
    by_event = arrivals(sink)
    lost, more = len(load.accepted - by_event.keys()), extras(by_event)
    last = max(
        (s.at for s in sink.requests if s.headers["idempotency-key"] in cut_off), default=killed_at
    )
    figures.note("R1", f"{lost} of {count}; answers {dict(load.codes)}")
    figures.note("R3", f"{more} extra, {held} were in flight at the two cuts")
    figures.note("R4", f"the last one came {last - killed_at:.1f} s after the kill")
    assert lost == 0
    assert more <= held
    assert last - killed_at <= WORKER_BACK_S


def test_without_a_fault_each_event_arrives_once(
    stack: Stack, sink: Sink, secret: str, states: States, figures: Figures
) -> None:
    count = size(500, 10_000)
    load = Load(stack, secret, count, connections=16)
    load.finish()
    stack.wait_for(lambda: states() == {"delivered": count}, 120, "all to be delivered")
    by_event = arrivals(sink)
    figures.note("R2", f"{len(sink.requests)} calls for {len(by_event)} of {count} events")
    assert (len(by_event), extras(by_event)) == (count, 0)


def test_a_worker_that_stops_completes_its_call(
    stack: Stack, sink: Sink, secret: str, states: States
) -> None:
    sink.answer(delay_s=size(4, 10))
    stack.send(comment(), secret)
    sink.wait(1)
    process = stack.processes["worker"].process
    assert process is not None
    stack.signal("worker", signal.SIGTERM)
    process.wait(45)
    assert states() == {"delivered": 1}
    stack.processes["worker"].process = None
    stack.start("worker")
    stack.send(comment(), secret)
    stack.wait_for(lambda: states() == {"delivered": 2}, 30, "the second one")
    assert len(sink.requests) == 2


def test_a_worker_whose_parent_is_killed_ends_even_during_a_call(
    stack: Stack, sink: Sink, secret: str, states: States
) -> None:
    sink.answer(delay_s=25)  # the thread of this call blocks longer than the worker may run on
    stack.send(comment(), secret)
    sink.wait(1)
    main = stack.processes["worker"].process
    assert main is not None
    children = Path(f"/proc/{main.pid}/task/{main.pid}/children").read_text().split()
    assert len(children) == 1
    main.kill()  # this process only, not its group
    main.wait()
    stack.wait_for(lambda: not runs(children[0]), 20, "the end of the worker process")
    assert states() == {"in_flight": 1}, "its lease ends by itself"


def test_only_an_event_that_kills_its_worker_becomes_a_dead_letter(
    stack: Stack, sink: Sink, secret: str, states: States, figures: Figures
) -> None:
    others, worker = size(40, 100), stack.processes["worker"]
    stack.stop("worker")
    worker.command = worker.command.replace("relay.worker", "tests.faults.mortal_worker")
    events = [comment(event_id=f"good-{n}") for n in range(others)]
    bad = comment(event_id="bad")
    bad["data"] = bad["data"] | {"content": "This one kills its worker."}
    events.insert(others // 2, bad)
    assert {stack.send(event, secret).status_code for event in events} == {202}
    stack.start("worker")
    kills = 0

    def buried() -> bool:
        nonlocal kills
        assert worker.process is not None
        if worker.process.poll() is not None:
            kills += 1
            stack.kill("worker")
            end_leases(stack)
            stack.start("worker")
        return states().get("dead") == 1

    stack.wait_for(buried, 240, "the dead letter")
    stack.wait_for(lambda: states() == {"delivered": others, "dead": 1}, 60, "the others")
    (letter,) = stack.rows("SELECT code FROM dead_letter")
    by_event = arrivals(sink)
    figures.note("R8", f"dead after {kills} starts; {len(by_event)} of {others} others delivered")
    assert letter["code"] == "worker_died"
    assert kills <= 5
    assert len(by_event) == others and "bad" not in by_event
    assert extras(by_event) <= 50, "what was claimed beside it at its first start"


def test_a_worker_with_a_wrong_clock_sends_nothing_twice_or_early(
    stack: Stack, sink: Sink, secret: str, states: States
) -> None:
    count, worker = size(200, 1000), stack.processes["worker"]
    stack.stop("worker")
    right = worker.command
    worker.command = f"faketime -f +300s {right}"
    stack.start("worker")
    sink.answers([Answer(503, headers={"Retry-After": "4"}), Answer()])
    first = comment(event_id="first")
    stack.send(first, secret)
    one, two = sink.wait(2, timeout_s=60)
    assert two.at - one.at >= 4
    second = type(worker)("second", right, worker.log.with_name("second.log"), worker.env)
    stack.processes["second"] = second
    second.start()
    Load(stack, secret, count).finish()
    stack.wait_for(lambda: states() == {"delivered": count + 1}, 90, "all to be delivered")
    by_event = arrivals(sink)
    assert len(by_event.pop("first")) == 2
    assert (len(by_event), extras(by_event)) == (count, 0)


def test_three_workers_make_the_longest_call_once_and_a_retry_has_the_same_key(
    stack: Stack, sink: Sink, secret: str, states: States
) -> None:
    add(stack, sink, "Too late", "/late")
    sink.answer(delay_s=28.5, path="/in")
    sink.answers([Answer(delay_s=33), Answer()], "/late")
    worker = stack.processes["worker"]
    for name in ("second", "third"):
        child = type(worker)(name, worker.command, worker.log.with_name(f"{name}.log"), worker.env)
        stack.processes[name] = child
        child.start()
    stack.send(comment(), secret)
    stack.wait_for(lambda: states() == {"delivered": 2}, 120, "both to be delivered")
    assert len([seen for seen in sink.requests if seen.path == "/in"]) == 1
    first, again = [seen for seen in sink.requests if seen.path == "/late"]
    assert first.headers["idempotency-key"] == again.headers["idempotency-key"]
    assert first.body == again.body
