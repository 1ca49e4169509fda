"""The command palette: pages, sites, destinations and events by a few letters, an id or an e-mail address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Flask, request, url_for

from relay.dashboard import guard, htmx, privacy
from relay.dashboard.events import subject
from relay.dashboard.filters import type_icon, type_words
from relay.destinations import KINDS
from relay.i18n import N_, _
from relay.mapping.people import email_in
from relay.services import finding

blueprint = Blueprint("finder", __name__, url_prefix="/find")
# (endpoint, label, icon) of the menu, and further words that lead to the page
PAGES = (
    ("overview.page", N_("Overview"), "home", "home start"),
    ("sources.list_page", N_("Sites"), "world", "wordpress shops keys"),
    ("destinations.list_page", N_("Destinations"), "send", "slack hubspot webhook"),
    ("events.list_page", N_("Events"), "list-details", "log search"),
    ("traffic.page", N_("Traffic"), "chart-line", "charts flow day"),
    (
        "dead_letters.list_page",
        N_("Failed deliveries"),
        "mail-exclamation",
        "errors dead letters resend",
    ),
    ("alerts.list_page", N_("Alerts"), "bell", "notifications"),
    ("replays.list_page", N_("Resends"), "refresh", "replays send again"),
    ("ledger.page", N_("Ledger"), "calculator", "counts report"),
    ("ai.page", N_("AI steps"), "sparkles", "cost openai"),
    ("people.page", N_("Find a person"), "user-search", "erase privacy gdpr e-mail"),
    ("health.page", N_("Health"), "stethoscope", "status doctor"),
    ("team.list_page", N_("Team"), "users", "people invite roles"),
    ("audit.list_page", N_("Audit log"), "history", "changes who"),
    (
        "settings.page",
        N_("Settings"),
        "settings",
        "retention backup mail public url metrics version",
    ),
)
MORE_PAGES = (
    ("sources.new_page", N_("Connect a site"), "plus", "new add"),
    ("destinations.new_page", N_("Add a destination"), "plus", "new connect"),
    ("dead_letters.table_page", N_("Failed deliveries: list view"), "list", "errors"),
    ("alert_rules.page", N_("Alert rules"), "bell", "thresholds mute"),
    ("alert_channels.list_page", N_("Alert channels"), "bell", "notifications"),
    ("team.invite_page", N_("Invite a user"), "users", "team add"),
    ("account.page", N_("My account"), "user", "password time zone"),
    ("second_factor.page", N_("Second factor"), "shield-check", "authenticator passkey"),
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
        (_("Pages"), _pages(text)),
        (
            _("Sites"),
            [
                Hit(url_for("sources.detail", slug=one.slug), one.name, "world", one.url)
                for one in found.sources
            ],
        ),
        (
            _("Destinations"),
            [
                Hit(
                    url_for("destinations.detail", destination_id=one.id),
                    one.name,
                    KINDS[one.kind].icon if one.kind in KINDS else "send",
                    _(KINDS[one.kind].name) if one.kind in KINDS else one.kind,
                )
                for one in found.destinations
            ],
        ),
        (_("Events"), events),
        (_("Search"), _searches(text)),
    ]
    allowed = [(title, [hit for hit in hits if guard.may_open(hit.url)]) for title, hits in groups]
    return [(title, hits) for title, hits in allowed if hits]


def _pages(text: str) -> list[Hit]:
    words = text.lower().split()
    pages = PAGES if not words else (*PAGES, *MORE_PAGES)
    return [
        Hit(url_for(endpoint), _(label), icon)
        for endpoint, label, icon, more in pages
        if all(word in f"{label} {_(label)} {more}".lower() for word in words)
    ]


def _searches(text: str) -> list[Hit]:
    """The pages that go on with the search."""
    if len(text) < finding.SHORTEST:
        return []
    hits = [
        Hit(
            url_for("events.list_page", text=text),
            _("Search all events for “%(text)s”", text=text),
            "search",
        ),
        Hit(
            url_for("dead_letters.table_page", text=text),
            _("Search failed deliveries for “%(text)s”", text=text),
            "search",
        ),
    ]
    if email_in(text) == text:
        hits.append(
            Hit(url_for("people.page"), _("Find a person by e-mail address"), "user-search")
        )
    return hits


def init_app(app: Flask) -> None:
    app.jinja_env.globals["menu_pages"] = [page[:3] for page in PAGES]
