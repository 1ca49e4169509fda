"""The circuit breaker: when a failing destination is not called, and how calls resume.

Pure: standard library only; the time is an argument.

    closed ── 10 failed calls in a row ──▶ open ── its wait is over ──▶ probing
      ▲                                     ▲                             │
      │                                     └──── the probe fails ────────┤
      └───────────────── the destination answers ─────────────────────────┘

While the circuit is open nothing is sent, and no delivery loses an attempt.  One call probes.  After
a success the rate grows from two calls a second upwards, so that a service that has just recovered
does not get the whole backlog at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from relay.rules.lifecycle import Failed, Held, Signal


class CircuitState(StrEnum):
    """The states of a circuit."""

    CLOSED = "closed"
    OPEN = "open"  # has until and reason
    PROBING = "probing"


OPENS_AFTER = 10  # failed calls in a row
WAITS_S = (5.0, 10.0, 20.0, 30.0)  # how long it stays open, by how often it opened in a row
RAMP_S = 45.0  # how long after a recovery calls are slowed down
RAMP_CALLS_PER_S = 2.0
RAMP_DOUBLES_S = 3.0


@dataclass(frozen=True)
class Circuit:
    """``since`` is when it opened or closed (None: it never changed): probes that fail do not change
    it.  ``until`` is when an open circuit may be probed.

    ``failures`` counts failed calls in a row, ``openings`` how often it opened without a success in
    between.
    """

    stage: CircuitState = CircuitState.CLOSED
    since: datetime | None = None
    until: datetime | None = None
    reason: str = ""
    failures: int = 0
    openings: int = 0

    def ready(self, now: datetime) -> Circuit:
        """The circuit for the next call: an open one that has waited long enough is probed."""
        if self.stage is CircuitState.OPEN and (self.until is None or self.until <= now):
            return replace(self, stage=CircuitState.PROBING, until=None)
        return self

    def interval_s(self, now: datetime) -> float:
        """The shortest time between two calls: long right after a recovery, later 0."""
        if self.stage is not CircuitState.CLOSED or self.since is None:
            return 0.0
        closed_for = (now - self.since).total_seconds()
        if closed_for >= RAMP_S:
            return 0.0
        return float(1 / (RAMP_CALLS_PER_S * 2 ** (max(0.0, closed_for) / RAMP_DOUBLES_S)))

    def record_outcome(self, signal: Signal, now: datetime, jitter: float = 0.0) -> Circuit:
        """The circuit after one call.  ``jitter`` in [-1, 1] varies the wait by a fifth."""
        # A destination that asks to wait (Retry-After, quota) works: that is neither success nor failure.
        if isinstance(signal, Held) or getattr(signal, "retry_after_s", None) is not None:
            return self
        # A refusal counts as success: the service is up and answers.  So does the same answer if the
        # retry settings of the destination say to retry it.
        if not isinstance(signal, Failed) or signal.is_up:
            fresh = Circuit(since=self.since if self.stage is CircuitState.CLOSED else now)
            return self if fresh == self else fresh
        failed = replace(self, failures=self.failures + 1)
        if self.stage is CircuitState.PROBING or (
            self.stage is CircuitState.CLOSED and failed.failures >= OPENS_AFTER
        ):
            return failed._open(signal.sentence, now, jitter)
        return failed

    def _open(self, reason: str, now: datetime, jitter: float) -> Circuit:
        wait = WAITS_S[min(self.openings, len(WAITS_S) - 1)] * (1 + 0.2 * jitter)
        return replace(
            self,
            stage=CircuitState.OPEN,
            since=self.since if self.stage is CircuitState.PROBING and self.since else now,
            until=now + timedelta(seconds=wait),
            reason=reason,
            openings=self.openings + 1,
        )


def circuit_of(row: Any) -> Circuit:
    """The circuit stored in a destination's columns."""
    return Circuit(
        CircuitState(row.circuit),
        row.circuit_since,
        row.circuit_until,
        row.circuit_reason,
        row.failures,
        row.openings,
    )


def circuit_columns(circuit: Circuit) -> dict[str, Any]:
    """The columns of a destination that store a circuit."""
    return {
        "circuit": circuit.stage.value,
        "circuit_since": circuit.since,
        "circuit_until": circuit.until,
        "circuit_reason": circuit.reason,
        "failures": circuit.failures,
        "openings": circuit.openings,
    }
