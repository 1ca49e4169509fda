"""How many calls a destination takes now: the one place that answers this.

It combines the destination's concurrency and rate limit, its circuit, and how many deliveries the
kind puts into one call.  Pure: the time is an argument, and every change returns a new Capacity.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from relay.destinations.base import Digest, Kind
from relay.models.delivery import LIVE
from relay.rules.circuit import Circuit, CircuitState, circuit_columns, circuit_of
from relay.rules.lifecycle import Signal
from relay.rules.rate import MAX_CONCURRENCY, RateLimit, interval_of

SOON_S = 1.5  # a drain waits this long for its next call instead of ending
# Deliveries are claimed only this long before their call may start, so that a live event that
# arrives now still goes before replays.
AHEAD_S = 0.05
NEVER_FAILED = Circuit()


@dataclass(frozen=True)
class Slots:
    """What may start now.  ``free`` are the free places for calls, by priority.

    ``by_rate`` is how many calls the rate limit allows at this instant, and ``wait_s`` the time until
    it allows the next one.  ``claimable`` is for how many calls deliveries may be claimed, ``batch``
    how many deliveries one call may take at most, and ``digest`` how a backlog goes in one call.
    """

    free: tuple[int, int]
    by_rate: int
    wait_s: float
    claimable: int
    batch: int = 1
    digest: Digest | None = None


@dataclass(frozen=True)
class Capacity:
    """``interval_s`` is the destination's own time between calls, ``next_at`` the earliest instant
    of the next one.  ``max_batch`` is the largest number of deliveries that one call may take.
    ``taken`` is how many of the calls at the same time belong to another process (see ``lanes``).
    ``settings`` are the columns that the others were computed from.
    """

    concurrency: int = 1
    interval_s: float = 0.0
    next_at: datetime | None = None
    circuit: Circuit = NEVER_FAILED
    kind: Kind = field(default_factory=Kind)
    config: Mapping[str, Any] = field(default_factory=dict)
    max_batch: int = 1
    digest: Digest | None = None
    settings: tuple[Any, ...] = ()
    taken: int = field(default=0, compare=False)

    @classmethod
    def of(cls, row: Any, kind: Kind, now: datetime) -> Capacity:
        """From a destination's row."""
        found = cls(kind=kind, next_at=row.paced_until).with_settings(row)
        return replace(found, circuit=circuit_of(row).ready(now))

    def with_settings(self, row: Any) -> Capacity:
        """With the settings as they are now.  The circuit and the next call stay: those in memory
        are newer than the row's.
        """
        settings = (row.concurrency, row.rate_count, row.rate_unit, row.config)
        if settings == self.settings:
            return self
        return replace(
            self,
            settings=settings,
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

    def is_unpaced(self, now: datetime) -> bool:
        """Whether only the concurrency limits the calls, and each takes one delivery."""
        if self.is_probing or self.digest or self.max_batch > 1:
            return False
        rate = self.rate(now)
        return not rate.interval_s and not rate.wait_s(now)

    def rate(self, now: datetime) -> RateLimit:
        """The rate limit for the next call: the destination's own, or a slower one after a recovery."""
        interval_s = self.interval_s
        if self.circuit.since is not None:
            interval_s = max(interval_s, self.circuit.interval_s(now))
        return RateLimit(interval_s, self.next_at)

    def places(self) -> int:
        """How many calls may run at the same time."""
        if self.circuit.stage is CircuitState.CLOSED:
            return self.concurrency - self.taken
        return 1 if self.circuit.stage is CircuitState.PROBING else 0

    def slots(self, now: datetime, running: int = 0, limit: int = 1) -> Slots:
        """What may start while ``running`` calls are under way; ``limit`` caps ``claimable``."""
        places = self.places()
        # Replays leave one place to live events, so that a backlog of replays does not delay them.
        for_replays = places - 1 if places > 1 else places
        free = (places - running, for_replays - running)
        by_rate, wait_s, claimable = MAX_CONCURRENCY, 0.0, limit
        rate = self.rate(now)
        if rate.interval_s or rate.next_at:
            wait_s = rate.wait_s(now)
            by_rate = rate.within(0.0, now, MAX_CONCURRENCY) if wait_s == 0 else 0
            # One call that may start within SOON_S is claimed early: the drain waits for its instant.
            claimable = max(rate.within(AHEAD_S, now, limit), int(wait_s <= SOON_S))
        if self.circuit.stage is not CircuitState.CLOSED:
            return Slots(free, by_rate, wait_s, min(claimable, free[LIVE]))
        return Slots(free, by_rate, wait_s, claimable, self.max_batch, self.digest)

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

    def reserved(self, now: datetime, deliveries: int) -> Capacity:
        """As if the calls for that many deliveries had started."""
        return self.started(now, math.ceil(deliveries / self.max_batch))

    def record_outcome(self, signal: Signal, now: datetime, jitter: float) -> Capacity:
        """After a call with this result.  ``jitter`` in [-1, 1]."""
        circuit = self.circuit.record_outcome(signal, now, jitter)
        return self if circuit is self.circuit else replace(self, circuit=circuit)

    def columns(self) -> dict[str, Any]:
        """What is stored in the destination's row."""
        return circuit_columns(self.circuit) | {"paced_until": self.next_at}
