"""What calls came to, gathered so that many are written in one commit."""

from __future__ import annotations

import time
from collections.abc import Mapping

from sqlalchemy import Connection

from relay.delivery import gate
from relay.delivery.attempt.outcome import DeliveryResult, write_results
from relay.delivery.claim import DatabaseClock
from relay.delivery.quotas import record_quotas
from relay.destinations.base import ReportedQuota
from relay.rules.lifecycle import Held, Signal

MANY = 25
GATHER_S = 0.03


class Results:
    """Of one drain.  Kept until ``written``: a database that is away loses none of them."""

    def __init__(self, destination_id: int):
        self.destination_id = destination_id
        self.waiting: list[DeliveryResult] = []
        self.lessons: list[Held] = []
        self.quotas: dict[str, ReportedQuota] = {}
        self.written_at = time.monotonic()

    def __len__(self) -> int:
        return len(self.waiting)

    def add(self, result: DeliveryResult) -> None:
        self.waiting.append(result)

    def hold(self, lesson: Held) -> None:
        """The destination as a whole is to be held, for another reason than a single answer."""
        self.lessons.append(lesson)

    def read(self, quotas: Mapping[str, ReportedQuota]) -> None:
        """What an answer told of the service's allowances; the newest counts."""
        self.quotas |= quotas

    @property
    def are_ripe(self) -> bool:
        late = time.monotonic() - self.written_at > GATHER_S
        return bool(self.waiting) and (late or len(self.waiting) >= MANY)

    def write(self, connection: Connection, clock: DatabaseClock) -> Held | None:
        """Record all of it, and take its lessons.  -> the first hold.  The caller commits."""
        write_results(connection, self.waiting, clock.now())
        taught: list[Signal] = [one.signal for one in self.waiting if one.attempt and one.was_made]
        held = [
            gate.apply_hold(connection, self.destination_id, signal, clock.now())
            for signal in dict.fromkeys([*taught, *self.lessons])
        ]
        record_quotas(connection, self.destination_id, self.quotas.values(), clock.now())
        return next(filter(None, held), None)

    def written(self) -> None:
        """The commit has happened."""
        self.waiting, self.lessons, self.quotas = [], [], {}
        self.written_at = time.monotonic()
