"""The first-run link, signing in and signing out."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request, url_for
from flask_wtf.csrf import generate_csrf

from relay.dashboard import (
    errors,
    forms,
    guard,
    htmx,
    known_browsers,
    second_step,
    sign_in_form,
)
from relay.errors import Invalid, TooBusy
from relay.i18n import N_, _
from relay.models import User
from relay.rules.states import SignInMethod
from relay.services.users import accounts as user_accounts
from relay.services.users import sessions
from relay.services.users import sign_in as sign_in_service
from relay.services.users.passwords import SHORTEST

blueprint = Blueprint("auth", __name__)
WRONG = N_("Wrong e-mail address or password. Try again.")
NEW_PASSWORD = forms.Field(
    "password",
    N_("Password"),
    "password",
    required=True,
    autocomplete="new-password",
    help=N_("At least %(num)s characters. Three or four unrelated words are easy to remember."),
    help_values={"num": SHORTEST},
)


@blueprint.get("/sign-in")
@guard.public
def sign_in_page() -> Any:
    if not user_accounts.count_users():
        return render_template("auth/no_users.html")
    if guard.find_person() is not None:
        return htmx.redirect(guard.local_path(request.args.get("next", "/")))
    return _sign_in_form()


@blueprint.post("/sign-in")
@guard.public
def sign_in() -> Any:
    try:
        user = sign_in_service.check_password(
            forms.text("email"),
            request.form.get("password", "")[:1000],
            request.remote_addr or "",
            known_browsers.read(),
        )
    except TooBusy as exc:
        return errors.too_busy(_sign_in_form({"password": [str(exc)]}), exc)
    if user is None:
        return _sign_in_form({"password": [_(WRONG)]}), 422
    return complete_sign_in(user_accounts.user_by_id(user.id), SignInMethod.PASSWORD)


def complete_sign_in(user: User, method: SignInMethod, target: str = "") -> Response:
    """Continue with the page that was asked for; before, with the second step if there is one."""
    target = target or guard.local_path(request.form.get("next", "/"))
    if method != SignInMethod.PASSKEY and user.has_second_factor:
        return second_step.begin(user, method, target)
    return second_step.finish(user, method, target)


def _sign_in_form(errors: dict[str, list[str]] | None = None) -> str:
    return sign_in_form.render(guard.local_path(request.values.get("next", "/")), errors)


@blueprint.get("/session")
@guard.requires("viewer", limited=True, before_factor=True)
def session_state() -> Response:
    """Who is signed in, and the token for the forms of a page that an earlier session made."""
    return jsonify(email=guard.signed_in().email, csrf_token=generate_csrf())


@blueprint.post("/sign-out")
@guard.requires("viewer", limited=True, before_factor=True)
def sign_out() -> Response:
    """End the session of this browser."""
    person = guard.signed_in()
    sessions.end(person.id, person.session_id, guard.current_by())
    guard.forget()
    return htmx.redirect(url_for("auth.sign_in_page"))


@blueprint.get("/proof")
@guard.requires("viewer", limited=True, before_factor=True)
def proof_page() -> str:
    return _proof_form()


@blueprint.post("/proof")
@guard.requires("viewer", limited=True, before_factor=True)
def prove() -> Any:
    """Check the password or second factor, then lead back to the page that needs it."""
    try:
        why = guard.check_proof(guard.signed_in())
    except TooBusy as exc:
        return errors.too_busy(_proof_form(str(exc)), exc)
    if why is not None:
        return _proof_form(why), 422
    return htmx.redirect(guard.local_path(request.form.get("next", "/")))


def _proof_form(why: str = "") -> str:
    back = guard.local_path(request.values.get("next", "/"))
    return guard.proof_form(guard.signed_in(), url_for("auth.prove"), [("next", back)], back, why)


@blueprint.get("/first-run/<token>")
@guard.public
def first_run_page(token: str) -> Any:
    user_accounts.find_first_run(token)
    return _first_run_form(token)


@blueprint.post("/first-run/<token>")
@guard.public
@guard.rate_limited
def first_run(token: str) -> Any:
    """Create the first admin, sign in and continue with the first site."""
    try:
        user = user_accounts.create_first_admin(
            token,
            forms.text("email"),
            request.form.get("password", "")[:1000],
            request.remote_addr or "",
        )
    except Invalid as exc:
        return _first_run_form(token, exc.reasons), 422
    return complete_sign_in(user, SignInMethod.LINK, url_for("sources.new_page"))


def _first_run_form(token: str, errors: dict[str, list[str]] | None = None) -> str:
    return render_template(
        "auth/first_run.html",
        fields=(sign_in_form.EMAIL, NEW_PASSWORD),
        values=forms.posted(),
        errors=errors or {},
        token=token,
    )
