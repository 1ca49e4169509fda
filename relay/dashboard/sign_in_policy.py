"""Which roles need a second factor."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request, url_for

from relay.dashboard import guard, htmx
from relay.i18n import _
from relay.models import ROLES
from relay.rules.states import Role
from relay.services.users.second_factor import policy

blueprint = Blueprint("sign_in_policy", __name__, url_prefix="/team/sign-in")


@blueprint.get("")
@guard.requires("admin", proof=True)
def page() -> Any:
    return render_template(
        "account/policy.html",
        all_roles=ROLES,
        required=policy.required_roles(),
        without={role: policy.without_second_factor(Role(role)) for role in ROLES},
    )


@blueprint.post("")
@guard.requires("admin", proof=True)
def save() -> Any:
    policy.require_for(request.form.getlist("roles"), guard.current_by())
    htmx.toast(_("Saved. People without a second factor set one up on their next page."))
    return htmx.redirect(url_for("sign_in_policy.page"))
