"""The quota forecast: when a quota will be used up, at the usage of the last minutes.

Pure: standard library only; the time is an argument.  The usage is a moving average: what happened
ten minutes ago counts a third of what happens now.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

MEMORY_S = 600.0


@dataclass(frozen=True)
class QuotaReading:
    """What was left of a quota of ``limit`` at ``read_at``; ``per_s`` is the usage per second."""

    limit: int
    remaining: int
    read_at: datetime
    resets_at: datetime | None = None
    per_s: float = 0.0

    def then(self, later: QuotaReading) -> QuotaReading:
        """The later reading, with the usage between both.  After a reset the usage stays as it was."""
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
        """The fraction that is left, from 0 to 1."""
        return min(1.0, max(0.0, self.remaining / self.limit)) if self.limit > 0 else 0.0

    def is_over(self, now: datetime) -> bool:
        """Whether the quota has been reset since this reading, so it says nothing about now."""
        return self.resets_at is not None and self.resets_at <= now

    def empties_at(self, now: datetime) -> datetime | None:
        """When nothing will be left, if that is before the quota resets."""
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
    """When all that waits will have been sent at one call per ``interval_s``; None without a limit."""
    return now + timedelta(seconds=waiting * interval_s) if waiting and interval_s else None
