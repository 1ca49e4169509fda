"""The first-run link, signing in and signing out."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, render_template, request, url_for
from flask_limiter.util import get_remote_address

from relay.dashboard import forms, guard, htmx
from relay.errors import Invalid
from relay.extensions import limiter
from relay.services.users import accounts as user_accounts
from relay.services.users.passwords import SHORTEST

blueprint = Blueprint("auth", __name__)
WRONG = "Wrong e-mail address or password. Try again."
EMAIL = forms.Field("email", "E-mail address", "email", required=True, autocomplete="username")
PASSWORD = forms.Field(
    "password", "Password", "password", required=True, autocomplete="current-password"
)
NEW_PASSWORD = forms.Field(
    "password",
    "Password",
    "password",
    required=True,
    autocomplete="new-password",
    help=f"At least {SHORTEST} characters. Three or four unrelated words are easy to remember.",
)


def account() -> str:
    """The key that counts sign-in attempts per account, from all addresses.

    Its limit is three times that of one address: guessing from one place does not lock the owner out.
    """
    return f"account:{forms.text('email').lower()[:254]}"


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
@limiter.limit("10/minute", key_func=get_remote_address)
@limiter.limit("30/minute", key_func=account)
def sign_in() -> Any:
    user = user_accounts.check_login(
        forms.text("email"), request.form.get("password", "")[:1000], request.remote_addr or ""
    )
    if user is None:
        return _sign_in_form({"password": [WRONG]}), 422
    guard.sign_in(user)
    return htmx.redirect(guard.local_path(request.form.get("next", "/")))


def _sign_in_form(errors: dict[str, list[str]] | None = None) -> str:
    return render_template(
        "auth/sign_in.html",
        fields=(EMAIL, PASSWORD),
        values=forms.posted(),
        errors=errors or {},
        next=guard.local_path(request.values.get("next", "/")),
    )


@blueprint.post("/sign-out")
@guard.requires("viewer")
def sign_out() -> Response:
    """End all sessions of this user, on all devices."""
    person = guard.find_person()
    user = user_accounts.user_by_id(person.id) if person else None
    if user is not None:
        user_accounts.end_sessions(user, guard.current_by())
    guard.forget()
    return htmx.redirect(url_for("auth.sign_in_page"))


@blueprint.get("/first-run/<token>")
@guard.public
def first_run_page(token: str) -> Any:
    user_accounts.find_first_run(token)
    return _first_run_form(token)


@blueprint.post("/first-run/<token>")
@guard.public
@limiter.limit("20/minute")
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
    guard.sign_in(user)
    return htmx.redirect(url_for("sources.new_page"))


def _first_run_form(token: str, errors: dict[str, list[str]] | None = None) -> str:
    return render_template(
        "auth/first_run.html",
        fields=(EMAIL, NEW_PASSWORD),
        values=forms.posted(),
        errors=errors or {},
        token=token,
    )
