"""How many calls a destination takes now: the one place that answers this.

It combines the destination's concurrency and rate limit, its circuit, and how many deliveries the
kind puts into one call.  Pure: the time is an argument, and every change returns a new Capacity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from relay.destinations.base import Digest, Kind
from relay.rules.circuit import Circuit, CircuitState, circuit_columns, circuit_of
from relay.rules.lifecycle import Signal
from relay.rules.rate import MAX_CONCURRENCY, RateLimit, interval_of

LIVE, REPLAYED = 0, 1  # priorities of a delivery
SOON_S = 1.5  # a drain waits this long for its next call instead of ending
# Deliveries are claimed only this long before their call may start, so that a live event that
# arrives now still goes before replays.
AHEAD_S = 0.05
NEVER_FAILED = Circuit()


@dataclass(frozen=True)
class Slots:
    """What is free: ``live`` and ``replays`` are the places for calls of each priority.

    ``by_rate`` is how many calls the rate limit allows at this instant, and ``wait_s`` the time until
    it allows the next one.  ``claimable`` is for how many calls deliveries may be claimed.
    """

    live: int
    replays: int
    by_rate: int
    claimable: int
    wait_s: float

    def free(self, priority: int) -> int:
        """The free places for this priority."""
        return self.live if priority == LIVE else self.replays


@dataclass(frozen=True)
class Capacity:
    """``interval_s`` is the destination's own time between calls, ``next_at`` the earliest instant
    of the next one.  ``max_batch`` is the largest number of deliveries that one call may take.
    """

    concurrency: int = 1
    interval_s: float = 0.0
    next_at: datetime | None = None
    circuit: Circuit = NEVER_FAILED
    kind: Kind = field(default_factory=Kind)
    config: Mapping[str, Any] = field(default_factory=dict)
    max_batch: int = 1
    digest: Digest | None = None

    @classmethod
    def of(cls, row: Any, kind: Kind, now: datetime) -> Capacity:
        """From a destination's row."""
        start = cls(kind=kind, circuit=circuit_of(row).ready(now), next_at=row.paced_until)
        return start.with_settings(row)

    def with_settings(self, row: Any) -> Capacity:
        """With the settings as they are now.  The circuit and the next call stay: those in memory
        are newer than the row's.
        """
        return replace(
            self,
            concurrency=row.concurrency,
            interval_s=interval_of(row.rate_count, row.rate_unit),
            config=row.config,
            max_batch=self.kind.batch_limit(row.config, ""),
            digest=self.kind.digest(row.config),
        )

    @property
    def is_probing(self) -> bool:
        """While the circuit is not closed, every call is a probe and takes one delivery."""
        return self.circuit.stage is not CircuitState.CLOSED

    def rate(self, now: datetime) -> RateLimit:
        """The rate limit for the next call: the destination's own, or a slower one after a recovery."""
        interval_s = self.interval_s
        if self.circuit.since is not None:
            interval_s = max(interval_s, self.circuit.interval_s(now))
        return RateLimit(interval_s, self.next_at)

    def places(self) -> int:
        """How many calls may run at the same time."""
        if self.circuit.stage is CircuitState.CLOSED:
            return self.concurrency
        return 1 if self.circuit.stage is CircuitState.PROBING else 0

    def slots(self, now: datetime, running: int = 0, limit: int = 1) -> Slots:
        """What is free while ``running`` calls are under way; ``limit`` caps ``claimable``."""
        places, rate = self.places(), self.rate(now)
        wait_s = rate.wait_s(now)
        # One call that may start within SOON_S is claimed early: the drain waits for its instant.
        claimable = max(rate.within(AHEAD_S, now, limit), int(wait_s <= SOON_S))
        if self.is_probing:
            claimable = min(claimable, places - running)
        # Replays leave one place to live events, so that a backlog of replays does not delay them.
        reserved = 1 if places > 1 else 0
        return Slots(
            live=places - running,
            replays=places - reserved - running,
            by_rate=MAX_CONCURRENCY if wait_s == 0 and not rate.interval_s else int(wait_s == 0),
            claimable=claimable,
            wait_s=wait_s,
        )

    def batch_limit(self, event_type: str) -> int:
        """How many deliveries of this event type one call may take."""
        if self.is_probing or self.max_batch == 1:
            return 1
        return self.kind.batch_limit(self.config, event_type)

    def started(self, now: datetime, calls: int = 1) -> Capacity:
        """After ``calls`` calls started."""
        if not calls or not (self.interval_s or self.circuit.since):
            return self
        return replace(self, next_at=self.rate(now).after(calls, now).next_at)

    def record_outcome(self, signal: Signal, now: datetime, jitter: float) -> Capacity:
        """After a call with this result.  ``jitter`` in [-1, 1]."""
        circuit = self.circuit.record_outcome(signal, now, jitter)
        return self if circuit is self.circuit else replace(self, circuit=circuit)

    def columns(self) -> dict[str, Any]:
        """What is stored in the destination's row."""
        return circuit_columns(self.circuit) | {"paced_until": self.next_at}

    def differs(self, stored: Capacity) -> bool:
        """Whether the columns of ``stored`` are out of date."""
        return self.circuit != stored.circuit or self.next_at != stored.next_at
