"""The circuit and the pace, as tables and as whole outages."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from relay.rules.circuit import OPENS_AFTER, RAMP_S, Circuit, CircuitState
from relay.rules.lifecycle import Accepted, Failed, Held, Refused, Signal
from relay.rules.rate import RateLimit, interval_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FAILED = Failed("http_503", "It has trouble.")


def seconds(n: float) -> timedelta:
    return timedelta(seconds=n)


def failed(times: int, circuit: Circuit | None = None) -> Circuit:
    circuit = circuit or Circuit()
    for _ in range(times):
        circuit = circuit.record_outcome(FAILED, NOW)
    return circuit


def test_it_opens_after_ten_failures_in_a_row_and_says_why() -> None:
    assert failed(OPENS_AFTER - 1).stage is CircuitState.CLOSED
    broken = failed(OPENS_AFTER)
    assert (broken.stage, broken.reason) == (CircuitState.OPEN, "It has trouble.")
    assert broken.places(8) == 0
    hold = broken.hold(NOW)
    assert hold is not None
    assert (hold.code, hold.wait_s) == ("circuit_open", 5.0)


@pytest.mark.parametrize("answer", [Accepted(), Refused("http_400", "No.")])
def test_any_answer_ends_a_row_of_failures(answer: Signal) -> None:
    assert failed(OPENS_AFTER - 1).record_outcome(answer, NOW).failures == 0


@pytest.mark.parametrize(
    "signal", [Held("quota", "Used up.", 60), Failed("http_429", "Busy.", retry_after_s=3)]
)
def test_a_wish_to_wait_is_not_a_failure(signal: Signal) -> None:
    assert failed(OPENS_AFTER - 1).record_outcome(signal, NOW) == failed(OPENS_AFTER - 1)


def test_when_its_wait_is_over_one_call_probes() -> None:
    broken = failed(OPENS_AFTER)
    assert broken.ready(NOW + seconds(4.9)) == broken
    probing = broken.ready(NOW + seconds(5.1))
    assert (probing.stage, probing.places(8)) == (CircuitState.PROBING, 1)
    assert probing.hold(NOW + seconds(5.1)) is None


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


def test_a_good_probe_closes_it_and_the_pace_grows() -> None:
    probing = failed(OPENS_AFTER).ready(NOW + seconds(6))
    well = probing.record_outcome(Accepted(), NOW)
    assert (well.stage, well.failures, well.openings) == (CircuitState.CLOSED, 0, 0)
    intervals = [well.interval_s(NOW + seconds(n)) for n in (0, 3, 6, 9)]
    assert intervals == pytest.approx([0.5, 0.25, 0.125, 0.0625])
    assert well.interval_s(NOW + seconds(RAMP_S)) == 0
    assert Circuit().interval_s(NOW) == 0


def test_more_good_answers_do_not_begin_the_ramp_anew() -> None:
    well = failed(OPENS_AFTER).ready(NOW + seconds(6)).record_outcome(Accepted(), NOW)
    assert well.record_outcome(Accepted(), NOW + seconds(5)) == well


@pytest.mark.parametrize(
    ("count", "unit", "interval"),
    [(10, "second", 0.1), (60, "minute", 1.0), (90, "hour", 40.0), (None, None, 0.0)],
)
def test_a_rate_is_spread_evenly(count: int | None, unit: str | None, interval: float) -> None:
    assert interval_of(count, unit) == pytest.approx(interval)


def test_no_window_of_any_length_holds_more_calls_than_the_pace_allows() -> None:
    pace, now, starts = RateLimit(0.1), NOW, []
    for n in range(300):
        now += seconds(0.013 * (n % 7))  # asked at odd moments
        if pace.wait_s(now) == 0:
            starts.append(now)
            pace = pace.after(1, now)
    for window in (1, 3, 10):
        most = max(sum(a <= b < a + seconds(window) for b in starts) for a in starts)
        assert most <= window * 10
    assert len(starts) > 80


def test_reserved_calls_move_the_next_one_by_as_many_intervals() -> None:
    assert RateLimit(2.0).after(3, NOW).next_at == NOW + seconds(6)
    assert RateLimit(2.0, NOW + seconds(1)).after(1, NOW).next_at == NOW + seconds(3)
    assert RateLimit(0.0).after(5, NOW) == RateLimit(0.0)


@pytest.mark.parametrize(
    ("pace", "window", "calls"),
    [
        (RateLimit(0.0), 0.05, 50),
        (RateLimit(0.1), 0.05, 1),
        (RateLimit(0.1), 0.5, 6),
        (RateLimit(0.1, NOW + seconds(1)), 0.5, 0),
        (replace(RateLimit(10.0), next_at=NOW), 0.5, 1),
    ],
)
def test_within_a_while_so_many_calls_may_start(pace: RateLimit, window: float, calls: int) -> None:
    assert pace.within(window, NOW, 50) == calls
