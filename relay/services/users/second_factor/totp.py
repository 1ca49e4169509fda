"""Codes of an authenticator app (TOTP, RFC 6238): 6 digits, a new one every 30 seconds."""

from __future__ import annotations

import hmac
import re

import pyotp
from sqlalchemy import or_, update

from relay import database, secrets
from relay.errors import Invalid, Refusal
from relay.i18n import N_, _
from relay.models import User, db
from relay.services.audit import By, record
from relay.services.users import mails, sessions
from relay.services.users.second_factor import recovery

PERIOD_S = 30
NEIGHBOURS = (0, -1, 1)  # the clock of a phone may be off by one step
CODE = re.compile(r"[0-9]{6}")


def new_secret() -> str:
    """160 bits as base32, for one app."""
    return pyotp.random_base32()


def setup_uri(secret: str, email: str) -> str:
    """What the QR code holds."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name="Relay")


def step_of(secret: str, code: str, now_s: float) -> int | None:
    """The time step to which the code belongs; None if it is wrong, or off by more than one step."""
    code = "".join(code.split())
    if not CODE.fullmatch(code):
        return None
    current, codes = int(now_s // PERIOD_S), pyotp.HOTP(secret)
    steps = [current + offset for offset in NEIGHBOURS]
    right = [step for step in steps if step >= 0 and hmac.compare_digest(codes.at(step), code)]
    return right[0] if right else None


def confirm(user_id: int, session_id: int, secret: str, code: str, by: By) -> None:
    """Save the app, once it shows the right code.  It replaces an app that was set up before.

    The first factor of a person ends the person's other sessions, which began without it.  Raises
    Invalid.
    """
    user = db.session.get_one(User, user_id, with_for_update=True)
    step = step_of(secret, code, database.now(db.session).timestamp())
    if step is None:
        db.session.rollback()
        raise Invalid(
            {
                "code": [
                    _(
                        "This code is not right. Enter the newest one; the phone's clock must be right."
                    )
                ]
            }
        )
    is_first = not user.has_second_factor
    user.totp_sealed, user.totp_used_step = secrets.box().seal(secret), step
    record(by, "user.totp_add", user.email)
    if is_first:
        sessions.end_all(user, by, but=session_id)
    db.session.commit()
    mails.report_factor(user, N_("An authenticator app was set up"), by)


def use(user_id: int, code: str) -> bool:
    """Whether the code is right and was not used yet, in the running transaction.

    Of two requests with the same code, one gets it.  Raises SecretUnreadable.
    """
    user = db.session.get(User, user_id)
    if user is None or user.totp_sealed is None:
        return False
    secret = secrets.box().open_sealed(user.totp_sealed)
    step = step_of(secret, code, database.now(db.session).timestamp())
    if step is None:
        return False
    is_unused = or_(User.totp_used_step.is_(None), User.totp_used_step < step)
    used = db.session.execute(
        update(User)
        .where(User.id == user_id, User.totp_sealed == user.totp_sealed, is_unused)
        .values(totp_used_step=step),
        execution_options={"synchronize_session": False},
    )
    return bool(used.rowcount)  # type: ignore[attr-defined]


def remove(user_id: int, session_id: int | None, by: By) -> None:
    """Remove the app, and end all sessions of the person but ``session_id``.  Raises Refusal."""
    user = db.session.get_one(User, user_id, with_for_update=True)
    if user.totp_sealed is None:
        db.session.rollback()
        raise Refusal(_("No authenticator app is set up."))
    user.totp_sealed = user.totp_used_step = None
    record(by, "user.totp_remove", user.email)
    recovery.drop_unneeded(user)
    sessions.end_all(user, by, but=session_id)
    db.session.commit()
    mails.report_factor(user, N_("The authenticator app was removed"), by)
