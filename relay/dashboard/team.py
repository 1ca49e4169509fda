"""The users who can sign in: invite them, change what they may do, end their access."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, render_template, request, url_for

from relay import database
from relay.dashboard import forms, guard, htmx, shown_once
from relay.errors import Invalid, NotFound, Refusal
from relay.i18n import N_, _, ngettext
from relay.models import User, db
from relay.rules.states import LinkPurpose, UserState
from relay.services import mail
from relay.services.audit import By
from relay.services.users import (
    accounts,
    addresses,
    invitations,
    links,
    mails,
    new_passwords,
    sessions,
    team,
)
from relay.services.users.links import MadeLink
from relay.services.users.mails import ROLE_WORDS
from relay.services.users.second_factor import policy

blueprint = Blueprint("team", __name__, url_prefix="/team")
LINK = "link"  # see shown_once
EMAIL = forms.Field("email", N_("E-mail address"), "email", required=True)
NAME = forms.Field("name", N_("Name"), help=N_("Optional. The user can change it."))
ROLE_CHOICES = (
    ("viewer", N_("Viewer: reads everything")),
    ("support", N_("Support: also takes care of failed deliveries and alerts")),
    ("admin", N_("Admin: changes everything")),
)
NEW_EMAIL = forms.Field("new_email", N_("New e-mail address"), "email", required=True)
ROLE = forms.Field("role", N_("Role"), "select", required=True, choices=ROLE_CHOICES)


@blueprint.get("")
@guard.requires("admin")
def list_page() -> Any:
    return htmx.respond(
        "team/page.html",
        "team/_table.html",
        users=team.list_team(),
        sites={site.id: site.name for site in team.list_sites()},
        invited_until=links.open_until(LinkPurpose.INVITE),
        now=database.now(db.session),
    )


@blueprint.get("/invite")
@guard.requires("admin")
def invite_page() -> str:
    return _invite_form()


def _invite_form(errors: dict[str, list[str]] | None = None) -> str:
    return render_template(
        "team/invite.html",
        fields=(EMAIL, NAME, ROLE),
        values={"role": "viewer"} | forms.posted(),
        errors=errors or {},
        sites=team.list_sites(),
        chosen=request.form.getlist("sites"),
        is_limited=forms.text("which") == "some",
        sends_mail=mail.is_set_up(),
    )


@blueprint.post("/invite")
@guard.requires("admin", proof=True)
def invite() -> Any:
    by = guard.current_by()
    try:
        made = invitations.invite(
            forms.text("email"), forms.text("role"), by, forms.text("name"), _chosen_sites()
        )
    except Invalid as exc:
        return _invite_form(exc.reasons), 422
    return _show_once(made, mails.invitation(made, by))


@blueprint.get("/<int:user_id>")
@guard.requires("admin")
def detail(user_id: int) -> Any:
    return _detail(accounts.user_by_id(user_id), made=shown_once.take(LINK))


def _detail(
    user: User, errors: dict[str, list[str]] | None = None, made: dict[str, str] | None = None
) -> Any:
    posted = request.method == "POST"
    return render_template(
        "team/detail.html",
        user=user,
        made=made,
        is_own=user.id == guard.signed_in().id,
        has_second_factor=user.has_second_factor,
        is_invited=user.state == UserState.INVITED,
        role_field=ROLE,
        email_field=NEW_EMAIL,
        role_words=ROLE_WORDS,
        values={"role": user.role} | forms.posted(),
        errors=errors or {},
        sites=team.list_sites(),
        chosen=request.form.getlist("sites") if posted else team.slugs_of(user) or (),
        is_limited=forms.text("which") == "some" if posted else user.sites_limited,
        sessions=sessions.list_sessions(user.id),
        invited_until=links.open_until(LinkPurpose.INVITE).get(user.id),
        now=database.now(db.session),
        sends_mail=mail.is_set_up(),
    )


@blueprint.post("/<int:user_id>/invite")
@guard.requires("admin", proof=True)
def invite_again(user_id: int) -> Any:
    by = guard.current_by()
    return _link(user_id, lambda: invitations.invite_again(user_id, by), mails.invitation)


@blueprint.post("/<int:user_id>/reset-password")
@guard.requires("admin", proof=True)
def reset_password(user_id: int) -> Any:
    by, factors_too = guard.current_by(), bool(forms.text("second_factors"))
    return _link(
        user_id, lambda: new_passwords.reset_password(user_id, by, factors_too), mails.reset
    )


@blueprint.post("/<int:user_id>/role")
@guard.requires("admin", proof=True)
def role(user_id: int) -> Any:
    def act() -> str:
        user = team.set_role(user_id, forms.text("role"), guard.current_by())
        return _("%(email)s has the role %(role)s.", email=user.email, role=user.role.value)

    return _answer(user_id, act)


@blueprint.post("/<int:user_id>/sites")
@guard.requires("admin", proof=True)
def sites(user_id: int) -> Any:
    def act() -> str:
        user = team.set_sites(user_id, _chosen_sites(), guard.current_by())
        if user.sites_limited:
            return _("%(email)s sees only the selected sites.", email=user.email)
        return _("%(email)s sees all sites.", email=user.email)

    return _answer(user_id, act)


@blueprint.post("/<int:user_id>/email")
@guard.requires("admin", proof=True)
def email(user_id: int) -> Any:
    def act() -> str:
        user = addresses.set_email(user_id, forms.text("new_email"), guard.current_by())
        return _("The e-mail address is now %(email)s.", email=user.email)

    return _answer(user_id, act)


@blueprint.post("/<int:user_id>/disable")
@guard.requires("admin", proof=True)
def disable(user_id: int) -> Any:
    def act() -> str:
        user = team.disable(user_id, guard.current_by())
        return _("%(email)s is disabled and signed out everywhere.", email=user.email)

    return _answer(user_id, act)


@blueprint.post("/<int:user_id>/enable")
@guard.requires("admin", proof=True)
def enable(user_id: int) -> Any:
    def act() -> str:
        user = team.enable(user_id, guard.current_by())
        if user.state == UserState.INVITED:
            return _("%(email)s is enabled and needs a new invitation.", email=user.email)
        return _("%(email)s is enabled and can sign in.", email=user.email)

    return _answer(user_id, act)


@blueprint.post("/<int:user_id>/sign-out")
@guard.requires("admin", proof=True)
def sign_out(user_id: int) -> Any:
    def act() -> str:
        count = team.sign_out(user_id, guard.current_by())
        if not count:
            return _("There was no session to end.")
        return ngettext("%(num)s session ended.", "%(num)s sessions ended.", count)

    return _answer(user_id, act)


@blueprint.post("/<int:user_id>/app/remove")
@guard.requires("admin", proof=True)
def remove_app(user_id: int) -> Any:
    def act() -> str:
        policy.remove_app_of(user_id, guard.current_by())
        return _("The authenticator app is removed, and all sessions ended.")

    return _answer(user_id, act)


@blueprint.post("/<int:user_id>/passkeys/<int:passkey_id>/remove")
@guard.requires("admin", proof=True)
def remove_passkey(user_id: int, passkey_id: int) -> Any:
    def act() -> str:
        policy.remove_passkey_of(user_id, passkey_id, guard.current_by())
        return _("The passkey is removed, and all sessions ended.")

    return _answer(user_id, act)


@blueprint.post("/<int:user_id>/delete")
@guard.requires("admin", proof=True)
def delete(user_id: int) -> Any:
    def act() -> str:
        email = team.delete_user(user_id, guard.current_by())
        return _("%(email)s is deleted.", email=email)

    return _answer(user_id, act, url_for("team.list_page"))


def _answer(user_id: int, act: Callable[[], str], then: str = "") -> Any:
    """Do it and go to ``then``, by default back to the person, with a toast either way.

    Raises NotFound.
    """
    try:
        htmx.toast(act())
    except NotFound:
        raise
    except Invalid as exc:
        return _detail(accounts.user_by_id(user_id), exc.reasons), 422
    except Refusal as exc:
        return _refused(user_id, exc)
    return htmx.redirect(then or url_for("team.detail", user_id=user_id))


def _link(
    user_id: int, make: Callable[[], MadeLink], letter: Callable[[MadeLink, By], mail.TextMail]
) -> Any:
    """Make a link and show it on the page of the person.  Raises NotFound."""
    try:
        made = make()
    except NotFound:
        raise
    except Refusal as exc:
        return _refused(user_id, exc)
    return _show_once(made, letter(made, guard.current_by()))


def _refused(user_id: int, exc: Refusal) -> Any:
    htmx.toast(str(exc), "danger")
    return htmx.redirect(url_for("team.detail", user_id=user_id))


def _chosen_sites() -> list[str] | None:
    """The slugs that were chosen; None for all sites."""
    return request.form.getlist("sites") if forms.text("which") == "some" else None


def _show_once(made: MadeLink, letter: mail.TextMail) -> Any:
    """Mail the link if that is set up, and show it on the next page only: a reload shows it no more."""
    sent = why = ""
    if mail.is_set_up():
        why = mail.send(letter)
        sent = "" if why else made.email
    shown = {
        "url": made.url,
        "purpose": made.purpose.value,
        "expires_at": mails.moment(made.expires_at),
        "sent": sent,
        "why": why[:500],
        "warning": links.only_here(),
    }
    shown_once.keep(LINK, shown)
    return htmx.redirect(url_for("team.detail", user_id=made.user_id))
