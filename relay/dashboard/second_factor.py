"""The person's own second factors: authenticator app, passkeys and recovery codes."""

from __future__ import annotations

from typing import Any

import segno
from flask import Blueprint, Response, jsonify, render_template, session, url_for
from markupsafe import Markup

from relay import secrets
from relay.dashboard import forms, guard, htmx, passkey_forms, shown_once
from relay.errors import Invalid, Refusal, SecretUnreadable
from relay.i18n import N_, _
from relay.services.users import proof
from relay.services.users.second_factor import passkeys, policy, recovery, totp

blueprint = Blueprint("second_factor", __name__, url_prefix="/account/second-factor")
NEW_APP = "new-authenticator"  # in the session: the sealed secret of an app that is being set up
CODES = "recovery-codes"  # see shown_once
NAME = forms.Field(
    "name",
    N_("Name"),
    required=True,
    placeholder=N_("Laptop"),
    help=N_("To tell your passkeys from each other."),
)


def own_page(*, proof: bool = False) -> Any:
    """For everyone, also before the second factor that a role needs is set up."""
    return guard.requires("viewer", proof=proof, limited=True, before_factor=True)


@blueprint.get("")
@own_page()
def page() -> str:
    person = guard.signed_in()
    return render_template(
        "account/second_factor.html",
        factors=proof.factors_of(person.id),
        passkeys=passkeys.list_passkeys(person.id),
        left=recovery.left(person.id),
        few=recovery.FEW,
        with_passkeys=passkey_forms.party() is not None,
        is_required=person.role in policy.required_roles(),
    )


@blueprint.get("/app")
@own_page(proof=True)
def app_page() -> Any:
    return _app_page()


@blueprint.post("/app")
@own_page(proof=True)
def confirm_app() -> Any:
    """Save the app if its code is right; then show recovery codes if there are none."""
    person, secret = guard.signed_in(), _new_secret()
    try:
        totp.confirm(
            person.id, person.session_id, secret, forms.text("code")[:64], guard.current_by()
        )
    except Invalid as exc:
        return _app_page(exc.reasons), 422
    session.pop(NEW_APP, None)
    return _done(_("The authenticator app is set up."))


@blueprint.post("/app/remove")
@own_page(proof=True)
def remove_app() -> Any:
    person = guard.signed_in()
    return _try(
        lambda: totp.remove(person.id, person.session_id, guard.current_by()),
        _("The authenticator app was removed. Your other browsers were signed out."),
    )


def _app_page(errors: dict[str, list[str]] | None = None) -> str:
    secret = _new_secret()
    uri = totp.setup_uri(secret, guard.signed_in().email)
    code = segno.make(uri, micro=False)
    return render_template(
        "account/app.html",
        picture=Markup(code.svg_inline(scale=5, border=3, light="#fff")),  # noqa: S704 - made here
        uri=uri,
        secret=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        errors=errors or {},
    )


def _new_secret() -> str:
    """The secret of the app that is being set up: the same until it is confirmed."""
    kept = session.get(NEW_APP)
    try:
        return secrets.box().open_sealed(kept) if kept else _make_secret()
    except SecretUnreadable:
        return _make_secret()


def _make_secret() -> str:
    secret = totp.new_secret()
    session[NEW_APP] = secrets.box().seal(secret)
    return secret


@blueprint.get("/passkeys/new")
@own_page(proof=True)
def passkey_page() -> Any:
    return _passkey_page()


def _passkey_page(errors: dict[str, list[str]] | None = None) -> Any:
    party = passkey_forms.party()
    if party is None:
        return htmx.redirect(url_for("second_factor.page", _anchor="passkeys"))
    return render_template(
        "account/passkey.html",
        party=party,
        name_field=NAME,
        values=forms.posted(),
        errors=errors or {},
    )


@blueprint.post("/passkeys/options")
@own_page(proof=True)
def passkey_options() -> Any:
    """What the browser needs to make a passkey."""
    party = passkey_forms.party()
    if party is None:
        return jsonify(sentence=_("Passkeys can't be made at this address.")), 409
    options = passkeys.creation_options(guard.signed_in().id, party)
    return jsonify(passkey_forms.keep_challenge(options))


@blueprint.post("/passkeys")
@own_page(proof=True)
def add_passkey() -> Any:
    """Register the passkey that the browser made; then show recovery codes if there are none."""
    person, answer = guard.signed_in(), passkey_forms.answer("passkey")
    if answer is None:
        missing = _("The browser sent no passkey. Passkeys need JavaScript.")
        return _passkey_page({"passkey": [missing]}), 422
    try:
        made = passkeys.add(
            person.id, person.session_id, forms.text("name"), answer, guard.current_by()
        )
    except Invalid as exc:
        return _passkey_page(exc.reasons), 422
    except Refusal as exc:
        return _passkey_page({"passkey": [str(exc)]}), 422
    return _done(_("The passkey %(name)s was added.", name=made.name))


@blueprint.post("/passkeys/<int:passkey_id>/rename")
@own_page()
def rename_passkey(passkey_id: int) -> Any:
    return _try(
        lambda: passkeys.rename(
            guard.signed_in().id, passkey_id, forms.text("name"), guard.current_by()
        ),
        _("The passkey was renamed."),
    )


@blueprint.post("/passkeys/<int:passkey_id>/remove")
@own_page(proof=True)
def remove_passkey(passkey_id: int) -> Any:
    person = guard.signed_in()
    return _try(
        lambda: passkeys.remove(person.id, person.session_id, passkey_id, guard.current_by()),
        _("The passkey was removed. Your other browsers were signed out."),
    )


@blueprint.post("/recovery-codes")
@own_page(proof=True)
def make_codes() -> Any:
    """Show a new set of recovery codes, once."""
    factors = proof.factors_of(guard.signed_in().id)
    if not (factors.code or factors.passkey):
        htmx.toast(_("Set up a second factor first."), "danger")
        return htmx.redirect(url_for("second_factor.page"))
    return _codes_page()


def _done(sentence: str) -> Any:
    htmx.toast(sentence)
    if recovery.left(guard.signed_in().id):
        return htmx.redirect(url_for("second_factor.page"))
    return _codes_page()


def _codes_page() -> Any:
    codes = recovery.make(guard.signed_in().id, guard.current_by())
    shown_once.keep(CODES, {"codes": " ".join(codes)})
    return htmx.redirect(url_for("second_factor.codes_page"))


@blueprint.get("/recovery-codes")
@own_page()
def codes_page() -> Any:
    """The codes that were just made; a reload leads back and changes nothing."""
    made = shown_once.take(CODES)
    if made is None:
        return htmx.redirect(url_for("second_factor.page"))
    return render_template("account/recovery_codes.html", codes=made["codes"].split())


def _try(action: Any, sentence: str) -> Response:
    """Do it and go back to the page, with a toast either way."""
    try:
        action()
        htmx.toast(sentence)
    except Invalid as exc:
        htmx.toast(" ".join(why for reasons in exc.reasons.values() for why in reasons), "danger")
    return htmx.redirect(url_for("second_factor.page"))
