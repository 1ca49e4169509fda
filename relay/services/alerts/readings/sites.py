"""What the rules about sites see: silence, rejected requests, old keys, clocks, waiting events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import select

from relay.models import SiteReport, Source
from relay.rules.alerts import Reading
from relay.rules.states import SourceState
from relay.services.alerts.readings import (
    Context,
    ObservedSite,
    key_handovers,
    rejected_requests,
    silent_sites,
    site_clocks,
    site_keys,
    waiting_events,
)

READ_RULES = (
    silent_sites.RULE,
    rejected_requests.RULE,
    site_keys.RULE,
    *key_handovers.RULES,
    site_clocks.RULE,
    waiting_events.RULE,
)


def read(context: Context) -> Iterator[Reading]:
    """Every site in use; a removed one gives no reading.

    The number of statements does not depend on the number of sites.
    """
    sites = _sites(context)
    if not sites:
        return
    yield from silent_sites.read(context, sites)
    yield from rejected_requests.read(context, sites)
    yield from site_keys.read(context, sites)
    yield from key_handovers.read(context, sites)
    reports = _newest_reports(context)
    yield from site_clocks.read(context, sites, reports)
    yield from waiting_events.read(context, sites, reports)


def _sites(context: Context) -> Mapping[int, ObservedSite]:
    found = context.connection.execute(
        select(Source.id, Source.slug, Source.name).where(Source.state == SourceState.ACTIVE)
    )
    return {row.id: ObservedSite(row.slug, row.name) for row in found}


def _newest_reports(context: Context) -> Sequence[Any]:
    """The newest daily report of each site: one step in an index per site."""
    newest = (
        select(SiteReport.id)
        .where(SiteReport.source_id == Source.id)
        .order_by(SiteReport.day.desc(), SiteReport.until.desc())
        .limit(1)
        .correlate(Source)
        .scalar_subquery()
    )
    ids = select(newest.label("id")).where(Source.state == SourceState.ACTIVE).subquery()
    return context.connection.execute(
        select(SiteReport.__table__).join(ids, ids.c.id == SiteReport.id)
    ).all()
