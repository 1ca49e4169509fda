"""The first room: how it goes, and what needs somebody."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from relay.dashboard import guard, htmx
from relay.services import dead_letters, destinations, events, overview, sources

blueprint = Blueprint("overview", __name__)


@blueprint.get("/")
@guard.requires("viewer")
def page() -> Any:
    figures = overview.figures()
    places = destinations.list_destinations().items
    return htmx.respond(
        "overview/page.html",
        "overview/_live.html",
        figures=figures,
        busiest=max((count for _, count in figures.per_hour), default=0),
        newest=events.list_events(limit=8).items,
        state_of=events.state_of,
        paused=[one for one in places if one.state == "paused"],
        letters=dead_letters.list_open(limit=3).items,
        has_source=sources.list_sources(limit=1).total > 0,
        has_destination=bool(places),
    )
