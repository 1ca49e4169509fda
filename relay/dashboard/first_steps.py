"""The list of first steps on the overview: hide it, and show it again."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, url_for

from relay.dashboard import guard, htmx
from relay.i18n import _
from relay.services import first_steps

blueprint = Blueprint("first_steps", __name__, url_prefix="/first-steps")


@blueprint.post("/hide")
@guard.requires("admin")
def hide() -> Any:
    first_steps.hide(guard.current_by())
    htmx.toast(
        _("The first steps are hidden."), href=url_for("settings.page"), action=_("Settings")
    )
    return htmx.redirect(url_for("overview.page"))


@blueprint.post("/show")
@guard.requires("admin")
def show() -> Any:
    first_steps.show(guard.current_by())
    return htmx.redirect(url_for("overview.page"))
