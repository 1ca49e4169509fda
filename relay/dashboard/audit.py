"""The audit log: who changed what."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, url_for

from relay.dashboard import forms, guard, htmx
from relay.services import audit

blueprint = Blueprint("audit", __name__, url_prefix="/audit")


@blueprint.get("")
@guard.requires("admin")
def list_page() -> Any:
    page = audit.list_entries(50, forms.page_after())
    url = url_for("audit.list_page")
    return htmx.respond(
        "audit/page.html", "audit/_table.html", page=page, url=url, actions=audit.ACTIONS
    )
