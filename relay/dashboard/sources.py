"""Sites: connect one in three steps, its keys, from where it may send, what was refused."""

from __future__ import annotations

import io
from typing import Any

from flask import Blueprint, Response, current_app, render_template, request, send_file, url_for

from relay.dashboard import forms, guard, htmx
from relay.errors import Invalid
from relay.event_types import TEST
from relay.models import Source
from relay.services import events
from relay.services.ledger.reading import two_days
from relay.services.sources import keys, plugin
from relay.services.sources import settings as source_settings

blueprint = Blueprint("sources", __name__, url_prefix="/sources")
NAME = forms.Field(
    "name", "Name", required=True, placeholder="My shop", help="As you call the site."
)
URL = forms.Field(
    "url", "Address of the site", "url", required=True, placeholder="https://shop.example.com"
)
PER_MINUTE = forms.Field(
    "per_minute",
    "Most events a minute",
    "number",
    low=0,
    help="0 means no limit. Above it the site is told to wait; its plugin sends later.",
)
WINDOWS = (
    ("24h", "1 day"),
    ("0", "not at all"),
    ("1h", "1 hour"),
    ("7d", "7 days"),
    ("30d", "30 days"),
)


def endpoint(slug: str) -> str:
    config = current_app.extensions["relay_config"]
    return source_settings.endpoint_of(slug, config, request.host_url)


@blueprint.get("")
@guard.requires("viewer")
def list_page() -> Any:
    page = source_settings.list_sources(100, forms.page_after())
    return htmx.respond(
        "sources/page.html",
        "sources/_table.html",
        page=page,
        url=url_for("sources.list_page"),
        last=source_settings.last_events([one.id for one in page.items]),
    )


@blueprint.get("/new")
@guard.requires("admin")
def new_page() -> str:
    return _new_form()


def _new_form(errors: dict[str, list[str]] | None = None) -> str:
    return render_template(
        "sources/new.html", fields=(NAME, URL), values=forms.posted(), errors=errors or {}
    )


@blueprint.post("/new")
@guard.requires("admin")
def create() -> Any:
    """The secret is in this one answer and nowhere else."""
    try:
        source, key, secret = source_settings.create_source(
            forms.text("name"), forms.text("url"), guard.current_by()
        )
    except Invalid as exc:
        return _new_form(exc.reasons), 422
    return render_template(
        "sources/connect.html",
        source=source,
        key=key,
        secret=secret,
        endpoint=endpoint(source.slug),
        first=None,
        refused=None,
    )


@blueprint.get("/plugin.zip")
@guard.requires("viewer")
def plugin_zip() -> Response:
    return send_file(
        io.BytesIO(plugin.make_zip()),
        mimetype="application/zip",
        as_attachment=True,
        download_name="relay-connector.zip",
    )


@blueprint.get("/<slug>/waiting")
@guard.requires("viewer")
def waiting(slug: str) -> Any:
    """Step three by itself: turns green with the first event and then asks no more."""
    source = source_settings.find_source(slug)
    found = events.list_events(events.EventFilter(source=slug), limit=1).items
    refused = source_settings.list_rejections(source.id, limit=1).items
    return htmx.respond(
        "sources/waiting.html",
        "sources/_waiting.html",
        source=source,
        first=found[0] if found else None,
        refused=refused[0] if refused else None,
    )


@blueprint.get("/<slug>")
@guard.requires("viewer")
def detail(slug: str) -> Any:
    return _detail(source_settings.find_source(slug))


def _detail(
    source: Source,
    errors: dict[str, list[str]] | None = None,
    made: tuple[str, str] | None = None,
    status: int = 200,
) -> Response:
    """``made`` is a new key's id and secret, shown in this answer alone."""
    return htmx.respond(
        "sources/detail.html",
        "sources/detail.html",
        status=status,
        source=source,
        endpoint=endpoint(source.slug),
        use=keys.key_use(source),
        now=keys.database_now(),
        shown_state=keys.shown_state,
        windows=WINDOWS,
        types=sorted(events.SAMPLES),
        refused=source_settings.list_rejections(source.id).items,
        days=two_days(source.id),
        unlisted=source_settings.unlisted_addresses(source),
        fields=(NAME, URL, PER_MINUTE),
        values=forms.posted(),
        errors=errors or {},
        made=made,
    )


@blueprint.post("/<slug>")
@guard.requires("admin")
def update(slug: str) -> Any:
    try:
        source_settings.update_source(
            slug,
            forms.text("name"),
            forms.text("url"),
            forms.whole_number("per_minute"),
            guard.current_by(),
        )
    except Invalid as exc:
        return _detail(source_settings.find_source(slug), exc.reasons, status=422)
    htmx.toast("Saved.")
    return htmx.redirect(url_for("sources.detail", slug=slug))


@blueprint.post("/<slug>/rotate")
@guard.requires("admin")
def rotate(slug: str) -> Any:
    """A new key; its secret is in this one answer and nowhere else."""
    source = source_settings.find_source(slug)
    window = keys.parse_window(forms.text("window") or "24h")
    key, secret = keys.rotate_key(source, guard.current_by(), window)
    return _detail(source_settings.find_source(slug), made=(key.key_id, secret))


@blueprint.post("/<slug>/revoke")
@guard.requires("admin")
def revoke(slug: str) -> Any:
    keys.revoke_key(forms.text("key_id"), guard.current_by())
    htmx.toast("The key is revoked. It stops everywhere within 5 seconds.")
    return htmx.redirect(url_for("sources.detail", slug=slug))


@blueprint.post("/<slug>/allow")
@guard.requires("admin")
def allow(slug: str) -> Any:
    try:
        network = source_settings.allow_network(slug, forms.text("cidr"), guard.current_by())
    except Invalid as exc:
        return _detail(source_settings.find_source(slug), exc.reasons, status=422)
    htmx.toast(
        f"From now on the site may send from {network.cidr}, and only from listed addresses."
    )
    return htmx.redirect(url_for("sources.detail", slug=slug))


@blueprint.post("/<slug>/disallow")
@guard.requires("admin")
def disallow(slug: str) -> Any:
    source_settings.disallow_network(slug, forms.text("cidr"), guard.current_by())
    htmx.toast("The address is off the list.")
    return htmx.redirect(url_for("sources.detail", slug=slug))


@blueprint.post("/<slug>/test")
@guard.requires("support")
def send_test(slug: str) -> Any:
    sent = events.send_test_event(slug, guard.current_by(), forms.text("type") or TEST)
    if sent.status not in (200, 202):
        htmx.toast(f"Relay refused its own test event ({sent.status}). See below why.", "danger")
        return htmx.redirect(url_for("sources.detail", slug=slug))
    htmx.toast(f"The test event was accepted after {sent.elapsed_ms:.0f} ms.")
    return htmx.redirect(url_for("events.detail", event_id=sent.answer["id"]))
