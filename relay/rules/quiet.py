"""Quiet hours: times of the day, in a time zone, in which only critical alerts are sent."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


def ends_at(now: datetime, start: str, end: str, timezone: str) -> datetime | None:
    """When the quiet hours that ``now`` is in end; None outside of them.

    ``start`` and ``end`` are times such as ``22:00`` on the clock of ``timezone``; empty ones mean that
    there are no quiet hours.  They may lie on both sides of midnight.
    """
    if not start or not end or start == end:
        return None
    local = now.astimezone(ZoneInfo(timezone))
    at, first, last = local.strftime("%H:%M"), start, end
    is_quiet = first <= at < last if first < last else at >= first or at < last
    if not is_quiet:
        return None
    day = local.date() + timedelta(days=1 if at >= last else 0)
    on_the_clock = datetime.combine(day, time.fromisoformat(end), local.tzinfo)
    found = on_the_clock.astimezone(UTC)
    # When the clock is set back, the end comes twice: after the first one, it is the second one.
    return found if found > now else on_the_clock.replace(fold=1).astimezone(UTC)
