"""Users: who can sign in, and how the first admin gets an account."""

from __future__ import annotations

import hashlib
import re
import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import func, select, update

from relay.errors import Invalid, NotFound
from relay.models import ROLES, OneTimeLink, User, db, db_now
from relay.rules.states import LinkPurpose, Role
from relay.services.audit import By, record
from relay.services.users import passwords

HASHER = PasswordHasher()
EMAIL = re.compile(r"[^@\s,;<>]{1,64}@[^@\s,;<>]{1,189}")


@cache
def _hash_of_nobody() -> str:
    """Verified for unknown addresses, so that they take as long as known ones."""
    return HASHER.hash(secrets.token_urlsafe(16))


def count_users() -> int:
    return db.session.scalar(select(func.count()).select_from(User)) or 0


def list_users() -> list[User]:
    return list(db.session.scalars(select(User).order_by(User.email)))


def create_user(email: str, password: str, role: str, by: By) -> User:
    """A new user.  Raises Invalid with the reasons per field."""
    email = email.strip().lower()
    reasons: dict[str, list[str]] = {}
    if not EMAIL.fullmatch(email):
        reasons["email"] = ["This is not an e-mail address."]
    elif db.session.scalar(select(User.id).where(User.email == email)):
        reasons["email"] = ["A user with this address already exists."]
    if role not in ROLES:
        reasons["role"] = [f"A role is one of {', '.join(ROLES)}."]
    if why := passwords.why_refused(password, email):
        reasons["password"] = [why]
    if reasons:
        raise Invalid(reasons)
    user = User(
        email=email,
        password_hash=HASHER.hash(password),
        role=role,
        session_token=secrets.token_urlsafe(24),
    )
    db.session.add(user)
    record(by, "user.create", email, role=role)
    db.session.commit()
    return user


def check_login(email: str, password: str, by_address: str) -> User | None:
    """The user, if the password is right and the user is active; audited either way."""
    email = email.strip().lower()
    user = db.session.scalar(select(User).where(User.email == email))
    nobody = (
        _hash_of_nobody()
    )  # computed for known addresses too, or the first request would take longer
    try:
        HASHER.verify(user.password_hash if user else nobody, password)
        good = user is not None and user.is_active
    except (VerificationError, InvalidHashError):
        good = False
    by = By(email[:254] or "nobody", by_address)
    record(by, "user.sign_in" if good else "user.sign_in_refused", email)
    if good and user is not None:
        user.last_login_at = db_now()  # type: ignore[assignment]
    db.session.commit()
    return user if good else None


def end_sessions(user: User, by: By) -> None:
    """Sign the person out everywhere."""
    user.session_token = secrets.token_urlsafe(24)
    record(by, "user.sign_out", user.email)
    db.session.commit()


def user_of_session(session_id: str) -> User | None:
    """The active person of a session id ``<user id>:<session token>``."""
    number, _, token = session_id.partition(":")
    if not number.isdigit():
        return None
    user = db.session.get(User, int(number))
    if user is None or not user.is_active:
        return None
    return user if secrets.compare_digest(user.session_token, token) else None


def user_by_id(user_id: int) -> User | None:
    return db.session.get(User, user_id)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def make_first_run_token() -> str | None:
    """The secret of a fresh first-run link; None if a user exists.

    Older first-run links stop working.
    """
    if count_users():
        return None
    token = secrets.token_urlsafe(24)
    db.session.execute(
        update(OneTimeLink)
        .where(OneTimeLink.purpose == LinkPurpose.FIRST_RUN, OneTimeLink.used_at.is_(None))
        .values(used_at=db_now())
    )
    db.session.add(OneTimeLink(purpose=LinkPurpose.FIRST_RUN, token_sha256=_digest(token)))
    db.session.commit()
    return token


def find_first_run(token: str) -> OneTimeLink:
    """The unused first-run link of this secret.  Raises NotFound."""
    link = db.session.scalar(
        select(OneTimeLink).where(
            OneTimeLink.purpose == LinkPurpose.FIRST_RUN,
            OneTimeLink.token_sha256 == _digest(token),
            OneTimeLink.used_at.is_(None),
        )
    )
    if link is None or count_users():
        raise NotFound(
            "This link was already used, or a newer one exists. "
            "Sign in, or restart Relay to get a new link."
        )
    return link


def create_first_admin(token: str, email: str, password: str, by_address: str) -> User:
    """The first admin, by a first-run link that works once.  Raises NotFound, Invalid."""
    find_first_run(token)
    used = db.session.execute(
        update(OneTimeLink)
        .where(OneTimeLink.token_sha256 == _digest(token), OneTimeLink.used_at.is_(None))
        .values(used_at=db_now())
    )
    if not used.rowcount:  # type: ignore[attr-defined]
        db.session.rollback()
        raise NotFound(
            "This link was used a moment ago. Sign in with the account that was created."
        )
    try:
        return create_user(email, password, Role.ADMIN, By(email.strip().lower()[:254], by_address))
    except Invalid:
        db.session.rollback()  # the link stays valid for another try
        raise
