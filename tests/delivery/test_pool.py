"""The threads of a drain."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from threading import Event, Lock

import pytest

from relay.delivery.attempt.result import AttemptResult
from relay.delivery.claim import Claim
from relay.delivery.plan import Group
from relay.delivery.pool import FinishedCall, Pool
from relay.rules.lifecycle import Accepted, Life, Refused

RESULT = AttemptResult(Accepted(), "attempt", 200, 1.0, {}, {})


def group(number: int) -> list[Claim]:
    return [Claim(number, "key", Life(), "{}", "evt", datetime.now(UTC), "Shop", "https://s")]


def answer(released: Event | None = None) -> Callable[[Group], list[AttemptResult]]:
    def call(_group: Group) -> list[AttemptResult]:
        assert released is None or released.wait(10)
        return [RESULT]

    return call


def fail(_group: Group) -> list[AttemptResult]:
    raise RuntimeError("a fault in the thread")


def refuse(_group: Group) -> list[AttemptResult]:
    return [AttemptResult(Refused("http_400", "No."), "attempt", 400, 1.0, {}, {})]


def never() -> float:
    return time.monotonic() + 60


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool(Event())
    yield pool
    pool.close()


def collect(pool: Pool, count: int) -> list[FinishedCall]:
    """Wait for that many finished calls."""
    calls: list[FinishedCall] = []
    until = time.monotonic() + 10
    while len(calls) < count and time.monotonic() < until:
        calls += pool.wait(10).calls
        pool.written()
    return calls


def test_the_first_finished_call_ends_the_wait(pool: Pool) -> None:
    released, slow, fast = Event(), group(1), group(2)
    pool.start(slow, answer(released))
    pool.start(fast, answer())
    (finished,) = pool.wait(10).calls
    assert (finished.group, finished.results, finished.error) == (fast, [RESULT], None)
    assert pool.running == [slow]
    released.set()
    assert [call.group for call in collect(pool, 1)] == [slow]
    assert not pool.running


def test_a_call_whose_thread_failed_has_an_error_and_no_results(pool: Pool) -> None:
    pool.start(group(1), fail)
    (finished,) = collect(pool, 1)
    assert isinstance(finished.error, RuntimeError)
    assert finished.results == ()


def test_a_wait_ends_after_its_time_or_when_the_drain_is_notified(pool: Pool) -> None:
    released = Event()
    pool.start(group(1), answer(released))
    assert pool.wait(0.01).calls == []
    began = time.monotonic()
    pool.notify()
    assert pool.wait(30).calls == []
    assert time.monotonic() - began < 10
    released.set()


def test_stopping_ends_a_wait_without_calls() -> None:
    stopping = Event()
    stopping.set()
    pool, began = Pool(stopping), time.monotonic()
    assert pool.wait(30).calls == []
    assert time.monotonic() - began < 10
    pool.close()


def test_closing_waits_for_the_calls_under_way() -> None:
    pool, released, made = Pool(Event()), Event(), []

    def call(_group: Group) -> list[AttemptResult]:
        assert released.wait(10)
        made.append(True)
        return [RESULT]

    pool.start(group(1), call)
    released.set()
    pool.close()
    assert made == [True]


def test_offered_calls_start_one_after_the_other(pool: Pool) -> None:
    groups = [group(number) for number in range(1, 21)]
    assert pool.offer([(one, answer()) for one in groups], 1, never()) == set()
    assert [call.group for call in collect(pool, 20)] == groups
    assert not pool.running


def test_slow_calls_run_beside_each_other_up_to_the_limit(pool: Pool) -> None:
    released, lock = Event(), Lock()
    under_way: list[int] = []

    def call(group: Group) -> list[AttemptResult]:
        with lock:
            under_way.append(group[0].delivery_id)
        return answer(released)(group)

    pool.offer([(group(number), call) for number in range(1, 10)], 3, never())
    started: set[int] = set()
    until = time.monotonic() + 10
    while len(started) < 3 and time.monotonic() < until:
        started |= pool.wait(0.02).started
    pool.wait(0.05)
    assert started == set(under_way) == {1, 2, 3}
    assert len(pool.running) == 3
    released.set()
    assert len(collect(pool, 9)) == 9


def test_after_a_call_without_success_no_other_starts(pool: Pool) -> None:
    made: list[int] = []

    def call(group: Group) -> list[AttemptResult]:
        made.append(group[0].delivery_id)
        return refuse(group) if group[0].delivery_id == 2 else [RESULT]

    pool.offer([(group(number), call) for number in range(1, 6)], 1, never())
    assert [call.group[0].delivery_id for call in collect(pool, 2)] == [1, 2]
    pool.close()
    assert made == [1, 2]


def test_no_offered_call_starts_after_its_time(pool: Pool) -> None:
    pool.offer([(group(1), answer())], 1, time.monotonic() - 1)
    progress = pool.wait(10)
    assert (progress.started, progress.calls) == (set(), [])
    pool.close()


def test_an_offer_says_what_started_before_it(pool: Pool) -> None:
    released = Event()
    jobs = [(group(number), answer(released)) for number in (1, 2)]
    started: set[int] = set()
    until = time.monotonic() + 10
    while not started and time.monotonic() < until:
        started = pool.offer(jobs, 1, never())
    assert started == {1}
    released.set()
    assert [call.group[0].delivery_id for call in collect(pool, 2)] == [1, 2]
