"""Alerts are shown where they belong; here somebody says that they have seen one."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request, url_for

from relay.dashboard import forms, guard, htmx
from relay.errors import Invalid
from relay.services import alerts

blueprint = Blueprint("alerts", __name__, url_prefix="/alerts")


@blueprint.post("/<int:alert_id>/acknowledge")
@guard.requires("support")
def acknowledge(alert_id: int) -> Any:
    try:
        alerts.acknowledge(alert_id, forms.text("note"), guard.current_by())
        htmx.toast("Noted. It stays listed in the ledger and asks for nobody any more.")
    except Invalid as exc:
        htmx.toast(exc.reasons["note"][0], "danger")
    here = url_for("ledger.page")
    return htmx.redirect(guard.local_path(request.form.get("next", here)))
