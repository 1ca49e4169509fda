"""Relay end to end as real processes: events are received over HTTP and delivered to an endpoint."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.support.events import comment
from tests.support.network import wait_for
from tests.support.sink import Answer, Sink
from tests.support.stack import Stack

POSTGRES = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


def connect(stack: Stack, sink: Sink, *more: str) -> str:
    """A source and a webhook to the sink.  -> the source's secret"""
    source = stack.make_source()
    made = ("webhook", "Sink", "--set", f"url={sink.url}/in", "--set", "auth=none", *more)
    stack.flask("destinations", "create", *made)
    return source.secret


def test_two_thousand_events_from_32_connections_arrive_exactly_once(
    stack: Stack, sink: Sink
) -> None:
    secret, count = connect(stack, sink), 2000
    local = threading.local()

    def send(number: int) -> int:
        if not hasattr(local, "http"):
            local.http = requests.Session()
        event = comment()
        event["event_id"] = f"many-{number}"
        body, moment = json.dumps(event).encode(), str(int(time.time()))
        from tests.support.stack import sign

        headers = {
            "X-WP-Timestamp": moment,
            "X-Event-Id": event["event_id"],
            "X-WP-Signature": sign(secret, moment, body),
        }
        return local.http.post(
            f"{stack.url}/webhooks/wp", body, headers=headers, timeout=30
        ).status_code

    with ThreadPoolExecutor(32) as senders:
        answers = Counter(senders.map(send, range(count)))
    assert answers == {202: count}
    stack.wait_for(lambda: stack.states() == {"delivered": count}, 60, "all to be delivered")
    arrived = Counter(seen.json()["event_id"] for seen in sink.requests)
    assert len(arrived) == count
    assert set(arrived.values()) == {1}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_without_redis_events_are_accepted_and_delivered_after_it_returns(
    stack: Stack, sink: Sink, valkey: object
) -> None:
    secret = connect(stack, sink)
    valkey.stop()  # type: ignore[attr-defined]
    try:
        assert {stack.send(comment(), secret).status_code for _ in range(100)} == {202}
        assert not sink.requests
    finally:
        valkey.start()  # type: ignore[attr-defined]
    sink.wait(100, timeout_s=60)
    stack.wait_for(lambda: stack.states() == {"delivered": 100}, 20, "all to be recorded")
    assert len(sink.requests) == 100


@POSTGRES
def test_without_the_database_ingest_answers_503_and_never_202(
    stack: Stack, sink: Sink, postgres_server: object
) -> None:
    secret, event = connect(stack, sink), comment()
    assert stack.send(comment(), secret).status_code == 202
    postgres_server.stop()  # type: ignore[attr-defined]
    try:
        answers = [stack.send(event, secret) for _ in range(5)]
        assert stack.http.get(f"{stack.url}/readyz", timeout=20).status_code == 503
        assert stack.http.get(f"{stack.url}/healthz", timeout=20).status_code == 200
    finally:
        postgres_server.start()  # type: ignore[attr-defined]
    assert {(a.status_code, a.json()["error"]) for a in answers} == {(503, "unavailable")}
    assert all(int(a.headers["Retry-After"]) > 0 for a in answers)
    assert wait_for(lambda: stack.send(event, secret).status_code in (200, 202), 20, "the return")
    sink.wait(2, timeout_s=60)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_retry_uses_the_same_idempotency_key_and_waits_for_retry_after(
    stack: Stack, sink: Sink
) -> None:
    secret = connect(stack, sink)
    sink.answers([Answer(503, b"busy", {"Retry-After": "2"}), Answer(200)], "/in")
    stack.send(comment(), secret)
    first, second = sink.wait(2, timeout_s=20)
    assert 2.0 <= second.at - first.at <= 6.0
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert first.body == second.body


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_rejected_delivery_becomes_a_dead_letter_that_a_replay_sends(
    stack: Stack, sink: Sink
) -> None:
    secret, event = connect(stack, sink), comment()
    sink.answer(422, b"unknown field", path="/in")
    stack.send(event, secret)
    stack.wait_for(lambda: stack.states() == {"dead": 1}, 20, "the dead letter")
    listed = stack.flask("dead-letters", "list", "--json")
    assert listed["total"] == 1 and "422" in listed["items"][0]["detail"]
    sink.answer(200, path="/in")
    assert stack.flask("dead-letters", "replay", "--all", "--dry-run", "--json")["selected"] == 1
    assert stack.flask("dead-letters", "replay", "--all", "--json")["replayed"] == 1
    first, second = sink.wait(2)
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    stack.wait_for(lambda: stack.states() == {"delivered": 1}, 20, "the delivery")
    shown = stack.flask("events", "show", event["event_id"], "--json")
    assert shown["state"] == "delivered"
    assert shown["deliveries"][0]["attempts"] == 2


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_paused_destination_sends_pending_deliveries_on_resume(stack: Stack, sink: Sink) -> None:
    secret = connect(stack, sink)
    stack.flask("destinations", "pause", "Sink")
    stack.send(comment(), secret)
    stack.wait_for(lambda: stack.states() == {"pending": 1}, 20, "the routing")
    assert not sink.requests
    stack.flask("destinations", "resume", "Sink")
    sink.wait(1)


@POSTGRES
def test_killing_a_worker_during_a_call_loses_nothing(stack: Stack, sink: Sink) -> None:
    secret = connect(stack, sink)
    sink.answers([Answer(200, delay_s=30), Answer(200)], "/in")
    stack.send(comment(), secret)
    sink.wait(1)
    stack.kill("worker")
    # expire the leases now instead of waiting 75 s
    with stack.engine.begin() as connection:
        from sqlalchemy import text

        connection.execute(
            text(
                "UPDATE delivery SET lease_until = now() - interval '1 s' WHERE state = 'in_flight'"
            )
        )
        connection.execute(text("UPDATE destination SET drain_until = now() - interval '1 s'"))
    stack.start("worker")
    first, second = sink.wait(2, timeout_s=60)
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    stack.wait_for(lambda: stack.states() == {"delivered": 1}, 20, "the delivery")


@POSTGRES
def test_the_shared_secret_setting_is_the_first_key_of_the_default_source(
    database_url: str, valkey: object, tmp_path: object
) -> None:
    secret = "a-shared-secret-that-is-long-enough-0123456789"
    stack = Stack(tmp_path, database_url, valkey.url, RELAY_SHARED_SECRET=secret)  # type: ignore[arg-type, attr-defined]
    try:
        stack.start()

        def answer() -> int:
            return stack.send(comment(), secret).status_code

        stack.wait_for(lambda: answer() == 202, 30, "the key to be known")
        assert stack.send(comment(), secret, source="default").status_code == 202
        stack.restart("scheduler")
        stack.flask("keys", "rotate", "default", "--window", "0")
        stack.wait_for(lambda: answer() == 401, 10, "the old key to stop")
        (source,) = stack.flask("sources", "list", "--json")["items"]
        assert source["slug"] == "default"
    finally:
        stack.close()
