"""The plan of a drain, as tables: no database, no threads, no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from relay.delivery.capacity import Capacity
from relay.delivery.claim import CALL_S, Batch, Claim
from relay.delivery.plan import DIGEST_HOLD, POLL_S, RENEW_AFTER_S, Plan, make_plan
from relay.destinations.base import Digest, Kind
from relay.models.delivery import LIVE, REPLAYED
from relay.rules.circuit import Circuit, CircuitState
from relay.rules.lifecycle import Held, Life, State

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PAUSED = Held("paused", "The destination is paused.")
STOPPING = Held("later", "It waits for its turn.")
PROBING = Circuit(CircuitState.PROBING, NOW)
OPEN = Circuit(CircuitState.OPEN, NOW, NOW + timedelta(seconds=5), "It is down.")


def seconds(n: float) -> timedelta:
    return timedelta(seconds=n)


def claim(number: int, **changes: Any) -> Claim:
    """A claimed delivery with this id; ``lease_s`` are the seconds left of its lease."""
    lease_until = NOW + seconds(changes.pop("lease_s", 65))
    values: dict[str, Any] = {
        "delivery_id": number,
        "key": f"key-{number}",
        "life": Life(State.IN_FLIGHT, lease_until=lease_until, lease_token="t", claims=1),
        "payload": "{}",
        "event_id": f"evt-{number}",
        "received_at": NOW,
        "site_name": "Shop",
        "site_url": "https://shop.example.com",
        "subscription_id": 1,
        "event_type": "comment.created",
    }
    return Claim(**values | changes)


def claims(count: int, first: int = 1, **changes: Any) -> tuple[Claim, ...]:
    return tuple(claim(number, **changes) for number in range(first, first + count))


class Batching(Kind):
    """A kind that takes three deliveries of one type in one call."""

    def batch_limit(self, config: Mapping[str, Any], event_type: str) -> int:
        return 3


BATCHING = Capacity(4, kind=Batching(), max_batch=3)


def plan(
    waiting: Sequence[Claim],
    capacity: Capacity = Capacity(4),  # noqa: B008 - frozen
    running: Sequence[Sequence[Claim]] = (),
    hold: Held | None = None,
    stopped: Sequence[int] = (),
    is_digest: bool = False,
) -> Plan:
    return make_plan(Batch(tuple(waiting), is_digest), running, capacity, hold, NOW, stopped)


def started(made: Plan) -> list[list[int]]:
    return [[one.delivery_id for one in group] for group in made.start]


def ids(group: Sequence[Claim]) -> list[int]:
    return [one.delivery_id for one in group]


@pytest.mark.parametrize(
    ("capacity", "waiting", "running", "start", "rest"),
    [
        (Capacity(4), 6, 0, 4, 2),
        (Capacity(4), 6, 3, 1, 5),
        (Capacity(4), 6, 4, 0, 6),
        (Capacity(1), 3, 0, 1, 2),
        (Capacity(4), 2, 0, 2, 0),
        (Capacity(4), 0, 0, 0, 0),
        (Capacity(2), 3, 3, 0, 3),  # a person lowered the concurrency meanwhile
        # a rate limit: one call per instant, whatever the concurrency is
        (Capacity(4, interval_s=0.5), 6, 0, 1, 5),
        (Capacity(4, interval_s=0.5, next_at=NOW - seconds(60)), 6, 0, 1, 5),
        (Capacity(4, interval_s=0.5, next_at=NOW + seconds(0.1)), 6, 0, 0, 6),
        (Capacity(4, circuit=Circuit(since=NOW)), 6, 0, 1, 5),  # just recovered
        # circuit
        (Capacity(4, circuit=PROBING), 3, 0, 1, 2),
        (Capacity(4, circuit=PROBING), 3, 1, 0, 3),
        (Capacity(4, circuit=OPEN), 3, 0, 0, 3),
    ],
)
def test_as_many_calls_start_as_the_capacity_allows(
    capacity: Capacity, waiting: int, running: int, start: int, rest: int
) -> None:
    made = plan(claims(waiting), capacity, [claims(1, 90 + n) for n in range(running)])
    assert (len(made.start), len(made.rest.claims), made.postponed) == (start, rest, ())
    assert started(made) == [[number] for number in range(1, start + 1)], "oldest first"


@pytest.mark.parametrize("hold", [PAUSED, STOPPING, Held("circuit_open", "It is down.", 5)])
def test_with_a_hold_everything_that_waits_is_given_back(hold: Held) -> None:
    made = plan(claims(3), running=[claims(1, 90)], hold=hold)
    assert (started(made), ids(made.postponed), made.rest) == ([], [1, 2, 3], Batch())
    assert made.hold == hold


def test_stopped_deliveries_are_given_back_and_the_others_start() -> None:
    waiting = claims(4)
    made = plan(waiting, stopped=[1, 3, 4])
    assert (started(made), ids(made.postponed), made.rest) == ([[2]], [1, 3, 4], Batch())


@pytest.mark.parametrize(
    ("lease_s", "call_s", "starts"),
    [
        (65, CALL_S, True),
        (41, CALL_S, True),
        (40, CALL_S, False),
        (-1, CALL_S, False),
        (65, CALL_S + 20, True),
        (59, CALL_S + 20, False),  # its AI step makes it longer
    ],
)
def test_a_call_starts_only_if_it_fits_into_its_lease(
    lease_s: float, call_s: float, starts: bool
) -> None:
    made = plan([claim(1, lease_s=lease_s, call_s=call_s), claim(2)])
    assert started(made) == ([[1], [2]] if starts else [[2]])
    assert ids(made.postponed) == ([] if starts else [1])


def test_a_suspect_is_sent_alone() -> None:
    suspect = claim(1, is_suspect=True)
    made = plan([suspect, *claims(2, 2)])
    assert (started(made), ids(made.rest.claims)) == ([[1]], [2, 3])
    assert made.wait_s == RENEW_AFTER_S
    beside = plan(claims(2, 2), running=[[suspect]])
    assert (started(beside), ids(beside.rest.claims)) == ([], [2, 3])


@pytest.mark.parametrize(
    ("concurrency", "running", "start"), [(4, 0, 3), (4, 2, 1), (4, 3, 0), (2, 1, 0), (1, 0, 1)]
)
def test_replays_leave_one_place_to_live_events(concurrency: int, running: int, start: int) -> None:
    busy = [claims(1, 90 + n) for n in range(running)]
    made = plan(claims(6, priority=REPLAYED), Capacity(concurrency), busy)
    assert len(made.start) == start
    assert len(plan(claims(6, priority=LIVE), Capacity(concurrency), busy).start) >= start


def test_deliveries_of_one_type_go_in_one_call() -> None:
    waiting = [*claims(2), claim(3, event_type="order.created"), *claims(3, 4)]
    made = plan(waiting, BATCHING)
    assert started(made) == [[1, 2, 4], [3], [5, 6]]


@pytest.mark.parametrize(
    "other",
    [
        {"event_type": "order.created"},
        {"priority": REPLAYED},
        {"subscription_id": 2},
        {"mapping_version": 2},
        {"pinned_version": 1},
        {"call_s": CALL_S + 15},
    ],
)
def test_deliveries_that_are_built_in_another_way_get_a_call_of_their_own(
    other: dict[str, Any],
) -> None:
    assert started(plan([claim(1), claim(2, **other)], BATCHING)) == [[1], [2]]


def test_deliveries_with_an_ai_step_never_share_a_call() -> None:
    assert started(plan(claims(2, call_s=CALL_S + 15), BATCHING)) == [[1], [2]]


def test_a_probe_takes_one_delivery() -> None:
    made = plan(claims(5), replace(BATCHING, circuit=PROBING))
    assert (started(made), ids(made.rest.claims)) == ([[1]], [2, 3, 4, 5])


def test_a_digest_is_one_call_and_the_last_one() -> None:
    capacity = Capacity(4, digest=Digest(above=2))
    made = plan([*claims(3), claim(4, event_type="order.created")], capacity, is_digest=True)
    assert (started(made), made.rest, made.hold) == ([[1, 2, 3, 4]], Batch(), DIGEST_HOLD)


def test_a_digest_waits_for_a_free_place_as_a_whole() -> None:
    made = plan(claims(3), Capacity(1), running=[claims(1, 90)], is_digest=True)
    assert (started(made), made.rest) == ([], Batch(claims(3), is_digest=True))
    assert made.hold is None


@pytest.mark.parametrize(
    ("capacity", "waiting", "running", "wait_s"),
    [
        (Capacity(4), 0, 1, POLL_S),  # a place is free: check for more work
        (Capacity(4), 0, 4, RENEW_AFTER_S),  # no place is free: only a result changes that
        (Capacity(4), 6, 0, RENEW_AFTER_S),
        (Capacity(4), 1, 0, POLL_S),
        (Capacity(4), 0, 0, 0.0),  # nothing is left
        (Capacity(4, interval_s=0.5), 2, 0, 0.5),
        (Capacity(4, interval_s=0.5, next_at=NOW + seconds(0.1)), 2, 0, 0.1),
        (Capacity(1, interval_s=0.5), 2, 0, RENEW_AFTER_S),
        (Capacity(4, circuit=PROBING), 2, 1, RENEW_AFTER_S),
    ],
)
def test_it_waits_no_longer_than_until_something_can_change(
    capacity: Capacity, waiting: int, running: int, wait_s: float
) -> None:
    busy = [claims(1, 90 + n) for n in range(running)]
    assert plan(claims(waiting), capacity, busy).wait_s == pytest.approx(wait_s)


def test_each_start_counts_for_the_rate_limit() -> None:
    made = plan(claims(2), Capacity(4, interval_s=0.5))
    assert made.capacity.next_at == NOW + seconds(0.5)
    idle = plan([], Capacity(4, interval_s=0.5))
    assert idle.capacity.next_at is None


@pytest.mark.parametrize(
    ("capacity", "waiting", "hold", "ahead"),
    [
        (Capacity(2), claims(4), None, [[1], [2], [3], [4]]),
        (Capacity(2, next_at=NOW - seconds(1)), claims(3), None, [[1], [2], [3]]),
        (Capacity(4), claims(3, priority=REPLAYED), None, [[1], [2], [3]]),
        # every call is decided by a plan of its own
        (Capacity(2), claims(4), PAUSED, []),
        (Capacity(2, interval_s=0.5), claims(4), None, []),
        (Capacity(2, next_at=NOW + seconds(1)), claims(4), None, []),
        (Capacity(2, circuit=PROBING), claims(4), None, []),
        (Capacity(2, circuit=Circuit(since=NOW)), claims(4), None, []),
        (Capacity(2, digest=Digest(10)), claims(4), None, []),
        (BATCHING, claims(4), None, []),
        (Capacity(2), [claim(1, is_suspect=True), claim(2)], None, []),
        (Capacity(2), [claim(1), claim(2), claim(3, is_suspect=True)], None, []),
    ],
)
def test_calls_start_without_another_plan_only_if_nothing_but_the_concurrency_limits_them(
    capacity: Capacity, waiting: Sequence[Claim], hold: Held | None, ahead: list[list[int]]
) -> None:
    made = plan(waiting, capacity, hold=hold)
    assert [ids(group) for group in made.ahead] == ahead


@pytest.mark.parametrize(("priority", "places"), [(LIVE, 4), (REPLAYED, 3)])
def test_calls_that_start_ahead_leave_the_same_places(priority: int, places: int) -> None:
    busy = [claims(1, 90), claims(1, 91)]
    assert plan(claims(6, priority=priority), Capacity(4), busy).places == places
