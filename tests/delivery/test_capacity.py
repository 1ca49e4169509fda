"""How many calls a destination takes, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from relay.delivery.capacity import SOON_S, Capacity
from relay.destinations.base import Digest, Kind
from relay.models.delivery import LIVE, REPLAYED
from relay.rules.circuit import Circuit, CircuitState
from relay.rules.lifecycle import Accepted, Failed

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PROBING = Circuit(CircuitState.PROBING, NOW)
OPEN = Circuit(CircuitState.OPEN, NOW, NOW + timedelta(seconds=5), "It is down.")
JUST_CLOSED = Circuit(since=NOW)


class Batching(Kind):
    """A kind that takes ten orders, or five of anything else, in one call."""

    def batch_limit(self, config: Mapping[str, Any], event_type: str) -> int:
        return 5 if event_type == "comment.created" else 10

    def digest(self, config: Mapping[str, Any]) -> Digest | None:
        return Digest(above=20)


def seconds(n: float) -> timedelta:
    return timedelta(seconds=n)


@pytest.mark.parametrize(
    ("capacity", "running", "free"),
    [
        (Capacity(4), 0, (4, 3)),
        (Capacity(4), 3, (1, 0)),
        (Capacity(4), 4, (0, -1)),
        (Capacity(2), 0, (2, 1)),
        (Capacity(1), 0, (1, 1)),  # a single place is shared, or replays would never be sent
        (Capacity(4, circuit=PROBING), 0, (1, 1)),
        (Capacity(4, circuit=PROBING), 1, (0, 0)),
        (Capacity(4, circuit=OPEN), 0, (0, 0)),
    ],
)
def test_the_free_places_leave_one_to_live_events(
    capacity: Capacity, running: int, free: tuple[int, int]
) -> None:
    slots = capacity.slots(NOW, running)
    assert (slots.free[LIVE], slots.free[REPLAYED]) == free


@pytest.mark.parametrize(
    ("capacity", "by_rate", "wait_s"),
    [
        (Capacity(4), 64, 0.0),
        (Capacity(4, interval_s=0.5), 1, 0.0),
        (Capacity(4, interval_s=0.5, next_at=NOW), 1, 0.0),
        (Capacity(4, interval_s=0.5, next_at=NOW - seconds(9)), 1, 0.0),
        (Capacity(4, interval_s=0.5, next_at=NOW + seconds(0.2)), 0, 0.2),
        (Capacity(4, next_at=NOW + seconds(0.2)), 0, 0.2),
        (Capacity(4, circuit=JUST_CLOSED), 1, 0.0),
    ],
)
def test_the_rate_limit_spreads_calls(capacity: Capacity, by_rate: int, wait_s: float) -> None:
    slots = capacity.slots(NOW)
    assert (slots.by_rate, slots.wait_s) == (by_rate, pytest.approx(wait_s))


@pytest.mark.parametrize(
    ("capacity", "running", "claimable"),
    [
        (Capacity(4), 0, 50),
        (Capacity(4), 4, 50),  # what is claimed waits for a free place
        (Capacity(4, interval_s=0.01), 0, 6),
        (Capacity(4, interval_s=60, next_at=NOW + seconds(SOON_S)), 0, 1),
        (Capacity(4, interval_s=60, next_at=NOW + seconds(SOON_S + 0.1)), 0, 0),
        (Capacity(4, circuit=PROBING), 0, 1),
        (Capacity(4, circuit=PROBING), 1, 0),
        (Capacity(4, circuit=OPEN), 0, 0),
    ],
)
def test_little_is_claimed_before_its_call_may_start(
    capacity: Capacity, running: int, claimable: int
) -> None:
    assert capacity.slots(NOW, running, 50).claimable == claimable


def test_a_probe_takes_one_delivery_and_is_no_digest() -> None:
    closed = Capacity(4, kind=Batching(), max_batch=10, digest=Digest(above=20))
    assert (closed.slots(NOW).batch, closed.slots(NOW).digest) == (10, Digest(above=20))
    assert closed.batch_limit("comment.created") == 5
    probing = replace(closed, circuit=PROBING)
    assert (probing.slots(NOW).batch, probing.slots(NOW).digest) == (1, None)
    assert probing.batch_limit("comment.created") == 1


def test_a_start_moves_the_next_call_by_one_interval() -> None:
    capacity = Capacity(4, interval_s=2.0).started(NOW).started(NOW)
    assert capacity.next_at == NOW + seconds(4)
    unlimited = Capacity(4)
    assert unlimited.started(NOW) is unlimited


def test_claimed_deliveries_reserve_their_calls_in_the_row() -> None:
    capacity = Capacity(4, interval_s=2.0, max_batch=10)
    assert capacity.reserved(NOW, 25).columns()["paced_until"] == NOW + seconds(6)
    assert capacity.reserved(NOW, 0).columns()["paced_until"] is None


def test_after_a_recovery_the_slower_of_both_rates_applies() -> None:
    assert Capacity(circuit=JUST_CLOSED).rate(NOW).interval_s == 0.5
    assert Capacity(circuit=JUST_CLOSED, interval_s=2.0).rate(NOW).interval_s == 2.0


def test_an_outcome_changes_the_circuit() -> None:
    failing = Capacity(circuit=Circuit(failures=9))
    failed = failing.record_outcome(Failed("http_503", "Busy."), NOW, 0.0)
    assert failed.circuit.stage is CircuitState.OPEN
    assert failing.record_outcome(Accepted(), NOW, 0.0).circuit.failures == 0


def test_it_reads_a_destinations_row_and_keeps_what_is_newer_in_memory() -> None:
    row = SimpleNamespace(
        circuit="open",
        circuit_since=NOW,
        circuit_until=NOW,
        circuit_reason="It is down.",
        failures=10,
        openings=1,
        paced_until=NOW,
        concurrency=3,
        rate_count=60,
        rate_unit="minute",
        config={},
    )
    capacity = Capacity.of(row, Batching(), NOW)
    assert (capacity.concurrency, capacity.interval_s, capacity.max_batch) == (3, 1.0, 10)
    assert capacity.circuit.stage is CircuitState.PROBING
    changed = capacity.started(NOW).with_settings(
        SimpleNamespace(**vars(row) | {"concurrency": 8, "rate_count": None})
    )
    assert (changed.concurrency, changed.interval_s) == (8, 0.0)
    assert changed.next_at == NOW + seconds(1)
    assert changed.circuit.stage is CircuitState.PROBING
