"""A broker that is down, wiped, frozen or evicts messages costs time, but never an event."""

from __future__ import annotations

import os
import signal
import time

import pytest
import redis

from relay.launcher.valkey import Valkey
from tests.faults.conftest import States, crash_and_wipe
from tests.faults.figures import Figures, percentile, size
from tests.faults.load import Load, arrivals, extras
from tests.support.events import comment
from tests.support.sink import Answer, Sink
from tests.support.stack import Stack

pytestmark = pytest.mark.timeout(600)


def test_events_are_accepted_without_the_broker_and_delivered_after_its_return(
    stack: Stack, sink: Sink, secret: str, states: States, valkey: Valkey, figures: Figures
) -> None:
    count = size(100, 1000)
    valkey.stop()
    load = Load(stack, secret, count, connections=4)
    load.finish()
    slowest = percentile(load.waited, 0.99)
    event = comment(event_id="e-0")
    assert stack.send(event, secret).status_code == 200, "sent again: known, and not stopped by it"
    valkey.start()
    back = time.monotonic()
    sink.wait(count, timeout_s=60)
    took = time.monotonic() - back
    stack.wait_for(lambda: states() == {"delivered": count}, 30, "all to be recorded")
    figures.note(
        "R10", f"{load.codes[202]} x 202, p99 {slowest * 1000:.0f} ms, delivered after {took:.1f} s"
    )
    assert load.codes == {202: count}
    assert slowest < 1.0
    assert extras(arrivals(sink)) == 0


def test_queued_and_scheduled_work_survives_a_wiped_broker(
    stack: Stack, sink: Sink, secret: str, states: States, valkey: Valkey, figures: Figures
) -> None:
    half = size(60, 500)
    sink.answer(503, headers={"Retry-After": "10"})
    Load(stack, secret, half, name="scheduled").finish()
    stack.wait_for(lambda: sink.requests, 30, "the first refusal")
    crash_and_wipe(valkey)
    Load(stack, secret, half, name="queued").finish()
    sink.answer()
    sink.forget()
    valkey.start()
    due = time.monotonic() + 11
    stack.wait_for(lambda: states() == {"delivered": 2 * half}, 120, "all to be delivered")
    late = max(seen.at for seen in sink.requests) - due
    figures.note(
        "R5", f"{2 * half} of {2 * half}, the last one {max(0.0, late):.1f} s past its time"
    )
    assert late <= 60
    assert (len(arrivals(sink)), extras(arrivals(sink))) == (2 * half, 0)


@pytest.mark.parametrize("how", ["stopped", "frozen", "flushed"])
def test_a_retry_keeps_its_time_during_broker_faults(
    stack: Stack, sink: Sink, secret: str, valkey: Valkey, how: str
) -> None:
    sink.answers([Answer(500, delay_s=1.5), Answer()], "/in")
    stack.send(comment(), secret)
    sink.wait(1)
    assert valkey.process is not None
    if how == "stopped":
        valkey.stop()
    elif how == "frozen":
        os.kill(valkey.process.pid, signal.SIGSTOP)
    else:
        valkey.flush()
    try:
        stack.wait_for(
            lambda: stack.rows("SELECT 1 FROM delivery WHERE state = 'pending' AND attempts = 1"),
            30,
            "the failure to be recorded",
        )
        assert stack.send(comment(), secret).status_code == 202
    finally:
        if how == "frozen":
            os.kill(valkey.process.pid, signal.SIGCONT)
        valkey.start()
    first, *_, last = sink.wait(3, timeout_s=45)
    again = [s for s in sink.requests if s.json() == first.json()]
    assert len(again) == 2
    assert 4 <= again[1].at - first.at <= 5 * 1.2 + 1.5 + 15
    assert last.at - first.at < 60


def test_the_doctor_reports_a_broker_that_evicts_and_messages_are_small(
    stack: Stack, sink: Sink, secret: str, valkey: Valkey
) -> None:
    client = redis.Redis(unix_socket_path=str(valkey.path))
    assert stack.http.get(f"{stack.url}/readyz", timeout=20).status_code == 200
    client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        answer = stack.http.get(f"{stack.url}/readyz", timeout=20)
        assert answer.status_code == 200  # events are accepted all the same
        assert any("noeviction" in warning for warning in answer.json()["warnings"])
    finally:
        client.config_set("maxmemory-policy", "noeviction")
    stack.stop("worker")
    large = comment()
    large["data"] = large["data"] | {"content": "x" * 64 * 1024}
    assert stack.send(large, secret).status_code == 202
    found = stack.wait_for(lambda: client.hgetall("relay:relay.msgs"), 20, "the wake-up")
    assert max(map(len, found.values())) <= 1024
    client.close()
