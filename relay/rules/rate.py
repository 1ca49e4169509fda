"""Calls are spread evenly: sixty a minute are one each second.

Pure: the standard library only; the time is an argument.  The generic cell rate algorithm without a
burst (ITU-T I.371): one instant says all, the earliest one for the next call.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

MAX_CONCURRENCY = 64  # calls of one destination at the same time
UNITS = {"second": 1.0, "minute": 60.0, "hour": 3600.0}


def interval_of(count: int | None, unit: str | None) -> float:
    """Seconds from call to call at ``count`` calls per ``unit``; 0 where there is no limit."""
    return UNITS[unit] / count if count and unit else 0.0


@dataclass(frozen=True)
class RateLimit:
    """``interval_s`` from call to call, ``next_at`` the earliest instant of the next one."""

    interval_s: float = 0.0
    next_at: datetime | None = None

    def wait_s(self, now: datetime) -> float:
        """Seconds until a call may start."""
        if self.next_at is None or self.next_at <= now:
            return 0.0
        return (self.next_at - now).total_seconds()

    def after(self, calls: int, now: datetime) -> RateLimit:
        """The pace after that many calls, the first of them as soon as it may."""
        if not self.interval_s or not calls:
            return self
        begin = now if self.next_at is None else max(now, self.next_at)
        return replace(self, next_at=begin + timedelta(seconds=self.interval_s * calls))

    def within(self, seconds: float, now: datetime, most: int) -> int:
        """How many calls may start in the next ``seconds``, at most ``most``."""
        if not self.interval_s:
            return most
        free = seconds - self.wait_s(now)
        return 0 if free < 0 else min(most, int(free / self.interval_s) + 1)
