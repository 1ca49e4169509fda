"""Invitations, new passwords and new addresses: the pages that one-time links open, before signing in."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, render_template, request, url_for

from relay.dashboard import auth, errors, forms, guard, htmx, sign_in_form
from relay.errors import Invalid, NotFound, TooBusy
from relay.i18n import N_, _
from relay.models import User
from relay.rules.states import SignInMethod
from relay.services import mail
from relay.services.users import addresses, invitations, new_passwords

blueprint = Blueprint("passwords", __name__)
NAME = forms.Field("name", N_("Your name"), required=True, autocomplete="name")


@blueprint.after_request
def keep_link_private(response: Response) -> Response:
    """The URL is a secret.  ``strict-origin`` keeps the Origin header, which our forms need."""
    response.headers["Referrer-Policy"] = "strict-origin"
    return response


@blueprint.errorhandler(NotFound)
def on_gone(exc: NotFound) -> Response:
    return errors.answer(404, str(exc), _("This link no longer works"))


@blueprint.get("/invite/<token>")
@guard.public
def invite_page(token: str) -> Any:
    """Opening the page does not use the link up: mail programs open links to check them."""
    user = invitations.find_invited(token)
    return _invite_form(token, user, {"name": user.name})


@blueprint.post("/invite/<token>")
@guard.public
@guard.rate_limited
def accept_invite(token: str) -> Any:
    address = request.remote_addr or ""
    try:
        user = invitations.accept(token, forms.text("name"), _password(), address)
    except Invalid as exc:
        invited = invitations.find_invited(token)
        return _invite_form(token, invited, forms.posted(), exc.reasons), 422
    except TooBusy as exc:
        invited = invitations.find_invited(token)
        return errors.too_busy(_invite_form(token, invited, forms.posted(), _reasons(exc)), exc)
    return auth.complete_sign_in(user, SignInMethod.LINK, url_for("overview.page"))


def _invite_form(
    token: str, user: User, values: dict[str, Any], errors: dict[str, list[str]] | None = None
) -> str:
    return render_template(
        "auth/new_password.html",
        title=_("Create your account"),
        email=user.email,
        post_to=url_for("passwords.accept_invite", token=token),
        fields=(NAME, auth.NEW_PASSWORD),
        values=values,
        errors=errors or {},
        button=_("Create account"),
    )


@blueprint.get("/new-password/<token>")
@guard.public
def new_password_page(token: str) -> Any:
    return _new_password_form(token, new_passwords.find_person(token))


@blueprint.post("/new-password/<token>")
@guard.public
@guard.rate_limited
def set_new_password(token: str) -> Any:
    """Set the password and sign in.  A person with a second factor signs in with both."""
    try:
        user = new_passwords.use_link(token, _password(), request.remote_addr or "")
    except Invalid as exc:
        return _new_password_form(token, new_passwords.find_person(token), exc.reasons), 422
    except TooBusy as exc:
        person = new_passwords.find_person(token)
        return errors.too_busy(_new_password_form(token, person, _reasons(exc)), exc)
    if user.has_second_factor:
        htmx.toast(_("Your new password is set. Sign in with it."))
        return htmx.redirect(url_for("auth.sign_in_page"))
    return auth.complete_sign_in(user, SignInMethod.LINK, url_for("overview.page"))


def _new_password_form(token: str, user: User, errors: dict[str, list[str]] | None = None) -> str:
    return render_template(
        "auth/new_password.html",
        title=_("Set a new password"),
        email=user.email,
        post_to=url_for("passwords.set_new_password", token=token),
        fields=(auth.NEW_PASSWORD,),
        values={},
        errors=errors or {},
        button=_("Set password and sign in"),
    )


@blueprint.get("/new-address/<token>")
@guard.public
def new_address_page(token: str) -> str:
    user, email = addresses.find(token)
    return render_template("auth/new_address.html", user=user, email=email, token=token)


@blueprint.post("/new-address/<token>")
@guard.public
@guard.rate_limited
def confirm_address(token: str) -> Response:
    user = addresses.confirm(token, request.remote_addr or "")
    htmx.toast(_("Your e-mail address is now %(email)s.", email=user.email))
    return htmx.redirect(url_for("account.page"))


@blueprint.get("/forgotten-password")
@guard.public
def forgotten_page() -> str:
    return _forgotten_form()


@blueprint.post("/forgotten-password")
@guard.public
def forgotten() -> Any:
    """The same page at the same speed for every address, so that it does not reveal accounts."""
    if not mail.is_set_up():
        return htmx.redirect(url_for("passwords.forgotten_page"))
    email = forms.text("email")
    if "@" not in email:
        return _forgotten_form({"email": [_("Enter your e-mail address.")]}), 422
    try:
        new_passwords.ask_for_link(email, request.remote_addr or "")
    except TooBusy as exc:
        return errors.too_busy(_forgotten_form({"email": [str(exc)]}), exc)
    return render_template("auth/forgotten_sent.html", email=email)


def _forgotten_form(errors: dict[str, list[str]] | None = None) -> str:
    return render_template(
        "auth/forgotten.html",
        fields=(sign_in_form.EMAIL,),
        values=forms.posted(),
        errors=errors or {},
        sends_mail=mail.is_set_up(),
    )


def _password() -> str:
    return request.form.get("password", "")[:1000]


def _reasons(exc: TooBusy) -> dict[str, list[str]]:
    return {"password": [str(exc)]}
