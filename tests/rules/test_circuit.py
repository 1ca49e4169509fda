"""The circuit breaker, as tables and as whole outages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from relay.rules.circuit import (
    OPENS_AFTER,
    RAMP_S,
    Circuit,
    CircuitState,
    circuit_columns,
    circuit_of,
)
from relay.rules.lifecycle import Accepted, Failed, Held, Refused, Signal

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FAILED = Failed("http_503", "It has an error.")


def seconds(n: float) -> timedelta:
    return timedelta(seconds=n)


def failed(times: int, circuit: Circuit | None = None) -> Circuit:
    circuit = circuit or Circuit()
    for _ in range(times):
        circuit = circuit.record_outcome(FAILED, NOW)
    return circuit


def test_it_opens_after_ten_failures_in_a_row_and_says_why() -> None:
    assert OPENS_AFTER == 10
    assert failed(9).stage is CircuitState.CLOSED
    broken = failed(10)
    assert (broken.stage, broken.reason) == (CircuitState.OPEN, "It has an error.")
    assert broken.until == NOW + seconds(5)


@pytest.mark.parametrize(
    "answer", [Accepted(), Refused("http_400", "No."), Failed("http_404", "No.", is_up=True)]
)
def test_any_answer_ends_a_row_of_failures(answer: Signal) -> None:
    assert failed(OPENS_AFTER - 1).record_outcome(answer, NOW).failures == 0


@pytest.mark.parametrize(
    "signal", [Held("quota", "Used up.", 60), Failed("http_429", "Busy.", retry_after_s=3)]
)
def test_a_destination_that_asks_to_wait_does_not_count_as_a_failure(signal: Signal) -> None:
    assert failed(OPENS_AFTER - 1).record_outcome(signal, NOW) == failed(OPENS_AFTER - 1)


def test_after_its_wait_it_is_probed() -> None:
    broken = failed(OPENS_AFTER)
    assert broken.ready(NOW + seconds(4.9)) == broken
    probing = broken.ready(NOW + seconds(5.1))
    assert (probing.stage, probing.until) == (CircuitState.PROBING, None)


def test_a_failed_probe_opens_it_again_for_longer_up_to_half_a_minute() -> None:
    circuit, now, waits = failed(OPENS_AFTER), NOW, []
    for _ in range(6):
        assert circuit.until is not None
        waits.append((circuit.until - now).total_seconds())
        now = circuit.until
        circuit = circuit.ready(now).record_outcome(FAILED, now)
    assert waits == [5, 10, 20, 30, 30, 30]


def test_late_failures_of_calls_under_way_do_not_prolong_the_wait() -> None:
    broken = failed(OPENS_AFTER)
    assert failed(3, broken).until == broken.until


def test_a_good_probe_closes_it_and_the_rate_grows() -> None:
    probing = failed(OPENS_AFTER).ready(NOW + seconds(6))
    well = probing.record_outcome(Accepted(), NOW)
    assert (well.stage, well.failures, well.openings) == (CircuitState.CLOSED, 0, 0)
    intervals = [well.interval_s(NOW + seconds(n)) for n in (0, 3, 6, 9)]
    assert intervals == pytest.approx([0.5, 0.25, 0.125, 0.0625])
    assert well.interval_s(NOW + seconds(RAMP_S)) == 0
    assert Circuit().interval_s(NOW) == 0


def test_more_good_answers_do_not_restart_the_ramp() -> None:
    well = failed(OPENS_AFTER).ready(NOW + seconds(6)).record_outcome(Accepted(), NOW)
    assert well.record_outcome(Accepted(), NOW + seconds(5)) == well


def test_it_is_open_since_the_outage_began_whatever_the_probes_said() -> None:
    circuit = failed(10)
    for n in range(1, 4):
        later = NOW + seconds(60 * n)
        circuit = circuit.ready(later)
        assert (circuit.stage, circuit.since) == (CircuitState.PROBING, NOW)
        circuit = circuit.record_outcome(FAILED, later)
        assert (circuit.stage, circuit.since, circuit.openings) == (CircuitState.OPEN, NOW, n + 1)
    over = NOW + seconds(300)
    circuit = circuit.ready(over).record_outcome(Accepted(), over)
    assert (circuit.stage, circuit.since) == (CircuitState.CLOSED, over)
    for _ in range(10):
        circuit = circuit.record_outcome(FAILED, over + seconds(60))
    assert (circuit.stage, circuit.since) == (CircuitState.OPEN, over + seconds(60))


@pytest.mark.parametrize(("jitter", "wait"), [(-1.0, 4.0), (0.0, 5.0), (1.0, 6.0)])
def test_jitter_varies_the_wait_by_a_fifth(jitter: float, wait: float) -> None:
    opened = failed(9).record_outcome(FAILED, NOW, jitter)
    assert opened.until == NOW + seconds(wait)


def test_a_circuit_is_stored_in_columns_and_read_back() -> None:
    circuit = Circuit(CircuitState.OPEN, NOW, NOW + seconds(5), "It has an error.", 10, 2)
    columns = circuit_columns(circuit)
    assert columns == {
        "circuit": "open", "circuit_since": NOW, "circuit_until": NOW + seconds(5),
        "circuit_reason": "It has an error.", "failures": 10, "openings": 2,
    }  # fmt: skip
    assert circuit_of(SimpleNamespace(**columns)) == circuit
