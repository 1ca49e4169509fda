"""The second step of signing in, and signing in with a passkey alone.

After the right password, the session says for 5 minutes who may do the second step.  It gives access
to nothing: only the second factor starts a session of the person.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from flask import (
    Blueprint,
    Response,
    jsonify,
    make_response,
    render_template,
    request,
    session,
    url_for,
)

from relay.dashboard import (
    errors,
    forms,
    guard,
    htmx,
    kept_forms,
    known_browsers,
    passkey_forms,
)
from relay.errors import NotFound, TooBusy
from relay.i18n import N_, _
from relay.models import User, db
from relay.rules.states import SignInMethod
from relay.services.audit import By, record
from relay.services.users import accounts as user_accounts
from relay.services.users import proof
from relay.services.users.second_factor import check, passkeys, recovery
from relay.services.users.second_factor.check import Shown
from relay.services.users.throttle import PER_ADDRESS, AttemptCounter, network_of

blueprint = Blueprint("second_step", __name__)
PENDING = "second-step"
LASTS_S = 300
EXPIRED = N_("The second step took longer than 5 minutes. Sign in again.")
NO_PARTY = N_("Passkeys can't be used at this address. Open Relay at its https:// address.")
UNKNOWN = N_("This passkey was not accepted. It may have been removed. Sign in with your password.")


@dataclass(frozen=True)
class Pending:
    """Who may do the second step, how the first one was done, and the page to continue with."""

    user_id: int
    method: SignInMethod
    target: str


def begin(user: User, method: SignInMethod, target: str) -> Response:
    """Lead to the second step.  Nothing of the previous session remains."""
    changed = str(user.password_changed_at or "")
    guard.forget()
    session[PENDING] = {
        "user": user.id,
        "method": method.value,
        "target": target,
        "at": int(time.time()),
        "password": changed,
    }
    if request.form.get(kept_forms.FIELD):  # a redirect would lose it
        return make_response(_form(Pending(user.id, method, target)))
    return htmx.redirect(url_for("second_step.page"))


def finish(user: User, method: SignInMethod, target: str) -> Response:
    """Start the session and continue with ``target``, or with the form that was kept."""
    kept = kept_forms.use(user.id)
    guard.sign_in(user, method)
    if kept is None:
        kept_forms.say_dropped()
    page = htmx.redirect(target) if kept is None else make_response(kept_forms.continue_page(kept))
    return known_browsers.remember(page, user.id)


def find_pending() -> Pending | None:
    """Who may do the second step; None if no one, or if it took too long."""
    kept = session.get(PENDING)
    if kept is None or not 0 <= time.time() - kept["at"] < LASTS_S:
        return None
    return Pending(kept["user"], SignInMethod(kept["method"]), kept["target"])


@blueprint.get("/sign-in/second-step")
@guard.public
def page() -> Any:
    pending = find_pending()
    return _start_again() if pending is None else _form(pending)


@blueprint.post("/sign-in/second-step")
@guard.public
def show() -> Any:
    """Check the code, passkey or recovery code, and sign in."""
    pending = find_pending()
    if pending is None:
        return _start_again()
    user = _find_user(pending)
    if user is None:
        return _start_again()
    shown = Shown(
        code=forms.text("code")[:64],
        recovery_code=forms.text("recovery_code")[:64],
        passkey=passkey_forms.answer("passkey"),
    )
    try:
        why = check.check(user.id, shown, By(user.email, request.remote_addr or ""))
    except TooBusy as exc:
        return errors.too_busy(_form(pending, str(exc)), exc)
    if why is not None:
        return _form(pending, why), 422
    user = _find_user(pending)  # as it is now, after the code was checked
    if user is None:
        return _start_again()
    response = finish(user, pending.method, pending.target)
    if shown.recovery_code:
        left = recovery.left(user.id)
        htmx.toast(
            _("You used a recovery code. Unused codes: %(left)s.", left=left),
            href=url_for("second_factor.page"),
            action=_("Second factor"),
        )
    return response


def _find_user(pending: Pending) -> User | None:
    """The person, if nothing ended the sign-in in between."""
    try:
        user = user_accounts.user_by_id(pending.user_id)
    except NotFound:
        return None
    is_same = str(user.password_changed_at or "") == session.get(PENDING, {}).get("password")
    return user if user.is_active and is_same else None


def _start_again() -> Response:
    session.pop(PENDING, None)
    htmx.toast(_(EXPIRED), "danger")
    return htmx.redirect(url_for("auth.sign_in_page"))


def _form(pending: Pending, why: str = "") -> str:
    return render_template(
        "auth/second_step.html",
        factors=proof.factors_of(pending.user_id),
        with_passkeys=passkey_forms.party() is not None,
        is_recovery=bool(why and forms.text("recovery_code")),
        kept=request.form.get(kept_forms.FIELD, ""),
        why=why,
    )


@blueprint.post("/passkeys/options")
@guard.public
def options() -> Any:
    """What the browser needs to use a passkey: of the person who signs in or is signed in, or any."""
    party = passkey_forms.party()
    if party is None:
        return jsonify(sentence=_(NO_PARTY)), 409
    person, pending = guard.find_person(), find_pending()
    user_id = person.id if person else pending.user_id if pending else None
    return jsonify(passkey_forms.keep_challenge(passkeys.request_options(party, user_id)))


@blueprint.post("/sign-in/passkey")
@guard.public
def sign_in() -> Any:
    """Sign in with a passkey alone: it is something that a person has, and is unlocked by the person."""
    target, address = guard.local_path(request.form.get("next", "/")), request.remote_addr or ""
    attempts = AttemptCounter(PER_ADDRESS, network_of(address))
    attempts.check()
    answer = passkey_forms.answer("passkey")
    user = passkeys.use(answer) if answer else None
    if user is None or not user.is_active:
        db.session.rollback()
        attempts.add()
        who = user.email if user else "unknown"
        record(By(who, address), "user.sign_in_refused", who, method=SignInMethod.PASSKEY.value)
        db.session.commit()
        htmx.toast(_(UNKNOWN), "danger")
        return htmx.redirect(url_for("auth.sign_in_page", next=target if target != "/" else None))
    return finish(user, SignInMethod.PASSKEY, target)
