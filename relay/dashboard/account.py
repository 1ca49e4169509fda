"""My account: name, time zone, e-mail address, password and sessions of the person who is signed in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Blueprint, render_template, request, url_for

from relay import i18n
from relay.dashboard import forms, guard, htmx
from relay.dashboard.auth import NEW_PASSWORD
from relay.errors import Invalid
from relay.i18n import N_, _, ngettext
from relay.services import mail
from relay.services.users import accounts, addresses, profile, sessions

blueprint = Blueprint("account", __name__, url_prefix="/account")
ABOUT = ("name", "time_zone", "language")
NAME = forms.Field("name", N_("Name"), autocomplete="name")
OLD = forms.Field(
    "old_password",
    N_("Current password"),
    "password",
    required=True,
    autocomplete="current-password",
)
NEW_EMAIL = forms.Field(
    "new_email",
    N_("New e-mail address"),
    "email",
    required=True,
    help=N_(
        "Relay mails a link to this address. It changes when you open the link, within 24 hours."
    ),
)
NEW = replace(NEW_PASSWORD, label=N_("New password"))


@blueprint.get("")
@guard.requires("viewer", limited=True)
def page() -> str:
    return _page()


def _page(errors: dict[str, list[str]] | None = None, values: dict[str, Any] | None = None) -> str:
    person = guard.signed_in()
    user = accounts.user_by_id(person.id)
    return render_template(
        "account/page.html",
        user=user,
        passkey_count=len(user.passkeys),
        name_field=NAME,
        email_field=NEW_EMAIL,
        sends_mail=mail.is_set_up(),
        password_fields=(OLD, NEW),
        values=values or {name: getattr(user, name) for name in ABOUT},
        errors=errors or {},
        time_zones=profile.time_zones(),
        languages=i18n.LANGUAGES,
        sessions=sessions.list_sessions(person.id),
    )


@blueprint.post("")
@guard.requires("viewer", limited=True)
def update() -> Any:
    values = {name: forms.text(name) for name in ABOUT}
    try:
        user = profile.update(guard.signed_in().id, **values, by=guard.current_by())
    except Invalid as exc:
        return _page(exc.reasons, values), 422
    with i18n.in_language(user.language or i18n.language()):
        return _done(_("Saved."))


@blueprint.post("/email")
@guard.requires("viewer", proof=True, limited=True)
def change_email() -> Any:
    """Mail a link to the new address, which then replaces the old one."""
    email = forms.text("new_email")
    try:
        why = addresses.ask(guard.signed_in().id, email, guard.current_by())
    except Invalid as exc:
        return _page(exc.reasons), 422
    if why:
        return _page({"new_email": [_("The mail could not be sent: %(why)s", why=why)]}), 422
    return _done(
        _("Open the link in the mail to %(email)s. Until then, nothing changes.", email=email)
    )


@blueprint.post("/password")
@guard.requires("viewer", limited=True)
def change_password() -> Any:
    person = guard.signed_in()
    old, new = (request.form.get(field.name, "")[:1000] for field in (OLD, NEW))
    try:
        count = profile.change_password(person.id, person.session_id, old, new, guard.current_by())
    except Invalid as exc:
        return _page(exc.reasons), 422
    sentences = [_("Your password is changed.")]
    if count:
        sentences.append(_ended(count))
    sentences.append(
        _("Your API tokens still work. Revoke them under API tokens if someone else may know them.")
    )
    return _done(" ".join(sentences))


@blueprint.post("/sessions/<int:session_id>/end")
@guard.requires("viewer", limited=True)
def end_session(session_id: int) -> Any:
    person = guard.signed_in()
    sessions.end(person.id, session_id, guard.current_by())
    if session_id == person.session_id:
        guard.forget()
        return htmx.redirect(url_for("auth.sign_in_page"))
    return _done(_("The session is ended."))


@blueprint.post("/sessions/end-others")
@guard.requires("viewer", limited=True)
def end_others() -> Any:
    person = guard.signed_in()
    count = profile.end_other_sessions(person.id, person.session_id, guard.current_by())
    return _done(_ended(count) if count else _("There is no other session."))


def _ended(count: int) -> str:
    return ngettext("%(num)s other session ended.", "%(num)s other sessions ended.", count)


def _done(words: str) -> Any:
    htmx.toast(words)
    return htmx.redirect(url_for("account.page"))
