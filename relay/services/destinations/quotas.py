"""The weather of allowances: what services said is left, and when it will be used up at this pace."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from relay.delivery.quotas import reading_of
from relay.models import Destination, Quota, db
from relay.rules.quota import QuotaReading, clears_at
from relay.rules.rate import interval_of
from relay.services.sources import keys

CLEARS_SOON_S = 60.0  # what is sent within a minute is nobody's worry


@dataclass(frozen=True)
class QuotaStatus:
    """One allowance as it is shown; ``stale`` where its window has passed since."""

    label: str
    reading: QuotaReading
    empties_at: datetime | None
    stale: bool

    @property
    def percent(self) -> int:
        return round(self.reading.share * 100)


def quotas_of(destination: Destination) -> list[QuotaStatus]:
    """What the service said last of each allowance, the longest first."""
    now = keys.database_now()
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
    """A sentence where an allowance runs out, or where ``waiting`` ones take long; else nothing."""
    now = keys.database_now()
    ends = [one.empties_at for one in quotas_of(destination) if one.empties_at is not None]
    interval = interval_of(destination.rate_count, destination.rate_unit)
    return forecast(
        destination.name, min(ends, default=None), clears_at(waiting, interval, now), now
    )


def forecast(
    name: str, empties_at: datetime | None, clears_at: datetime | None, now: datetime
) -> str:
    """``At this pace HubSpot stops at 16:40 UTC.``"""
    if empties_at is not None:
        if empties_at <= now:
            return f"{name} takes no more calls for now: the allowance is used up."
        return (
            f"At this pace {name} stops at {moment(empties_at, now)}: its allowance is used up then. "
            "What comes after that waits, and nothing is lost."
        )
    if clears_at is not None and (clears_at - now).total_seconds() > CLEARS_SOON_S:
        return f"At this destination's pace all that waits is sent by {moment(clears_at, now)}."
    return ""


def moment(instant: datetime, now: datetime) -> str:
    """``16:40 UTC``, or with its day where that is not today."""
    return instant.strftime("%H:%M UTC" if instant.date() == now.date() else "%d %b, %H:%M UTC")
