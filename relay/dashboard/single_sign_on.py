"""Signing in at a provider of OpenID Connect, and proving there that it is still the same person."""

from __future__ import annotations

import hmac
import time
from typing import Any

from flask import Blueprint, Response, current_app, request, session, url_for

from config import Config
from relay.dashboard import guard, htmx, second_step
from relay.dashboard.auth import complete_sign_in
from relay.errors import Refusal, TooBusy
from relay.i18n import N_, _, english
from relay.models import User, db
from relay.rules.states import SignInMethod
from relay.services.audit import By, record
from relay.services.users import oidc, sessions, single_sign_on
from relay.services.users.oidc import Identity, OidcProvider, Request
from relay.services.users.throttle import PER_ADDRESS, AttemptCounter, network_of

blueprint = Blueprint("single_sign_on", __name__)
STARTED = "single-sign-on"
LASTS_S = 600
NOT_STARTED = N_(
    "This sign-in did not begin in this browser, or took longer than 10 minutes. Try again."
)
IS_OFF = N_("Single sign-on is not set up in this Relay.")
NO_TIME = N_(
    "Your provider does not say when you entered your password, so Relay can't use it here. "
    "Sign out and sign in again, or set up a second factor."
)


def _redirect_uri() -> str:
    config: Config = current_app.extensions["relay_config"]
    path = url_for("single_sign_on.callback")
    return (config.public_url or request.host_url.rstrip("/")) + path


@blueprint.get("/sign-in/single-sign-on")
@guard.public
def start() -> Any:
    """Send the browser to the provider."""
    return _start(is_proof=False)


@blueprint.get("/proof/single-sign-on")
@guard.requires("viewer", limited=True, before_factor=True)
def start_proof() -> Any:
    """Send the browser to the provider, which asks for the password again."""
    return _start(is_proof=True)


def _start(is_proof: bool) -> Response:
    target, provider = guard.local_path(request.args.get("next", "/")), oidc.find_provider()
    if provider is None:
        return _back(_(IS_OFF), target, is_proof)
    db.session.rollback()  # no transaction is open during a call
    try:
        url, made = provider.start(_redirect_uri(), is_proof)
    except Refusal as exc:
        return _back(str(exc), target, is_proof)
    session[STARTED] = {
        **vars(made), "next": target, "at": int(time.time()), "proof": is_proof,
    }  # fmt: skip
    return htmx.redirect(url)


@blueprint.get("/sign-in/single-sign-on/callback")
@guard.public
def callback() -> Any:
    """What the provider answers, through the browser: a code, or an error."""
    provider, kept = oidc.find_provider(), session.pop(STARTED, None)
    is_same = kept is not None and hmac.compare_digest(
        kept["state"].encode(), request.args.get("state", "").encode("utf-8", "replace")
    )
    if (
        provider is None
        or kept is None
        or not is_same
        or not 0 <= time.time() - kept["at"] < LASTS_S
    ):
        return _back(_(NOT_STARTED), "/", False)
    target, is_proof = kept["next"], kept["proof"]
    attempts = AttemptCounter(PER_ADDRESS, network_of(request.remote_addr or ""))
    db.session.rollback()  # no transaction is open during a call
    try:
        attempts.check()
        identity = _identity(provider, kept)
        if is_proof:
            return _prove(identity, kept["at"], target)
        user = single_sign_on.find_user(provider.settings, identity, request.remote_addr or "")
    except TooBusy as exc:
        return _back(str(exc), target, is_proof)
    except Refusal as exc:
        attempts.add()
        return _back(str(exc), target, is_proof)
    if not identity.is_mfa:
        return complete_sign_in(user, SignInMethod.OIDC, target)
    response = second_step.finish(user, SignInMethod.OIDC, target)
    session[guard.PROVIDER_CHECKED] = True
    return response


def _identity(provider: OidcProvider, kept: dict[str, Any]) -> Identity:
    """Raises Refusal."""
    label = provider.settings.label
    if error := request.args.get("error", ""):
        canceled = error == "access_denied"
        raise Refusal(
            _(
                "The sign-in with %(label)s was canceled, or you have no access to Relay there.",
                label=label,
            )
            if canceled
            else _(
                "%(label)s could not sign you in (%(error)s). Try again.",
                label=label,
                error=error[:60],
            )
        )
    made = Request(kept["state"], kept["nonce"], kept["verifier"])
    try:
        return provider.finish(made, request.args.get("code", "")[:4000], _redirect_uri())
    except oidc.TokenRefused as exc:
        by = By("unknown", request.remote_addr or "")
        record(by, "user.single_sign_on_refused", "unknown", reason=english(exc))
        db.session.commit()
        raise


def _prove(identity: Identity, started_at: int, target: str) -> Response:
    """Remember the proof, if the same person showed a password at the provider just now."""
    person = guard.find_person()
    if person is None:
        return guard.sign_in_first()
    if db.session.get_one(User, person.id).oidc_subject != identity.subject:
        raise Refusal(_("You signed in there as someone else. Use your own account."))
    if identity.auth_time is None or identity.auth_time < started_at - oidc.LEEWAY_S:
        raise Refusal(_(NO_TIME))
    sessions.prove(person.session_id)
    db.session.commit()
    return htmx.redirect(target)


def _back(sentence: str, target: str, is_proof: bool) -> Response:
    """To the page where it began, with the reason."""
    htmx.toast(sentence, "danger")
    endpoint = "auth.proof_page" if is_proof else "auth.sign_in_page"
    return htmx.redirect(url_for(endpoint, next=target if target != "/" else None))
