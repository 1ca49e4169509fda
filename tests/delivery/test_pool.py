"""The threads of a drain."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Event

import pytest

from relay.delivery.attempt.run import AttemptResult
from relay.delivery.claim import Claim
from relay.delivery.pool import Pool
from relay.rules.lifecycle import Accepted, Life

RESULT = AttemptResult(Accepted(), "attempt", 200, 1.0, {}, {})


def group(number: int) -> list[Claim]:
    return [Claim(number, "key", Life(), "{}", "evt", datetime.now(UTC), "Shop", "https://s")]


def answer(released: Event | None = None) -> list[AttemptResult]:
    assert released is None or released.wait(10)
    return [RESULT]


def fail() -> list[AttemptResult]:
    raise RuntimeError("a fault in the thread")


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool(4, Event())
    yield pool
    pool.close()


def test_the_first_finished_call_ends_the_wait(pool: Pool) -> None:
    released, slow, fast = Event(), group(1), group(2)
    pool.submit(slow, answer, released)
    pool.submit(fast, answer)
    (finished,) = pool.wait(10)
    assert (finished.group, finished.results, finished.error) == (fast, [RESULT], None)
    assert list(pool.running.values()) == [slow]
    released.set()
    assert [call.group for call in pool.wait(10)] == [slow]
    assert not pool.running


def test_a_call_whose_thread_failed_has_an_error_and_no_results(pool: Pool) -> None:
    pool.submit(group(1), fail)
    (finished,) = pool.wait(10)
    assert isinstance(finished.error, RuntimeError)
    assert finished.results == []


def test_a_wait_ends_after_its_time(pool: Pool) -> None:
    released = Event()
    pool.submit(group(1), answer, released)
    assert pool.wait(0.01) == []
    released.set()


def test_stopping_ends_a_wait_without_calls() -> None:
    stopping = Event()
    stopping.set()
    pool, began = Pool(1, stopping), time.monotonic()
    assert pool.wait(30) == []
    assert time.monotonic() - began < 10
    pool.close()


def test_closing_waits_for_the_calls_under_way() -> None:
    pool, released, made = Pool(1, Event()), Event(), []

    def call() -> list[AttemptResult]:
        assert released.wait(10)
        made.append(True)
        return [RESULT]

    pool.submit(group(1), call)
    released.set()
    pool.close()
    assert made == [True]
