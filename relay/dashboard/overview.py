"""The overview: today's figures, and what needs attention."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint

from relay import database
from relay.dashboard import dead_letter_filter, guard, htmx, navigation, throttling
from relay.models import Source, db
from relay.rules.status import Status
from relay.services import events, overview
from relay.services.alerts import state as alerts
from relay.services.dead_letters import causes
from relay.services.destinations import quotas
from relay.services.destinations import settings as destination_settings
from relay.services.sources import settings as source_settings

blueprint = Blueprint("overview", __name__)
SILENT = timedelta(days=7)
NOT_RESPONDING = (Status.CIRCUIT_OPEN, Status.PROBING)


@blueprint.get("/")
@guard.requires("viewer")
def page() -> Any:
    now = database.now(db.session)
    figures = overview.load_figures(now)
    navigation.remember_failed_count(figures.dead)
    destinations = destination_settings.destinations_in_use()
    allowances = quotas.quotas_of([one.id for one in destinations], now)
    warnings = [
        (destination, quotas.warning_of(destination, allowances[destination.id], now))
        for destination in destinations
    ]
    status = {one.id: throttling.status_of(one, now) for one in destinations}
    sites = source_settings.sources_with_last_event()
    return htmx.respond(
        "overview/page.html",
        "overview/_live.html",
        figures=figures,
        busiest=max((count for _, count in figures.per_hour), default=0),
        newest=events.newest_events(8),
        state_of=events.state_of,
        paused=[one for one in destinations if status[one.id] == Status.PAUSED],
        failing=[one for one in destinations if status[one.id] in NOT_RESPONDING],
        causes=causes.list_causes()[:3],
        address=dead_letter_filter.address,
        alerts=alerts.open_alerts(unseen=True),
        quota_warnings=[(one, sentence) for one, sentence in warnings if sentence],
        silent=silent_sites(sites, now),
        has_source=bool(sites),
        has_destination=bool(destinations),
    )


def silent_sites(
    sites: list[tuple[Source, datetime | None]], now: datetime
) -> list[tuple[Source, datetime | None]]:
    """Up to three sites that sent no event for a week, or none at all, with the time of their last event."""
    return [(site, at) for site, at in sites if at is None or at < now - SILENT][:3]
