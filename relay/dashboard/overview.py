"""The overview: today's figures, and what needs attention."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from relay import database
from relay.dashboard import guard, htmx, navigation, traffic
from relay.dashboard.attention import attention_list, slugs_of
from relay.models import db
from relay.services import events, first_steps, overview
from relay.services.alerts import listing, rule_status
from relay.services.dead_letters import causes
from relay.services.destinations import settings as destination_settings
from relay.services.sources import settings as source_settings

blueprint = Blueprint("overview", __name__)


@blueprint.get("/")
@guard.requires("viewer", limited=True, replica=True)
def page() -> Any:
    now = database.now(db.session)
    figures = overview.load_figures(now, limited=not guard.signed_in().sees_all_sites)
    alerts = listing.open_now()
    fresh = sum(listing.needs_attention(one, now) for one in alerts)
    navigation.remember_counts(figures.dead, fresh)
    destinations = destination_settings.destinations_in_use()
    sites = source_settings.sources_with_last_event()
    shown_causes = causes.list_causes()[:3]
    watched = slugs_of(rule_status.subjects_of("silent_site"))
    return htmx.respond(
        "overview/page.html",
        "overview/_live.html",
        figures=figures,
        newest=events.newest_events(8),
        state_of=events.state_of,
        attention=attention_list(alerts, destinations, shown_causes, sites, watched, now),
        other_failed=figures.dead > sum(cause.count for cause in shown_causes),
        first_steps=first_steps.current() if guard.signed_in().may("admin") else None,
        has_source=bool(sites),
        has_destination=bool(destinations),
        **({} if htmx.wants_fragment() else traffic.overview_context(now)),
    )
