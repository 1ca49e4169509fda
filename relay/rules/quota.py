"""When an allowance will be used up, at the pace of the last minutes.

Pure: the standard library only; the time is an argument.  The pace is an average in which what lies
ten minutes back counts a third of what is happening now.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

MEMORY_S = 600.0


@dataclass(frozen=True)
class QuotaReading:
    """What was left of an allowance of ``limit`` at ``read_at``; ``per_s`` is how fast it goes down."""

    limit: int
    remaining: int
    read_at: datetime
    resets_at: datetime | None = None
    per_s: float = 0.0

    def then(self, later: QuotaReading) -> QuotaReading:
        """The later reading, with the pace that both tell; an allowance that is whole again tells none."""
        passed = (later.read_at - self.read_at).total_seconds()
        used = self.remaining - later.remaining
        if passed <= 0 or used < 0:
            per_s = self.per_s
        else:
            kept = math.exp(-passed / MEMORY_S)
            per_s = self.per_s * kept + used / passed * (1 - kept)
        return QuotaReading(later.limit, later.remaining, later.read_at, later.resets_at, per_s)

    @property
    def share(self) -> float:
        """How much is left, from 0 to 1."""
        return min(1.0, max(0.0, self.remaining / self.limit)) if self.limit > 0 else 0.0

    def is_over(self, now: datetime) -> bool:
        """Whether this reading's window has passed, so that it says nothing about now."""
        return self.resets_at is not None and self.resets_at <= now

    def empties_at(self, now: datetime) -> datetime | None:
        """When nothing will be left, if that comes before the allowance is whole again."""
        if self.is_over(now):
            return None
        if self.remaining <= 0:
            return now
        idle = max(0.0, (now - self.read_at).total_seconds())
        per_s = self.per_s * math.exp(-idle / MEMORY_S)
        if per_s <= 0:
            return None
        seconds = self.remaining / per_s
        if seconds > 2 * 86400:
            return None
        empty = now + timedelta(seconds=seconds)
        return empty if self.resets_at is None or empty < self.resets_at else None


def clears_at(waiting: int, interval_s: float, now: datetime) -> datetime | None:
    """When what waits will have been sent, at one call in ``interval_s``; None without a pace."""
    return now + timedelta(seconds=waiting * interval_s) if waiting and interval_s else None
