"""Sites: connecting one in three steps, its keys, allowed addresses and rejected requests."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, Response, current_app, render_template, request, send_file, url_for

from relay import database
from relay.dashboard import forms, guard, htmx, removal, shown_once, traffic
from relay.errors import Invalid, Refusal
from relay.event_types import TEST
from relay.i18n import N_, _
from relay.models import SigningKey, Source, db
from relay.rules.states import SourceState, SourceType
from relay.services import events
from relay.services.ledger.reading import two_days
from relay.services.sources import keys, plugin
from relay.services.sources import settings as source_settings

blueprint = Blueprint("sources", __name__, url_prefix="/sources")
NAME = forms.Field(
    "name",
    N_("Name"),
    required=True,
    placeholder=N_("My shop"),
    help=N_("Shown only in Relay."),
)
URL = forms.Field(
    "url", N_("Site URL"), "address", required=True, placeholder="https://shop.example.com"
)
TYPE = forms.Field(
    "type",
    N_("How it sends"),
    "select",
    help=N_(
        "A shop or form without the plugin can send webhooks. They are not sent again after an error, and "
        "their protection is weaker."
    ),
    choices=(
        (
            SourceType.PLUGIN.value,
            N_("Relay's plugin (recommended)"),
        ),
        (SourceType.WOOCOMMERCE.value, N_("WooCommerce's own webhooks")),
        (SourceType.FORM.value, N_("The webhook of a form plugin")),
    ),
)


@dataclass(frozen=True)
class KeyWords:
    """What a page says about the keys of a site: whole sentences, because a language inflects the noun."""

    title: str
    help: str
    new: str
    stops: str
    stopped: str
    still_valid: str
    revoke: str
    window: str
    rotate: str
    once: str
    leaked: str
    leaked_help: str
    lost: str
    create: str


# What the keys of a site are called, by its type.
KEY_WORDS = {
    SourceType.PLUGIN: KeyWords(
        title=N_("Signing keys"),
        help=N_("The site signs each request with its key."),
        new=N_("New key"),
        stops=N_("The key stops working now."),
        stopped=N_("The old key has stopped working."),
        still_valid=N_(
            "The old key stays valid until its window ends. Enter the new one before that."
        ),
        revoke=N_("Revoke key"),
        window=N_("Create a new key and keep the old key valid for"),
        rotate=N_("Rotate key"),
        once=N_("The new key is shown once. The old one keeps working until then."),
        leaked=N_("The key may have leaked…"),
        leaked_help=N_(
            "All keys of the site stop working now, and the site cannot fetch the new one: you paste it there. "
            "Until then Relay rejects the events of the site; they wait there."
        ),
        lost=N_("Lost the connection string?"),
        create=N_("Create a new connection string"),
    ),
    SourceType.WOOCOMMERCE: KeyWords(
        title=N_("Secrets"),
        help=N_(
            "WooCommerce signs the body of each webhook with the secret, but neither its time nor its topic."
        ),
        new=N_("New secret"),
        stops=N_("The secret stops working now."),
        stopped=N_("The old secret has stopped working."),
        still_valid=N_(
            "The old secret stays valid until its window ends. Enter the new one before that."
        ),
        revoke=N_("Revoke secret"),
        window=N_("Create a new secret and keep the old secret valid for"),
        rotate=N_("Rotate secret"),
        once=N_("The new secret is shown once. The old one keeps working until then."),
        leaked=N_("The secret may have leaked…"),
        leaked_help=N_(
            "Every secret of the site stops working now. Until you enter the new one there, Relay rejects what "
            "it sends, and that is lost."
        ),
        lost=N_("Lost the secret?"),
        create=N_("Create a new secret"),
    ),
    SourceType.FORM: KeyWords(
        title=N_("Tokens"),
        help=N_("The sender shows the token with each request. Nothing is signed."),
        new=N_("New token"),
        stops=N_("The token stops working now."),
        stopped=N_("The old token has stopped working."),
        still_valid=N_(
            "The old token stays valid until its window ends. Enter the new one before that."
        ),
        revoke=N_("Revoke token"),
        window=N_("Create a new token and keep the old token valid for"),
        rotate=N_("Rotate token"),
        once=N_("The new token is shown once. The old one keeps working until then."),
        leaked=N_("The token may have leaked…"),
        leaked_help=N_(
            "Every token of the site stops working now. Until you enter the new one there, Relay rejects what "
            "it sends, and that is lost."
        ),
        lost=N_("Lost the token?"),
        create=N_("Create a new token"),
    ),
}
PER_MINUTE = forms.Field(
    "per_minute",
    N_("Rate limit (events per minute)"),
    "number",
    low=0,
    help=N_(
        "0 means no limit. Above the limit, Relay asks the site to wait and the plugin sends later."
    ),
)
LOSES = replace(
    PER_MINUTE,
    help=N_(
        "0 means no limit. Webhooks above the limit are lost, because their sender does not repeat them."
    ),
)
NEW_KEY = "new-key"  # see shown_once
WINDOWS = (
    ("24h", N_("1 day")),
    ("1h", N_("1 hour")),
    ("7d", N_("7 days")),
    ("30d", N_("30 days")),
)


def endpoint(source: Source) -> str:
    config = current_app.extensions["relay_config"]
    return source_settings.endpoint_of(source, config, request.host_url)


def connection(source: Source, key_id: str, secret: str) -> str:
    """The connection string of a new key; empty for a site without the plugin."""
    if source.type is not SourceType.PLUGIN:
        return ""
    return keys.connection_string(endpoint(source), key_id, secret)


@blueprint.get("")
@guard.requires("viewer", limited=True)
def list_page() -> Any:
    if request.args.get("state") == "removed":
        return removal.sources_page()
    page = source_settings.list_sources(100, forms.page_after())
    return htmx.respond(
        "sources/page.html",
        "sources/_table.html",
        page=page,
        url=url_for("sources.list_page"),
        last=source_settings.last_events(ids := [source.id for source in page.items]),
        sparks=traffic.site_sparks(ids),
    )


@blueprint.get("/new")
@guard.requires("admin")
def new_page() -> str:
    return _new_form()


def _new_form(errors: dict[str, list[str]] | None = None) -> str:
    return render_template(
        "sources/new.html", fields=(NAME, URL, TYPE), values=forms.posted(), errors=errors or {}
    )


@blueprint.post("/new")
@guard.requires("admin", proof=True)
def create() -> Any:
    """Create a site.  The next page shows its secret, once."""
    try:
        source, key, secret = source_settings.create_source(
            forms.text("name"),
            forms.text("url"),
            guard.current_by(),
            type_=SourceType(forms.text("type") or SourceType.PLUGIN),
        )
    except ValueError:
        return _new_form({"type": [_("Choose one of the list.")]}), 422
    except Invalid as exc:
        return _new_form(exc.reasons), 422
    shown_once.keep(f"{NEW_KEY}-{source.slug}", {"key_id": key.key_id, "secret": secret})
    return htmx.redirect(url_for("sources.connect", slug=source.slug))


@blueprint.get("/<slug>/connect")
@guard.requires("admin")
def connect(slug: str) -> Any:
    """The second step: the secret of the new site.  Loaded again, the page no longer has it."""
    source = source_settings.find_source(slug)
    made = _made_key(source)
    if made is None:
        return htmx.redirect(url_for("sources.waiting", slug=slug))
    key, secret = made
    return render_template(
        "sources/connect.html",
        source=source,
        key=key,
        secret=secret,
        connection=connection(source, key.key_id, secret),
        endpoint=endpoint(source),
        first=None,
        rejection=None,
    )


def _made_key(source: Source) -> tuple[SigningKey, str] | None:
    """The key that this browser has just created for the site, with its secret."""
    made = shown_once.take(f"{NEW_KEY}-{source.slug}") or {}
    key = next((one for one in source.keys if one.key_id == made.get("key_id")), None)
    return (key, made["secret"]) if key else None


@blueprint.get("/plugin.zip")
@guard.requires("viewer", limited=True)
def plugin_zip() -> Response:
    return send_file(
        io.BytesIO(plugin.make_zip()),
        mimetype="application/zip",
        as_attachment=True,
        download_name="relay-connector.zip",
    )


@blueprint.get("/<slug>/waiting")
@guard.requires("viewer", limited=True)
def waiting(slug: str) -> Any:
    """The third step: polls until the first event arrives."""
    source = source_settings.find_source(slug)
    rejections = source_settings.list_rejections(source.id, limit=1).items
    return htmx.respond(
        "sources/waiting.html",
        "sources/_waiting.html",
        source=source,
        first=source_settings.newest_from_site(source.id),
        rejection=rejections[0] if rejections else None,
        words=KEY_WORDS[source.type],
    )


@blueprint.get("/<slug>")
@guard.requires("viewer", limited=True)
def detail(slug: str) -> Any:
    found = source_settings.find_source(slug, removed_too=True)
    if found.state == SourceState.CLOSED:
        return removal.source_page(found)
    made = _made_key(found)
    if made is None:
        return _detail(found)
    key, secret = made
    older = [one for one in found.keys if one.id < key.id]
    now = database.now(db.session)
    stopped = not any(keys.shown_state(one, now) in ("active", "retiring") for one in older)
    return _detail(found, new_key=(key.key_id, secret, stopped))


def _detail(
    source: Source,
    errors: dict[str, list[str]] | None = None,
    new_key: tuple[str, str, bool] | None = None,
    status: int = 200,
) -> Response:
    """``new_key``: the id and secret of a new key, and whether it must be copied by hand; only this
    response shows them.
    """
    return htmx.respond(
        "sources/detail.html",
        "sources/detail.html",
        status=status,
        source=source,
        endpoint=endpoint(source),
        use=keys.key_use(source, now := database.now(db.session)),
        now=now,
        shown_state=keys.shown_state,
        without=keys.without,
        windows=WINDOWS,
        types=sorted(events.SAMPLES),
        rejections=source_settings.list_rejections(source.id).items,
        days=two_days(source.id),
        unlisted=source_settings.unlisted_addresses(source),
        fields=(NAME, URL, PER_MINUTE if source.type is SourceType.PLUGIN else LOSES),
        values=forms.posted(),
        errors=errors or {},
        new_key=new_key,
        connection=connection(source, *new_key[:2]) if new_key else "",
        words=KEY_WORDS[source.type],
        **traffic.site_context(source, now),
    )


@blueprint.post("/<slug>")
@guard.requires("admin", proof=True)
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
    htmx.toast(_("Saved."))
    return htmx.redirect(url_for("sources.detail", slug=slug))


@blueprint.post("/<slug>/rotate")
@guard.requires("admin", proof=True)
def rotate(slug: str) -> Any:
    """Rotate the key.  The next page shows the new secret, once: for a site that still waits for its first
    event, with the steps to connect it.

    ``newest`` is the key that the page showed as the newest: pressed twice, it is rotated once.
    """
    source = source_settings.find_source(slug)
    window = keys.parse_window(forms.text("window") or "24h")
    leaked = forms.text("reason") == "leaked"
    try:
        key, secret = keys.rotate_key(
            source, guard.current_by(), window, leaked=leaked, newest=forms.text("newest")
        )
    except Refusal as exc:
        db.session.rollback()
        htmx.toast(str(exc), "danger")
        return htmx.redirect(url_for("sources.detail", slug=slug))
    shown_once.keep(f"{NEW_KEY}-{source.slug}", {"key_id": key.key_id, "secret": secret})
    page = "sources.connect" if forms.text("from") == "waiting" else "sources.detail"
    return htmx.redirect(url_for(page, slug=slug))


@blueprint.post("/<slug>/revoke")
@guard.requires("admin", proof=True)
def revoke(slug: str) -> Any:
    keys.revoke_key(forms.text("key_id"), guard.current_by())
    htmx.toast(_("Key revoked. It stops working within 5 seconds."))
    return htmx.redirect(url_for("sources.detail", slug=slug))


@blueprint.post("/<slug>/allow")
@guard.requires("admin", proof=True)
def allow(slug: str) -> Any:
    try:
        network = source_settings.allow_network(slug, forms.text("cidr"), guard.current_by())
    except Invalid as exc:
        return _detail(source_settings.find_source(slug), exc.reasons, status=422)
    refused = source_settings.unlisted_addresses(source_settings.find_source(slug))
    sentences = [
        _(
            "%(network)s allowed. Relay now accepts this site's requests from listed addresses only.",
            network=network.cidr,
        )
    ]
    if refused:
        sentences.append(
            _(
                "It rejects those from %(addresses)s: recent events came from there.",
                addresses=", ".join(refused),
            )
        )
    htmx.toast(" ".join(sentences), "danger" if refused else "success")
    return htmx.redirect(url_for("sources.detail", slug=slug))


@blueprint.post("/<slug>/disallow")
@guard.requires("admin", proof=True)
def disallow(slug: str) -> Any:
    source_settings.disallow_network(slug, forms.text("cidr"), guard.current_by())
    htmx.toast(_("Address removed."))
    return htmx.redirect(url_for("sources.detail", slug=slug))


@blueprint.post("/<slug>/test")
@guard.requires("support")
def send_test(slug: str) -> Any:
    sent = events.send_test_event(slug, guard.current_by(), forms.text("type") or TEST)
    if sent.status not in (200, 202):
        htmx.toast(
            _(
                "Relay rejected its own test event (%(status)s). The reason is under Rejected requests.",
                status=sent.status,
            ),
            "danger",
        )
        return htmx.redirect(url_for("sources.detail", slug=slug))
    htmx.toast(_("Test event accepted in %(ms)s ms.", ms=round(sent.elapsed_ms)))
    return htmx.redirect(url_for("events.detail", event_id=sent.answer["id"]))
