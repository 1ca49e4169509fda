"""Checking a second factor, at sign-in and when Relay asks again."""

from __future__ import annotations

from dataclasses import dataclass

from relay.i18n import N_, _
from relay.models import User, db
from relay.services.audit import By, record
from relay.services.users import mails
from relay.services.users.second_factor import passkeys, recovery, totp
from relay.services.users.second_factor.passkeys import PasskeyAnswer
from relay.services.users.throttle import PER_FACTOR, REPORTED, AttemptCounter, too_many


@dataclass(frozen=True)
class Shown:
    """What a person shows: one of them."""

    code: str = ""
    recovery_code: str = ""
    passkey: PasskeyAnswer | None = None

    @property
    def why_refused(self) -> str:
        if self.passkey is not None:
            return _("This passkey was not accepted. Try again, or use another one.")
        if self.recovery_code:
            return _("This recovery code is not right, or was used already.")
        return _("This code is not right, or was used already. Wait for the next one.")


def is_right(user_id: int, shown: Shown, by: By) -> bool:
    """Whether it is right, and used up with this; in the running transaction.

    Codes are limited to 10 wrong ones in 15 minutes for each account, also for its own browser:
    everyone who comes here knows the password.  Raises TooBusy.
    """
    if shown.passkey is not None:
        return passkeys.use(shown.passkey, user_id) is not None
    db.session.rollback()  # no transaction is open while the broker counts
    attempts = AttemptCounter(PER_FACTOR, user_id)
    if not attempts.add():  # counted before it is checked: many at once are not checked either
        if AttemptCounter(REPORTED, "second-factor", user_id).add():
            record(by, "user.second_factor_limited", by.actor)
            db.session.commit()
        raise too_many(attempts.wait_s())
    if shown.recovery_code:
        right = recovery.use(user_id, shown.recovery_code)
        if right:
            record(by, "user.recovery_code_used", by.actor)
    else:
        right = totp.use(user_id, shown.code)
    if right:
        attempts.clear()
    return right


def check(user_id: int, shown: Shown, by: By) -> str | None:
    """The second step of signing in.  None if it is right, else a sentence.  Raises TooBusy."""
    right = is_right(user_id, shown, by)
    if not right:
        record(by, "user.second_factor_refused", by.actor)
    db.session.commit()
    if right and shown.recovery_code:
        mails.report_factor(db.session.get_one(User, user_id), N_("A recovery code was used"), by)
    return None if right else shown.why_refused
