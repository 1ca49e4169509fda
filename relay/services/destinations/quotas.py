"""Quotas of destinations: what is left, and when it runs out at the current rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from relay.delivery.quotas import reading_of
from relay.i18n import _
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


def quotas_of(destination_ids: Sequence[int], now: datetime) -> dict[int, list[QuotaStatus]]:
    """The quotas of each destination as the service last reported them, the largest first."""
    rows = db.session.scalars(
        select(Quota).where(Quota.destination_id.in_(destination_ids)).order_by(Quota.name)
    )
    found: dict[int, list[QuotaStatus]] = {number: [] for number in destination_ids}
    for row in rows:
        reading = reading_of(row)
        found[row.destination_id].append(
            QuotaStatus(row.label, reading, reading.empties_at(now), reading.is_over(now))
        )
    return {
        number: sorted(quotas, key=lambda quota: -quota.reading.limit)
        for number, quotas in found.items()
    }


def warning_of(
    destination: Destination, quotas: Sequence[QuotaStatus], now: datetime, waiting: int = 0
) -> str:
    """A sentence where a quota runs out, or where ``waiting`` deliveries take long; else nothing."""
    ends = [quota.empties_at for quota in quotas if quota.empties_at is not None]
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
            return _("%(name)s accepts no more calls for now: the quota is used up.", name=name)
        return _(
            "At this rate, %(name)s accepts no more calls from %(moment)s: its quota is "
            "used up then. Later deliveries wait, and nothing is lost.",
            name=name,
            moment=moment(empties_at, now),
        )
    if clears_at is not None and (clears_at - now).total_seconds() > CLEARS_SOON_S:
        return _(
            "At this destination's rate limit, all pending deliveries are sent by %(moment)s.",
            moment=moment(clears_at, now),
        )
    return ""


def moment(instant: datetime, now: datetime) -> str:
    """``16:40 UTC``, with the day if it is not today."""
    return instant.strftime("%H:%M UTC" if instant.date() == now.date() else "%d %b, %H:%M UTC")
