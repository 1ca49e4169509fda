"""How a destination is treated, over all of Relay's real processes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.events import comment
from tests.support.sink import Answer, Sink
from tests.support.stack import Stack

POSTGRES = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


def connect(stack: Stack, sink: Sink, *pace: str) -> str:
    source = stack.make_source()
    made = ("webhook", "Sink", "--set", f"url={sink.url}/in", "--set", "auth=none")
    stack.flask("destinations", "create", *made)
    if pace:
        stack.flask("destinations", "pace", "Sink", *pace)
    return source.secret


def send(stack: Stack, secret: str, count: int) -> None:
    with ThreadPoolExecutor(8) as senders:
        answers = list(
            senders.map(lambda _: stack.send(comment(), secret).status_code, range(count))
        )
    assert answers == [202] * count


def busiest(times: list[float], window_s: float) -> int:
    """The most arrivals in any window of that length."""
    return max(sum(a <= b < a + window_s for b in times) for a in times)


def test_no_second_sees_more_calls_than_the_pace_allows(stack: Stack, sink: Sink) -> None:
    secret = connect(stack, sink, "--rate", "10/second", "--concurrency", "8")
    send(stack, secret, 45)
    sink.wait(45, timeout_s=30)
    times = [seen.at for seen in sink.requests]
    assert busiest(times, 1.0) <= 11
    assert max(times) - min(times) < 8, "it was much slower than its pace"


@POSTGRES
def test_places_that_are_added_while_a_drain_works_are_used(stack: Stack, sink: Sink) -> None:
    secret = connect(stack, sink, "--concurrency", "1")
    sink.answer(200, b"ok", delay_s=3)
    send(stack, secret, 1)
    sink.wait(1)
    stack.flask("destinations", "pace", "Sink", "--concurrency", "8")
    send(stack, secret, 4)
    times = [seen.at for seen in sink.wait(5, timeout_s=30)]
    assert times[4] - times[2] < 3, "they went one after the other"
    stack.wait_for(lambda: stack.states() == {"delivered": 5}, 20, "all to be delivered")
    assert len(sink.requests) == 5


@POSTGRES
def test_the_pace_holds_though_the_worker_is_killed(stack: Stack, sink: Sink) -> None:
    secret = connect(stack, sink, "--rate", "5/second")
    send(stack, secret, 30)
    sink.wait(8, timeout_s=30)
    stack.kill("worker")
    stack.start("worker")
    stack.change("UPDATE delivery SET lease_until = created_at WHERE state = 'in_flight'")
    stack.change("UPDATE destination SET drain_until = created_at")
    stack.wait_for(lambda: stack.states() == {"delivered": 30}, 60, "all to be delivered")
    assert busiest([seen.at for seen in sink.requests], 1.0) <= 6


def test_a_dead_service_is_left_alone_and_nothing_that_waits_loses_an_attempt(
    stack: Stack, sink: Sink
) -> None:
    secret = connect(stack, sink)
    sink.answer(503)
    send(stack, secret, 60)

    def circuit() -> str:
        return str(stack.rows("SELECT circuit FROM destination")[0]["circuit"])

    stack.wait_for(lambda: circuit() == "open", 20, "the circuit to open")
    assert len(sink.requests) <= 10 + 4 + 1
    stack.wait_for(lambda: sum(stack.states().values()) == 60, 20, "all to be routed")
    untouched = stack.rows("SELECT count(*) AS n FROM delivery WHERE attempts = 0")[0]["n"]
    assert untouched >= 45
    (shown,) = stack.flask("destinations", "list", "--json")["items"]
    assert shown["circuit"] in ("open", "probing")

    sink.answer(200)
    seen = len(sink.requests)
    stack.wait_for(lambda: stack.states() == {"delivered": 60}, 60, "all to be delivered")
    assert circuit() == "closed"
    times = [one.at for one in sink.requests[seen:]]
    assert sum(at < times[0] + 1 for at in times) <= 8, "it came back to a flood"
    keys = [one.headers["idempotency-key"] for one in sink.requests[seen:]]
    assert len(set(keys)) == len(keys) == 60


def test_refused_credentials_pause_the_destination(stack: Stack, sink: Sink) -> None:
    secret = connect(stack, sink, "--concurrency", "1")
    sink.answers([Answer(401), Answer()])
    send(stack, secret, 12)
    stack.wait_for(
        lambda: stack.rows("SELECT state FROM destination")[0]["state"] == "paused", 20, "a pause"
    )
    stack.wait_for(lambda: "in_flight" not in stack.states(), 20, "what waits to be given back")
    assert stack.states() == {"dead": 1, "pending": 11}
    stack.flask("destinations", "resume", "Sink")
    stack.wait_for(lambda: stack.states().get("delivered") == 11, 30, "the rest to be delivered")
