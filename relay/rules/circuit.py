"""When a destination that fails is left alone, and how it is taken up again.

Pure: the standard library only; the time is an argument.

    closed ── 10 failed calls in a row ──▶ open ── its wait is over ──▶ probing
      ▲                                     ▲                             │
      │                                     └──── the probe fails ────────┤
      └───────────────── the destination answers ─────────────────────────┘

While it is open nothing is sent, and no delivery loses an attempt.  One call probes; after a good
answer the pace grows from two calls a second upwards, so that a service that has just come back is
not flooded with all that waited.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from relay.rules.lifecycle import Failed, Held, Signal


class CircuitState(StrEnum):
    """The states of a circuit."""

    CLOSED = "closed"
    OPEN = "open"  # has until and reason
    PROBING = "probing"


OPENS_AFTER = 10  # failed calls in a row
WAITS_S = (5.0, 10.0, 20.0, 30.0)  # how long it stays open, by how often it opened in a row
RAMP_S = 45.0  # after that the pace is the destination's own
RAMP_CALLS_PER_S = 2.0
RAMP_DOUBLES_S = 3.0


@dataclass(frozen=True)
class Circuit:
    """``since`` is when this stage began (none: ever), ``until`` when an open one may be probed.

    ``failures`` counts failed calls in a row, ``openings`` how often it opened without a good answer
    in between.
    """

    stage: CircuitState = CircuitState.CLOSED
    since: datetime | None = None
    until: datetime | None = None
    reason: str = ""
    failures: int = 0
    openings: int = 0

    def ready(self, now: datetime) -> Circuit:
        """The circuit as it is for the next call: an open one whose wait is over is probed."""
        if self.stage is CircuitState.OPEN and (self.until is None or self.until <= now):
            return replace(self, stage=CircuitState.PROBING, since=now, until=None)
        return self

    def places(self, concurrency: int) -> int:
        """How many calls may be under way at the same time."""
        return {CircuitState.CLOSED: concurrency, CircuitState.PROBING: 1, CircuitState.OPEN: 0}[
            self.stage
        ]

    def interval_s(self, now: datetime) -> float:
        """The least time between two calls: long just after a recovery, then none."""
        if self.stage is not CircuitState.CLOSED or self.since is None:
            return 0.0
        well_for = (now - self.since).total_seconds()
        if well_for >= RAMP_S:
            return 0.0
        return float(1 / (RAMP_CALLS_PER_S * 2 ** (max(0.0, well_for) / RAMP_DOUBLES_S)))

    def hold(self, now: datetime) -> Held | None:
        """Why nothing may be sent now, and for how long."""
        if self.stage is not CircuitState.OPEN or self.until is None or self.until <= now:
            return None
        return Held("circuit_open", self.reason, (self.until - now).total_seconds())

    def record_outcome(self, signal: Signal, now: datetime, jitter: float = 0.0) -> Circuit:
        """What one call's result means.  ``jitter`` in [-1, 1] spreads the waits by a fifth.

        A refusal, too, is an answer: the service lives.  A wish to wait (Retry-After, quota) is none
        of the circuit's business.
        """
        if isinstance(signal, Held) or getattr(signal, "retry_after_s", None) is not None:
            return self
        if not isinstance(signal, Failed):
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
