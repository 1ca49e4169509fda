"""The account of a destination at its service: its fields and its quotas."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, Flask, render_template, url_for

from relay import database
from relay.dashboard import guard, htmx
from relay.errors import Refusal
from relay.i18n import _
from relay.models import Destination, db
from relay.rules.states import AccessState
from relay.services import deliveries
from relay.services.destinations import account as destination_account
from relay.services.destinations import quotas
from relay.services.destinations import settings as destination_settings
from relay.services.destinations.quotas import QuotaStatus

blueprint = Blueprint(
    "destination_account", __name__, url_prefix="/destinations/<int:destination_id>"
)


@blueprint.post("/account")
@guard.requires("support")
def refresh(destination_id: int) -> Any:
    """Load the fields of the account again."""
    try:
        destination = destination_account.refresh(destination_id, guard.current_by())
        htmx.toast(
            _(
                "%(name)s: %(field_count)s fields available for mappings.",
                name=destination.name,
                field_count=field_count(destination),
            )
        )
    except Refusal as exc:
        htmx.toast(str(exc), "danger")
    return htmx.redirect(url_for("destinations.detail", destination_id=destination_id))


@blueprint.get("/access")
@guard.requires("viewer")
def show_access(destination_id: int) -> Any:
    """What the check of the credentials found, as a fragment that polls while it runs."""
    destination = destination_settings.find_destination(destination_id)
    if not htmx.wants_fragment():
        return htmx.redirect(url_for("destinations.detail", destination_id=destination_id))
    return render_template(
        "destinations/_access.html", destination=destination, now=database.now(db.session)
    )


@blueprint.post("/access")
@guard.requires("support")
def check_access(destination_id: int) -> Any:
    """Check the credentials now."""
    try:
        destination = destination_settings.check_access(destination_id, guard.current_by())
        is_bad = destination.access_state == AccessState.REFUSED
        htmx.toast(destination.access_text, "danger" if is_bad else "success")
    except Refusal as exc:
        htmx.toast(str(exc), "danger")
    return htmx.redirect(url_for("destinations.detail", destination_id=destination_id))


@blueprint.get("/quotas")
@guard.requires("viewer")
def show_quotas(destination_id: int) -> Any:
    """The quotas, as a fragment that polls."""
    destination = destination_settings.find_destination(destination_id)
    if not htmx.wants_fragment():
        return htmx.redirect(url_for("destinations.detail", destination_id=destination_id))
    now, count = database.now(db.session), deliveries.count_open([destination.id])[destination.id]
    quotas_shown, warning = quotas_and_warning(destination, count["waiting"], now)
    return render_template(
        "destinations/_quotas.html",
        destination=destination,
        quotas=quotas_shown,
        warning=warning,
    )


def quotas_and_warning(
    destination: Destination, waiting: int, now: datetime
) -> tuple[list[QuotaStatus], str]:
    """What is left of a destination's quotas, and a sentence where one runs out."""
    found = quotas.quotas_of([destination.id], now)[destination.id]
    return found, quotas.warning_of(destination, found, now, waiting)


def field_count(destination: Destination) -> int:
    """The number of fields that a mapping can fill."""
    kind = destination_settings.kind_of(destination.kind)
    return len(kind.targets(destination.config, destination.account or {}))


def init_app(app: Flask) -> None:
    app.add_template_filter(field_count)
