"""Which backups are kept: the newest of each day and of each week, as many as are wanted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime


def kept(times: Iterable[datetime], daily: int, weekly: int) -> set[datetime]:
    """Those of ``times`` to keep.  The newest is always kept.

    Days and weeks without a backup do not count, so nothing is removed while no backup is made.
    """
    newest_first = sorted(times, reverse=True)
    keep = set(newest_first[:1])
    for wanted, period in ((daily, _day), (weekly, _week)):
        newest_of: dict[tuple[int, ...], datetime] = {}
        for time in newest_first:
            newest_of.setdefault(period(time), time)
        keep |= set(list(newest_of.values())[:wanted])
    return keep


def _day(time: datetime) -> tuple[int, ...]:
    return (time.year, time.month, time.day)


def _week(time: datetime) -> tuple[int, ...]:
    return tuple(time.isocalendar()[:2])
