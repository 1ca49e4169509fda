"""The command palette: pages, sites, destinations and events by a few letters, an id or an e-mail address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Flask, request, url_for

from relay.dashboard import guard, htmx, privacy
from relay.dashboard.events import subject
from relay.dashboard.filters import type_icon, type_words
from relay.destinations import KINDS
from relay.mapping.people import email_in
from relay.services import finding

blueprint = Blueprint("finder", __name__, url_prefix="/find")
# (endpoint, label, icon) of the menu, and further words that lead to the page
PAGES = (
    ("overview.page", "Overview", "home", "home start"),
    ("sources.list_page", "Sites", "world", "wordpress shops keys"),
    ("destinations.list_page", "Destinations", "send", "slack hubspot webhook"),
    ("events.list_page", "Events", "list-details", "log search"),
    ("traffic.page", "Traffic", "chart-line", "charts flow day"),
    (
        "dead_letters.list_page",
        "Failed deliveries",
        "mail-exclamation",
        "errors dead letters resend",
    ),
    ("alerts.list_page", "Alerts", "bell", "notifications"),
    ("replays.list_page", "Resends", "refresh", "replays send again"),
    ("ledger.page", "Ledger", "calculator", "counts report"),
    ("ai.page", "AI steps", "sparkles", "cost openai"),
    ("people.page", "Find a person", "user-search", "erase privacy gdpr e-mail"),
    ("health.page", "Health", "stethoscope", "status doctor"),
    ("team.list_page", "Team", "users", "people invite roles"),
    ("audit.list_page", "Audit log", "history", "changes who"),
    ("settings.page", "Settings", "settings", "retention backup mail public url metrics version"),
)
MORE_PAGES = (
    ("sources.new_page", "Connect a site", "plus", "new add"),
    ("destinations.new_page", "Add a destination", "plus", "new connect"),
    ("dead_letters.table_page", "Failed deliveries: list view", "list", "errors"),
    ("alert_rules.page", "Alert rules", "bell", "thresholds mute"),
    ("alert_channels.list_page", "Alert channels", "bell", "notifications"),
    ("team.invite_page", "Invite a user", "users", "team add"),
    ("account.page", "My account", "user", "password time zone"),
    ("second_factor.page", "Second factor", "shield-check", "authenticator passkey"),
)


@dataclass(frozen=True)
class Hit:
    url: str
    label: str
    icon: str
    note: str = ""


@blueprint.get("")
@guard.requires("viewer", limited=True, replica=True)
def page() -> Any:
    text = request.args.get("q", "")[:200].strip()
    return htmx.respond(
        "finder/page.html", "finder/_results.html", text=text, groups=_groups(text), q=text
    )


def _groups(text: str) -> list[tuple[str, list[Hit]]]:
    """Under their headings; only what the person may open."""
    found = finding.find(text, anywhere=not privacy.is_masked())
    events = [
        Hit(
            url_for("events.detail", event_id=one.id),
            subject(one) or type_words(one.event_type),
            type_icon(one.event_type),
            f"{type_words(one.event_type)}, {one.source.name}",
        )
        for one in found.events
    ]
    groups = [
        ("Pages", _pages(text)),
        (
            "Sites",
            [
                Hit(url_for("sources.detail", slug=one.slug), one.name, "world", one.url)
                for one in found.sources
            ],
        ),
        (
            "Destinations",
            [
                Hit(
                    url_for("destinations.detail", destination_id=one.id),
                    one.name,
                    KINDS[one.kind].icon if one.kind in KINDS else "send",
                    KINDS[one.kind].name if one.kind in KINDS else one.kind,
                )
                for one in found.destinations
            ],
        ),
        ("Events", events),
        ("Search", _searches(text)),
    ]
    allowed = [(title, [hit for hit in hits if guard.may_open(hit.url)]) for title, hits in groups]
    return [(title, hits) for title, hits in allowed if hits]


def _pages(text: str) -> list[Hit]:
    words = text.lower().split()
    pages = PAGES if not words else (*PAGES, *MORE_PAGES)
    return [
        Hit(url_for(endpoint), label, icon)
        for endpoint, label, icon, more in pages
        if all(word in f"{label} {more}".lower() for word in words)
    ]


def _searches(text: str) -> list[Hit]:
    """The pages that go on with the search."""
    if len(text) < finding.SHORTEST:
        return []
    hits = [
        Hit(url_for("events.list_page", text=text), f"Search all events for “{text}”", "search"),
        Hit(
            url_for("dead_letters.table_page", text=text),
            f"Search failed deliveries for “{text}”",
            "search",
        ),
    ]
    if email_in(text) == text:
        hits.append(Hit(url_for("people.page"), "Find a person by e-mail address", "user-search"))
    return hits


def init_app(app: Flask) -> None:
    app.jinja_env.globals["menu_pages"] = [page[:3] for page in PAGES]
