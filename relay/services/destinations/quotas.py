"""Quotas of destinations: what is left, and when it runs out at the current rate."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from relay import database
from relay.delivery.quotas import reading_of
from relay.models import Destination, Quota, db
from relay.rules.quota import QuotaReading, clears_at
from relay.rules.rate import interval_of

CLEARS_SOON_S = 60.0  # a backlog shorter than a minute needs no sentence


@dataclass(frozen=True)
class QuotaStatus:
    """One quota for display; ``stale`` if its window has ended since."""

    label: str
    reading: QuotaReading
    empties_at: datetime | None
    stale: bool

    @property
    def percent(self) -> int:
        return round(self.reading.share * 100)


def quotas_of(destination: Destination) -> list[QuotaStatus]:
    """The last reported value of each quota, the longest window first."""
    now = database.now(db.session)
    rows = db.session.scalars(
        select(Quota).where(Quota.destination_id == destination.id).order_by(Quota.name)
    )
    shown = [
        QuotaStatus(row.label, one, one.empties_at(now), one.is_over(now))
        for row in rows
        for one in [reading_of(row)]
    ]
    return sorted(shown, key=lambda one: -one.reading.limit)


def warning_of(destination: Destination, waiting: int = 0) -> str:
    """A sentence if a quota runs out or if ``waiting`` deliveries take long; else empty."""
    now = database.now(db.session)
    ends = [one.empties_at for one in quotas_of(destination) if one.empties_at is not None]
    interval = interval_of(destination.rate_count, destination.rate_unit)
    return forecast(
        destination.name, min(ends, default=None), clears_at(waiting, interval, now), now
    )


def forecast(
    name: str, empties_at: datetime | None, clears_at: datetime | None, now: datetime
) -> str:
    """``At this rate, HubSpot accepts no more calls from 16:40 UTC.``"""
    if empties_at is not None:
        if empties_at <= now:
            return f"{name} accepts no more calls for now: the quota is used up."
        return (
            f"At this rate, {name} accepts no more calls from {moment(empties_at, now)}: its quota is used up "
            "then. Later deliveries wait, and nothing is lost."
        )
    if clears_at is not None and (clears_at - now).total_seconds() > CLEARS_SOON_S:
        return f"At this destination's rate limit, everything that waits is sent by {moment(clears_at, now)}."
    return ""


def moment(instant: datetime, now: datetime) -> str:
    """``16:40 UTC``, with the day if it is not today."""
    return instant.strftime("%H:%M UTC" if instant.date() == now.date() else "%d %b, %H:%M UTC")
