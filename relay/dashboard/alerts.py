"""Acknowledge an alert.  Alerts are shown on the overview and in the ledger."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request, url_for

from relay.dashboard import forms, guard, htmx
from relay.errors import Invalid
from relay.services.alerts import actions as alerts

blueprint = Blueprint("alerts", __name__, url_prefix="/alerts")


@blueprint.post("/<int:alert_id>/acknowledge")
@guard.requires("support")
def acknowledge(alert_id: int) -> Any:
    try:
        alerts.acknowledge(alert_id, forms.text("note"), guard.current_by())
        htmx.toast(
            "Alert acknowledged. It stays in the ledger and no longer appears on the overview."
        )
    except Invalid as exc:
        htmx.toast(exc.reasons["note"][0], "danger")
    here = url_for("ledger.page")
    return htmx.redirect(guard.local_path(request.form.get("next", here)))
