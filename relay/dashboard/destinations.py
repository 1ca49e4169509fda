"""Destinations: add, edit, test, pause and monitor them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Response, abort, render_template, request, url_for

from relay import database
from relay.dashboard import (
    dead_letter_filter,
    forms,
    guard,
    htmx,
    removal,
    shown_once,
    subscriptions,
    traffic,
)
from relay.dashboard.destination_account import quotas_and_warning
from relay.dashboard.filters import counted
from relay.destinations import KINDS
from relay.destinations.base import Kind
from relay.errors import Invalid
from relay.i18n import N_, _, ngettext
from relay.models import Destination, db
from relay.rules.states import DestinationState
from relay.services import deliveries, events
from relay.services.ai import steps as ai_steps
from relay.services.dead_letters import actions as dead_letter_actions
from relay.services.dead_letters import causes
from relay.services.destinations import left_out
from relay.services.destinations import settings as destination_settings
from relay.services.mappings import versions as mapping_versions
from relay.services.sources import settings as source_settings
from relay.services.subscriptions import settings as subscription_settings

blueprint = Blueprint("destinations", __name__, url_prefix="/destinations")
NEW_SECRET = "destination-secret"  # noqa: S105 - the name of what is shown once
ENTER_AGAIN = N_(
    "Not saved yet. For your security, Relay does not keep secrets in the page: enter it again."
)
NAME = forms.Field("name", N_("Name"), required=True, placeholder=N_("Team channel"))


@blueprint.get("")
@guard.requires("viewer")
def list_page() -> Any:
    if request.args.get("state") == "removed":
        return removal.destinations_page()
    page = destination_settings.list_destinations(100, forms.page_after())
    return htmx.respond(
        "destinations/page.html",
        "destinations/_table.html",
        page=page,
        kinds=KINDS,
        activity=deliveries.activity_of(ids := [destination.id for destination in page.items]),
        sparks=traffic.destination_sparks(ids, now := database.now(db.session)),
        subscription_words=subscriptions.subscription_words,
        now=now,
        url=url_for("destinations.list_page"),
    )


@blueprint.get("/new")
@guard.requires("admin")
def new_page() -> Any:
    kind = request.args.get("kind", "")
    if kind in KINDS:
        return _form(KINDS[kind])
    return render_template("destinations/kinds.html", kinds=KINDS.values())


def _form(
    kind: Kind, destination: Destination | None = None, errors: dict[str, list[str]] | None = None
) -> str:
    return render_template(
        "destinations/form.html",
        kind=kind,
        destination=destination,
        name_field=NAME,
        fields=forms.fields_of(kind.schema),
        groups_of=forms.groups_of,
        values=_values(kind, destination),
        errors=(errors or {}) | _lost_secrets(kind, errors or {}),
        types=events.known_types(*kind.default_event_types),
        sources=source_settings.source_choices(),
    )


def _values(kind: Kind, destination: Destination | None) -> dict[str, Any]:
    """The values of the form: posted, else saved; secrets are masked."""
    kept = destination_settings.shown_secrets(destination) if destination else {}
    if request.method == "POST":
        secret = {f.name: kept.get(f.name, "") for f in forms.fields_of(kind.schema) if f.secret}
        chosen = {
            "event_types": subscriptions.chosen_types(),
            "sites": subscriptions.chosen_sites(),
        }
        return forms.posted() | secret | chosen
    if destination is None:
        defaults = {name: f.load_default for name, f in kind.schema.fields.items()}
        plain = {name: value for name, value in defaults.items() if isinstance(value, str | int)}
        return plain | {"name": _(kind.name), "event_types": list(kind.default_event_types)}
    return {**destination.config, **kept, "name": destination.name}


def _lost_secrets(kind: Kind, errors: dict[str, list[str]]) -> dict[str, list[str]]:
    """Errors for the entered secrets: a page never contains one, so a person enters it again."""
    if not errors:
        return {}
    given = (f.name for f in forms.fields_of(kind.schema) if f.secret and forms.text(f.name))
    return {name: [*errors.get(name, ()), _(ENTER_AGAIN)] for name in given}


def _entered(kind: Kind) -> dict[str, str]:
    return {name: forms.text(name) for name in kind.schema.fields}


@blueprint.post("/new")
@guard.requires("admin", proof=True)
def create() -> Any:
    kind = KINDS.get(request.args.get("kind", "")) or abort(404)
    made = kind.new_secrets(_entered(kind))
    try:
        subscriptions.check_choices()
        destination = destination_settings.create_destination(
            kind.slug,
            forms.text("name"),
            _entered(kind) | made,
            guard.current_by(),
            subscriptions.chosen_types(),
            subscriptions.chosen_sites(),
        )
    except Invalid as exc:
        return _form(kind, None, exc.reasons), 422
    corrections = kind.corrections(_entered(kind), destination.config)
    added = (
        _(
            "%(name)s added. Send a test, or edit the mapping of its subscription.",
            name=destination.name,
        )
        if kind.takes_events
        else _("%(name)s added. Send a test.", name=destination.name)
    )
    htmx.toast(" ".join([added, *corrections]))
    if made:
        shown_once.keep(f"{NEW_SECRET}-{destination.id}", made)
    return htmx.redirect(url_for("destinations.detail", destination_id=destination.id))


@blueprint.get("/<int:destination_id>/edit")
@guard.requires("admin")
def edit_page(destination_id: int) -> Any:
    destination = destination_settings.find_destination(destination_id)
    return _form(destination_settings.kind_of(destination.kind), destination)


@blueprint.post("/<int:destination_id>/edit")
@guard.requires("admin", proof=True)
def update(destination_id: int) -> Any:
    destination = destination_settings.find_destination(destination_id)
    kind = destination_settings.kind_of(destination.kind)
    try:
        destination_settings.update_destination(
            destination_id,
            forms.text("name"),
            _entered(kind),
            guard.current_by(),
        )
    except Invalid as exc:
        return _form(kind, destination, exc.reasons), 422
    paused = [_("It is still paused.")] if destination.state == DestinationState.PAUSED else []
    corrections = kind.corrections(_entered(kind), destination.config)
    _toast_with_offer(" ".join([_("Saved."), *corrections, *paused]), destination)
    return htmx.redirect(url_for("destinations.detail", destination_id=destination_id))


def _toast_with_offer(sentence: str, destination: Destination) -> None:
    """Show ``sentence``, and offer to resend what failed before the destination was fixed."""
    count = (
        dead_letter_actions.count_shown(causes.before_fix(destination))
        if destination.fixed_at
        else 0
    )
    if not count or destination.state != DestinationState.ACTIVE:
        return htmx.toast(sentence)
    address = dead_letter_filter.address(causes.before_fix(destination))
    offer = ngettext(
        "%(num)s failed delivery can be resent.",
        "%(num)s failed deliveries can be resent.",
        count,
        num=counted(count),
    )
    return htmx.toast(
        f"{sentence} {offer}",
        href=url_for("replays.preview", **address),
        action=_("Resend"),
    )


@blueprint.get("/<int:destination_id>")
@guard.requires("viewer")
def detail(destination_id: int) -> Any:
    found = destination_settings.find_destination(destination_id, removed_too=True)
    if found.state == DestinationState.CLOSED:
        return removal.destination_page(found)
    return _detail(found)


def _detail(destination: Destination, test_result: Any = None) -> Response:
    kind = destination_settings.kind_of(destination.kind)
    return htmx.respond(
        "destinations/detail.html",
        "destinations/_recent.html",
        destination=destination,
        recent=deliveries.newest_deliveries(destination.id, 15),
        messages=deliveries.kept_messages(destination.id) if kind.stores_locally else None,
        now=(now := database.now(db.session)),
        **({} if htmx.wants_fragment() else _page_context(destination, kind, now)),
        test_result=test_result,
        test_type=forms.text("type"),
    )


def _page_context(destination: Destination, kind: Kind, now: datetime) -> dict[str, Any]:
    """What the page shows around the part that htmx polls."""
    count = deliveries.count_open([destination.id])[destination.id]
    quotas, warning = quotas_and_warning(destination, count["waiting"], now)
    return {
        "kind": kind,
        "fields": forms.fields_of(kind.schema),
        "shown": destination.config | destination_settings.shown_secrets(destination),
        "day": timedelta(days=1),
        "count": count,
        "quotas": quotas,
        "warning": warning,
        "ai_steps": ai_steps.steps_of(destination.id),
        "samples": sorted(events.SAMPLES),
        "before_fix": causes.before_fix(destination),
        "offered": causes.offered(destination),
        "address": dead_letter_filter.address,
        "next_tries": deliveries.next_tries(destination.id),
        "left_out": left_out.left_out(destination.id, now),
        "new_secrets": shown_once.take(f"{NEW_SECRET}-{destination.id}") or {},
        "oldest": dead_letter_actions.oldest(destination.id),
        "sentence_of": subscription_settings.sentence_of,
        "overlapping": subscription_settings.overlapping(destination),
        "unsent": subscription_settings.unsent(destination.id),
        "own_mappings": mapping_versions.made_by_hand(destination),
        **traffic.destination_context(destination, now),
    }


@blueprint.post("/<int:destination_id>/test")
@guard.requires("support")
def test(destination_id: int) -> Any:
    """Send one sample event now; the page shows the request and the response."""
    result = destination_settings.send_test(
        destination_id, guard.current_by(), forms.text("type") or "comment.created"
    )
    destination = destination_settings.find_destination(destination_id)
    if htmx.wants_fragment():
        return htmx.respond(
            "destinations/_test_result.html", "destinations/_test_result.html", test_result=result
        )
    return _detail(destination, result)


@blueprint.post("/<int:destination_id>/pause")
@guard.requires("support")
def pause(destination_id: int) -> Any:
    paused = destination_settings.pause(
        destination_id, guard.current_by(), forms.text("reason")[:500]
    )
    htmx.toast(_("%(name)s paused. Its deliveries wait; nothing is lost.", name=paused.name))
    return htmx.redirect(url_for("destinations.detail", destination_id=destination_id))


@blueprint.post("/<int:destination_id>/resume")
@guard.requires("support")
def resume(destination_id: int) -> Any:
    resumed = destination_settings.resume(destination_id, guard.current_by())
    _toast_with_offer(
        _("%(name)s resumed. Relay sends the pending deliveries.", name=resumed.name), resumed
    )
    return htmx.redirect(url_for("destinations.detail", destination_id=destination_id))
