"""The overview: today's figures, and what needs attention."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint

from relay import database
from relay.dashboard import dead_letter_filter, guard, htmx
from relay.models import Source, db
from relay.rules.states import DestinationState
from relay.services import alerts, events, overview
from relay.services.dead_letters import causes
from relay.services.destinations import quotas
from relay.services.destinations import settings as destination_settings
from relay.services.sources import settings as source_settings

blueprint = Blueprint("overview", __name__)
SILENT = timedelta(days=7)


@blueprint.get("/")
@guard.requires("viewer")
def page() -> Any:
    figures = overview.figures()
    destinations = destination_settings.list_destinations().items
    sites = source_settings.list_sources().items
    return htmx.respond(
        "overview/page.html",
        "overview/_live.html",
        figures=figures,
        busiest=max((count for _, count in figures.per_hour), default=0),
        newest=events.list_events(limit=8).items,
        state_of=events.state_of,
        paused=[
            destination
            for destination in destinations
            if destination.state == DestinationState.PAUSED
        ],
        causes=causes.list_causes()[:3],
        address=dead_letter_filter.address,
        alerts=alerts.open_alerts(unseen=True),
        quota_warnings=[
            (destination, warning)
            for destination in destinations
            if (warning := quotas.warning_of(destination))
        ],
        silent=silent_sites(sites),
        has_source=bool(sites),
        has_destination=bool(destinations),
    )


def silent_sites(sites: list[Source]) -> list[tuple[Source, datetime | None]]:
    """Up to three sites that sent no event for a week, or none at all, with the time of their last event."""
    last = source_settings.last_events([site.id for site in sites])
    since = database.now(db.session) - SILENT
    pairs = [(site, last.get(site.id)) for site in sites]
    return [(site, at) for site, at in pairs if at is None or at < since][:3]
