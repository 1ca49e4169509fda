"""Thousands of dead letters are replayed while new events arrive."""

from __future__ import annotations

import time

import pytest

from tests.faults.conftest import States
from tests.faults.figures import Figures, percentile, size
from tests.faults.load import Load, arrivals, busiest, extras
from tests.support.sink import Sink
from tests.support.stack import Stack

pytestmark = pytest.mark.timeout(900)
SLACK_S = 0.5  # what a busy machine may add to twice of very little


def latency(stack: Stack, sink: Sink, secret: str, count: int, name: str) -> float:
    """The p95 from sending to arrival of ``count`` new events, in seconds."""
    load = Load(stack, secret, count, connections=1, name=name)
    load.finish()
    stack.wait_for(
        lambda: sum(one.startswith(name) for one in arrivals(sink)) == count, 60, "new events"
    )
    by_event = arrivals(sink)
    return percentile([by_event[one][-1].at - at for one, at in load.sent_at.items()], 0.95)


def test_a_large_replay_keeps_the_rate_limit_and_does_not_delay_new_events(
    stack: Stack, sink: Sink, secret: str, states: States, figures: Figures
) -> None:
    count, rate = size(700, 5000), size(20, 50)
    stack.flask("destinations", "pace", "Sink", "--rate", f"{rate}/second", "--concurrency", "8")
    normal = latency(stack, sink, secret, size(20, 100), "normal")
    stack.flask("destinations", "pace", "Sink", "--rate", "none", "--concurrency", "8")
    sink.answer(400)
    Load(stack, secret, count, connections=16, name="dead").finish()
    stack.wait_for(lambda: states().get("dead") == count, 300, "the dead letters")
    stack.flask("destinations", "pace", "Sink", "--rate", f"{rate}/second", "--concurrency", "8")
    sink.answer()
    sink.forget()
    began = time.monotonic()
    stack.flask("dead-letters", "replay", "--all", "--json")
    took_to_start = time.monotonic() - began
    stack.wait_for(lambda: len(sink.requests) > 5, 60, "the replay")
    meanwhile = latency(stack, sink, secret, size(20, 100), "new")
    (replay,) = stack.rows("SELECT id FROM replay WHERE ended_at IS NULL")
    stack.python(
        "from relay.services.replays import actions; from relay.services.audit import COMMAND_LINE as by\n"
        f"actions.cancel({replay['id']}, by)"
    )
    cancelled = time.monotonic()
    at_cancel = states()
    stack.wait_for(lambda: not {"pending", "in_flight"} & states().keys(), 60, "the replay to end")
    last = max(seen.at for seen in sink.requests)
    assert last - cancelled <= 5, at_cancel
    stack.flask("dead-letters", "replay", "--all", "--json")
    stack.wait_for(lambda: "dead" not in states(), 60, "the second replay")
    new = 2 * size(20, 100)
    stack.wait_for(
        lambda: states() == {"delivered": count + new}, count / rate * 2 + 120, "the rest"
    )
    times = [seen.at for seen in sink.requests]
    most = busiest(times, 10.0)
    figures.note(
        "R9",
        f"{count} at {rate}/s: {most} calls in the busiest 10 s; new events' p95 "
        f"{meanwhile * 1000:.0f} ms, {normal * 1000:.0f} ms without it; begun in {took_to_start:.1f} s",
    )
    assert most <= rate * 10 * 1.1
    assert meanwhile <= 2 * normal + SLACK_S
    assert extras(arrivals(sink)) == 0
