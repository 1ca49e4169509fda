"""Destinations that hang, reject, send garbage, or return after an outage."""

from __future__ import annotations

import json
import time
from datetime import timedelta

import pytest

from tests.faults.conftest import States, add
from tests.faults.figures import Figures, percentile, size
from tests.faults.load import Load, arrivals, busiest, extras
from tests.support.events import comment
from tests.support.sink import Answer, Sink
from tests.support.stack import Stack

pytestmark = pytest.mark.timeout(600)
HANGING = 20  # more than a handful: each keeps a thread of the worker busy


def connect(stack: Stack, sink: Sink, site: str, *paths: str) -> str:
    """A site of its own with destinations of its own.  -> its secret"""
    made = stack.make_source(site, f"https://{site.lower()}.example.com")
    for path in paths:
        add(stack, sink, f"{site} {path}", path, "--source", made.slug)
    return made.secret


def test_hanging_destinations_do_not_block_others(
    stack: Stack, sink: Sink, figures: Figures
) -> None:
    hanging, healthy = size(100, 1000), size(60, 200)
    slow = connect(stack, sink, "Slow", "/hang")
    well = connect(stack, sink, "Well", "/in")
    sink.answer(delay_s=29, path="/hang")
    # the others hang as well: copies of the first, made at once
    for number in range(HANGING):
        stack.change(
            "INSERT INTO destination (name, kind, config, sealed_secrets, concurrency) "
            "SELECT :name, kind, config, sealed_secrets, concurrency FROM destination "
            "WHERE name = 'Slow /hang'",
            name=f"Hanging {number}",
        )
        stack.change(
            "INSERT INTO subscription (destination_id, event_types) "
            "SELECT max(id), '[\"*\"]' FROM destination"
        )
        stack.change(
            "INSERT INTO subscription_source (subscription_id, source_id) "
            "SELECT max(s.id), (SELECT id FROM source WHERE slug = 'slow') FROM subscription s"
        )
    Load(stack, slow, hanging, name="slow").finish()
    stack.wait_for(lambda: len(sink.requests) >= HANGING, 60, "the hanging ones to be called")
    load = Load(stack, well, healthy, connections=4, name="well")
    load.finish()
    stack.wait_for(lambda: len(arrivals(sink)) == healthy, 60, "the healthy one's deliveries")
    took = [calls[0].at - load.sent_at[name] for name, calls in arrivals(sink).items()]
    p95 = percentile(took, 0.95)
    figures.note("R6", f"p95 {p95:.2f} s beside {HANGING + 1} that hang with {hanging} queued each")
    assert p95 <= 5.0


def test_a_service_is_not_flooded_after_an_outage(
    stack: Stack, sink: Sink, secret: str, states: States
) -> None:
    count = size(120, 2000)
    stack.flask("destinations", "pace", "Sink", "--rate", "10/second", "--concurrency", "8")
    sink.answer(503)
    Load(stack, secret, count).finish()

    def circuit() -> str:
        return str(stack.rows("SELECT circuit FROM destination")[0]["circuit"])

    stack.wait_for(lambda: circuit() == "open", 60, "the circuit to open")
    sink.answer()
    before = len(sink.requests)
    stack.wait_for(lambda: states() == {"delivered": count}, 60 + count, "all to be delivered")
    times = [seen.at for seen in sink.requests[before:]]
    assert busiest(times, 1.0) <= 11


def test_the_schedule_has_eight_attempts_over_more_than_a_day(
    stack: Stack, sink: Sink, secret: str, states: States, figures: Figures
) -> None:
    sink.answer(503)
    stack.send(comment(), secret)
    waits = []
    for number in range(1, 8):
        stack.wait_for(
            lambda number=number: stack.rows(
                "SELECT 1 FROM delivery WHERE state = 'pending' AND attempts = :n", n=number
            ),
            60,
            f"failure {number}",
        )
        (row,) = stack.rows("SELECT due_at - statement_timestamp() AS wait FROM delivery")
        waits.append(row["wait"] / timedelta(seconds=1))
        stack.change("UPDATE delivery SET due_at = statement_timestamp()")
    stack.wait_for(lambda: states() == {"dead": 1}, 60, "the dead letter")
    figures.note("R7", f"{len(sink.requests)} attempts over {sum(waits) / 3600:.1f} h")
    assert len(sink.requests) == 8
    assert sum(waits) >= 24 * 3600 - 60
    assert len({seen.headers["idempotency-key"] for seen in sink.requests}) == 1


def test_retry_after_is_observed_and_a_final_error_is_not_retried(
    stack: Stack, sink: Sink, states: States, figures: Figures
) -> None:
    patient = connect(stack, sink, "Patient", "/later")
    refused = connect(stack, sink, "Refused", "/never")
    wish = size(10, 60)
    sink.answers([Answer(429, headers={"Retry-After": str(wish)}), Answer()], "/later")
    sink.answer(400, b"no", path="/never")
    stack.send(comment(), patient)
    stack.send(comment(), refused)
    first, second = sink.wait(2, timeout_s=wish + 60, path="/later")
    waited = second.at - first.at
    figures.note("R7", f"Retry-After {wish}: waited {waited:.2f} s")
    assert wish <= waited <= wish * 1.1 + 1.0
    stack.wait_for(lambda: states() == {"delivered": 1, "dead": 1}, 30, "both to be settled")
    assert len([s for s in sink.requests if s.path == "/never"]) == 1


def test_a_200_with_five_mebibytes_of_garbage_is_a_delivery(
    stack: Stack, sink: Sink, secret: str, states: States
) -> None:
    sink.answer(200, b"\x00\xff" * (5 * 2**19))
    stack.send(comment(), secret)
    stack.wait_for(lambda: states() == {"delivered": 1}, 40, "the delivery")
    assert len(sink.requests) == 1
    (kept,) = stack.rows("SELECT response FROM attempt")
    assert len(json.dumps(kept["response"])) < 256 * 1024


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_dead_letter_is_still_there_after_thirty_days(
    stack: Stack, sink: Sink, secret: str, states: States
) -> None:
    sink.answer(400)
    stack.send(comment(), secret)
    stack.wait_for(lambda: states() == {"dead": 1}, 30, "the dead letter")
    sink.answer()
    stack.send(comment(), secret)
    stack.wait_for(lambda: states() == {"dead": 1, "delivered": 1}, 30, "the delivery")
    stack.stop()
    for process in stack.processes.values():
        process.command = f"faketime --exclude-monotonic -f +31d {process.command}"
    stack.start()
    stack.wait_for(lambda: states() == {"dead": 1}, 60, "the delivered one to be pruned")
    assert len(stack.rows("SELECT 1 FROM dead_letter WHERE state = 'open'")) == 1


def test_a_manual_attempt_replaces_the_next_retry(
    stack: Stack, sink: Sink, secret: str, states: States
) -> None:
    sink.answers([Answer(503, headers={"Retry-After": "6"}), Answer()], "/in")
    stack.send(comment(), secret)
    stack.wait_for(
        lambda: stack.rows("SELECT 1 FROM delivery WHERE state = 'pending' AND attempts = 1"),
        30,
        "the failure",
    )
    (row,) = stack.rows("SELECT id FROM delivery")
    due = time.monotonic() + 7
    for _ in range(2):
        stack.python(
            "from relay.errors import Refusal\n"
            "from relay.services.audit import COMMAND_LINE as by\n"
            "from relay.services.destinations import throttling\n"
            "from relay.services.replays import actions\n"
            "try:\n"
            "    throttling.try_now('Sink', by)\n"
            f"    actions.retry_now({row['id']}, by)\n"
            "except Refusal:\n"
            "    pass"
        )
    stack.wait_for(lambda: states() == {"delivered": 1}, 30, "the delivery")
    stack.wait_for(lambda: time.monotonic() > due, 20, "the time of the scheduled one to pass")
    assert (len(sink.requests), extras(arrivals(sink))) == (2, 1)
