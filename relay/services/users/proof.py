"""Proof: a signed-in person shows a password or a second factor again before a sensitive change."""

from __future__ import annotations

from dataclasses import dataclass

from relay.i18n import N_, _
from relay.models import User, db
from relay.services.audit import By, record
from relay.services.users import passwords, sessions
from relay.services.users.accounts import read_password_hash
from relay.services.users.second_factor import check as second_factor
from relay.services.users.second_factor.check import Shown
from relay.services.users.throttle import PER_SESSION, AttemptCounter

WRONG_PASSWORD = N_("This password is not right. Try again.")  # noqa: S105


@dataclass(frozen=True)
class Factors:
    """What a person can show.  ``provider``: sign in again at the single sign-on provider."""

    password: bool
    code: bool
    passkey: bool
    provider: bool = False

    @property
    def are_none(self) -> bool:
        return not (self.password or self.code or self.passkey or self.provider)


def factors_of(user_id: int) -> Factors:
    user = db.session.get_one(User, user_id)
    return Factors(
        password=bool(user.password_hash),
        code=user.totp_sealed is not None,
        passkey=bool(user.passkeys),
        provider=bool(user.oidc_subject),
    )


def check(user_id: int, session_id: int, password: str, shown: Shown, by: By) -> str | None:
    """None if one of them is right, which is then remembered; else a sentence.  Raises TooBusy.

    Recovery codes are for signing in only.
    """
    attempts = AttemptCounter(PER_SESSION, session_id)
    attempts.check()
    is_factor = bool(shown.code) or shown.passkey is not None
    if is_factor:
        right = second_factor.is_right(user_id, shown, by)
    else:
        right = passwords.is_right(read_password_hash(user_id), password)
    if not right:
        attempts.add()
        record(by, "user.proof_refused", by.actor)
        db.session.commit()
        return shown.why_refused if is_factor else _(WRONG_PASSWORD)
    sessions.prove(session_id)
    db.session.commit()
    return None
