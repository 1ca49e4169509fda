"""The first step of signing in: an e-mail address and a password."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select

from relay.database import READ_ONLY
from relay.errors import TooBusy
from relay.models import User, db
from relay.services.audit import By, record
from relay.services.users import passwords
from relay.services.users.throttle import SignInThrottle


def check_password(
    email: str, password: str, address: str, known: Mapping[int, str] | None = None
) -> User | None:
    """The active user, if the password is right; a refusal is audited.

    ``known`` are the users who signed in from this browser before, each with the browser's id.  No
    transaction is open while the password is hashed.  Raises TooBusy.
    """
    if not known:
        passwords.check_free()
    email = email.strip().lower()[:254]
    user = _read_user(email)
    browser = (known or {}).get(user.id, "") if user else ""
    throttle = SignInThrottle(email, address, browser)
    # an unknown address is not stored: it can be anyone's address, or a password
    label = user.email if user else "unknown address"
    by = By(label, address)
    try:
        throttle.check()
    except TooBusy:
        if throttle.reported.add():  # a flood does not fill the audit log
            record(by, "user.sign_in_limited", label)
            db.session.commit()
        raise
    right = passwords.is_right(user.password_hash if user else "", password, bool(browser))
    if right and user is not None and user.is_active:
        return user
    throttle.count_failure()
    record(by, "user.sign_in_refused", label)
    db.session.commit()
    return None


def _read_user(email: str) -> User | None:
    """The user, detached: no transaction is open afterwards."""
    db.session.connection(execution_options=READ_ONLY)
    user = db.session.scalar(select(User).where(User.email == email))
    if user is not None:
        db.session.expunge(user)
    db.session.rollback()
    return user
