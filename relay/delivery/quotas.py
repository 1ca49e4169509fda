"""Store the quotas that services report: one row for each."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from relay import database
from relay.destinations.base import ReportedQuota
from relay.models import Quota
from relay.rules.quota import QuotaReading


def reading_of(row: Quota | Any) -> QuotaReading:
    return QuotaReading(row.limit, row.remaining, row.read_at, row.resets_at, row.per_s)


def record_quotas(
    connection: Connection, destination_id: int, quotas: Collection[ReportedQuota], now: datetime
) -> None:
    """Store the newest readings and how fast each quota is used up.  The caller commits."""
    if not quotas:
        return
    rows = connection.execute(
        select(Quota.__table__).where(Quota.destination_id == destination_id)
    ).all()
    known = {row.name: reading_of(row) for row in rows}
    for quota in quotas:
        fresh = QuotaReading(quota.limit, quota.remaining, now, quota.resets_at)
        read = known[quota.name].then(fresh) if quota.name in known else fresh
        values = {
            "label": quota.label[:80],
            "limit": read.limit,
            "remaining": read.remaining,
            "resets_at": read.resets_at,
            "read_at": read.read_at,
            "per_s": read.per_s,
        }
        connection.execute(
            database.upsert(connection, Quota)
            .values(destination_id=destination_id, name=quota.name[:40], **values)
            .on_conflict_do_update(index_elements=["destination_id", "name"], set_=values)
        )
