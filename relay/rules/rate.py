"""The rate limit: calls are spread evenly, so 60 per minute is one each second.

Pure: standard library only; the time is an argument.  This is the generic cell rate algorithm
without a burst (ITU-T I.371).  Its only state is the earliest instant of the next call.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from relay.i18n import N_

MAX_CONCURRENCY = 64  # calls to one destination at the same time
UNITS = {N_("second"): 1.0, N_("minute"): 60.0, N_("hour"): 3600.0}


def interval_of(count: int | None, unit: str | None) -> float:
    """Seconds between calls at ``count`` calls per ``unit``; 0 without a limit."""
    return UNITS[unit] / count if count and unit else 0.0


@dataclass(frozen=True)
class RateLimit:
    """``interval_s`` is the time between two calls, ``next_at`` the earliest instant of the next."""

    interval_s: float = 0.0
    next_at: datetime | None = None

    def wait_s(self, now: datetime) -> float:
        """Seconds until a call may start."""
        if self.next_at is None or self.next_at <= now:
            return 0.0
        return (self.next_at - now).total_seconds()

    def after(self, calls: int, now: datetime) -> RateLimit:
        """The rate limit after that many calls, the first of them as early as allowed."""
        if not self.interval_s or not calls:
            return self
        begin = now if self.next_at is None else max(now, self.next_at)
        return replace(self, next_at=begin + timedelta(seconds=self.interval_s * calls))

    def within(self, seconds: float, now: datetime, limit: int) -> int:
        """How many calls may start in the next ``seconds``, at most ``limit``."""
        if not self.interval_s:
            return limit
        free = seconds - self.wait_s(now)
        return 0 if free < 0 else min(limit, int(free / self.interval_s) + 1)
