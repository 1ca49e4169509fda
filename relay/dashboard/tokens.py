"""API tokens: one's own, and for admins those of everyone."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request, url_for

from relay import database
from relay.dashboard import forms, guard, htmx, shown_once
from relay.dashboard.team import ROLE_CHOICES
from relay.errors import Invalid
from relay.i18n import N_, _
from relay.models import db
from relay.services.tokens import settings
from relay.services.tokens.settings import TokenChoice
from relay.services.users import accounts

blueprint = Blueprint("tokens", __name__, url_prefix="/account/tokens")
TOKEN = "token"  # noqa: S105 - see shown_once
PAGE = 100
NAME = forms.Field(
    "name",
    N_("Name"),
    required=True,
    placeholder=N_("Status page"),
    help=N_("The program that uses it. The audit log shows it with every change."),
)
EXPIRES = forms.Field(
    "expires",
    N_("Expires"),
    "select",
    choices=(
        ("30d", N_("In 30 days")),
        ("90d", N_("In 90 days")),
        ("365d", N_("In 1 year")),
        (settings.NEVER, N_("Never")),
    ),
)


@blueprint.get("")
@guard.requires("viewer", limited=True)
def page() -> Any:
    """An admin sees the tokens of everyone."""
    person, with_ended = guard.signed_in(), request.args.get("ended") == "1"
    found = settings.list_tokens(
        None if person.may("admin") else person.id, PAGE, forms.page_after(), ended=with_ended
    )
    made = shown_once.take(TOKEN)
    return render_template(
        "tokens/page.html",
        page=found,
        made=made,
        with_ended=with_ended,
        slugs=settings.slugs_of(found.items),
        state_of=settings.state_of,
        now=database.now(db.session),
        url=url_for("tokens.page", ended="1" if with_ended else None),
    )


@blueprint.get("/new")
@guard.requires("viewer", limited=True)
def new_page() -> Any:
    return _form()


def _form(errors: dict[str, list[str]] | None = None) -> str:
    user = accounts.user_by_id(guard.signed_in().id)
    roles = settings.roles_for(user)
    role = forms.Field(
        "role",
        N_("Role"),
        "select",
        required=True,
        choices=[pair for pair in ROLE_CHOICES if pair[0] in roles],
        help=N_("Choose the lowest that is enough. Only an admin token is shown personal data."),
    )
    return render_template(
        "tokens/new.html",
        fields=(NAME, role, EXPIRES),
        values={"role": "viewer", "expires": "90d"} | forms.posted(),
        errors=errors or {},
        sites=settings.sites_for(user),
        chosen=request.form.getlist("sites"),
        is_limited=forms.text("which") == "some",
    )


@blueprint.post("/new")
@guard.requires("viewer", proof=True, limited=True)
def create() -> Any:
    """The next page shows the token, and no later one."""
    sites = request.form.getlist("sites") if forms.text("which") == "some" else None
    try:
        lasts = settings.parse_life(forms.text("expires") or "90d")
        choice = TokenChoice(forms.text("name"), forms.text("role"), sites, lasts)
        made = settings.create_token(guard.signed_in().id, choice, guard.current_by())
    except Invalid as exc:
        return _form(exc.reasons), 422
    shown_once.keep(TOKEN, {"name": made.token.name, "token": made.secret})
    return htmx.redirect(url_for("tokens.page"))


@blueprint.post("/<int:token_id>/revoke")
@guard.requires("viewer", limited=True)
def revoke(token_id: int) -> Any:
    person = guard.signed_in()
    token = settings.revoke_token(
        token_id, guard.current_by(), None if person.may("admin") else person.id
    )
    htmx.toast(
        _("%(name)s is revoked. Programs that use it are refused from now on.", name=token.name)
    )
    return htmx.redirect(url_for("tokens.page"))
