"""Proof: a signed-in person shows a password or a second factor again before a sensitive change."""

from __future__ import annotations

from dataclasses import dataclass

from relay.database import READ_ONLY
from relay.models import User, db
from relay.services.audit import By, record
from relay.services.users import passwords, sessions
from relay.services.users.throttle import PER_SESSION, AttemptCounter


@dataclass(frozen=True)
class Factors:
    """What a person can show."""

    password: bool
    code: bool
    passkey: bool


def factors_of(user_id: int) -> Factors:
    user = db.session.get_one(User, user_id)
    return Factors(
        password=bool(user.password_hash),
        code=user.totp_sealed is not None,
        passkey=bool(user.passkeys),
    )


def check(user_id: int, session_id: int, password: str, code: str, by: By) -> str | None:
    """None if the proof is right, which is then remembered; else a sentence.  Raises TooBusy."""
    attempts = AttemptCounter(PER_SESSION, session_id)
    attempts.check()
    if not _is_right(user_id, password, code):
        attempts.add()
        record(by, "user.proof_refused", by.actor)
        db.session.commit()
        return "This password is not right. Try again."
    sessions.prove(session_id)
    db.session.commit()
    return None


def _is_right(user_id: int, password: str, code: str) -> bool:
    db.session.rollback()  # hash outside the transaction
    db.session.connection(execution_options=READ_ONLY)
    password_hash = db.session.get_one(User, user_id).password_hash
    db.session.rollback()
    return passwords.is_right(password_hash, password)
