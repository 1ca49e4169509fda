"""Sessions: one row per browser in which a person is signed in."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, exists, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from relay import database
from relay.errors import NotFound
from relay.i18n import _
from relay.models import Passkey, SignInPolicy, User, UserSession, db, db_now
from relay.observability.logging import log
from relay.rules.states import SignInMethod, UserState
from relay.services.audit import By, record

IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
PROOF = timedelta(minutes=10)  # after this, a sensitive change asks for the password again
TOUCH = timedelta(minutes=1)


@dataclass(frozen=True)
class Browser:
    """Where a request comes from: IP address, and a name such as "Firefox on Windows"."""

    address: str
    device: str = ""


def start(user: User, method: SignInMethod, browser: Browser) -> UserSession:
    """A new session in the running transaction.  Its ``token`` belongs into the browser's cookie."""
    token = secrets.token_urlsafe(32)
    session = UserSession(
        user=user,
        method=method,
        token_sha256=digest(token),
        address=browser.address[:45],
        device=browser.device[:120],
    )
    session.token = token
    user.last_login_at = db_now()  # type: ignore[assignment]
    db.session.add(session)
    record(By(user.email, browser.address), "user.sign_in", user.email, method=method.value)
    _delete_expired(user)
    return session


def find(token: str) -> UserSession | None:
    """The session of this token, if it is within both time limits and its person may sign in."""
    policy = select(SignInPolicy.second_factor_roles).limit(1).scalar_subquery()
    has_passkey = exists().where(Passkey.user_id == UserSession.user_id)
    found = db.session.execute(
        select(UserSession, db_now(), policy, has_passkey).where(
            UserSession.token_sha256 == digest(token)
        )
    ).one_or_none()
    if found is None:
        return None
    session, now, roles, with_passkey = found
    session.token, session.read_at = token, now
    session.needs_factor = (
        session.user.role in (roles or ()) and session.user.totp_sealed is None and not with_passkey
    )
    return session if _is_valid(session, now) else None


def find_ended(token: str) -> UserSession | None:
    """The session of this token that passed a time limit, if its person may still sign in."""
    if not token:
        return None
    found = db.session.scalar(select(UserSession).where(UserSession.token_sha256 == digest(token)))
    if found is None or found.user.state != UserState.ACTIVE:
        return None
    return None if _is_valid(found, database.now(db.session)) else found


def use_up_ended(session_id: int, user_id: int) -> bool:
    """Delete the row of a session that ended.  -> whether it was there.  Does not commit."""
    own = delete(UserSession).where(UserSession.id == session_id, UserSession.user_id == user_id)
    return bool(db.session.execute(own).rowcount)  # type: ignore[attr-defined]


def _is_valid(session: UserSession, now: datetime) -> bool:
    fresh = now - session.seen_at < IDLE and now - session.created_at < ABSOLUTE
    return fresh and session.user.state == UserState.ACTIVE


def needs_touch(session: UserSession) -> bool:
    return session.read_at is not None and session.read_at - session.seen_at >= TOUCH


def has_fresh_proof(session: UserSession) -> bool:
    """Whether the last proof is recent enough for a sensitive change."""
    return session.read_at is None or session.read_at - session.proved_at < PROOF


def touch(session_id: int, is_reading: bool = True) -> None:
    """Remember that the session is in use; at most once a minute.

    While a request is reading, in a transaction of its own.  Else within that of the request, which on
    SQLite has locked the database: another one would wait for it.
    """
    statement = update(UserSession).where(UserSession.id == session_id).values(seen_at=db_now())
    if not is_reading:
        db.session.execute(statement, execution_options={"synchronize_session": False})
        return
    try:
        with db.engine.begin() as connection:
            connection.execute(statement)
    except SQLAlchemyError as exc:  # the page itself can still be read
        log("session.not_touched", level="warning", error=type(exc).__name__)


def prove(session_id: int) -> None:
    """Remember that the person just showed a password or a second factor.  Does not commit."""
    statement = update(UserSession).where(UserSession.id == session_id)
    db.session.execute(statement.values(proved_at=db_now()))


def will_show(session_id: int, sealed: str) -> None:
    """Remember that the next page of the session shows this, once."""
    own = update(UserSession).where(UserSession.id == session_id)
    db.session.execute(own.values(once_sha256=digest(sealed)))
    db.session.commit()


def may_show(session_id: int, sealed: str) -> bool:
    """Whether it was not shown before; from now on it was.  A transaction of its own: pages only read."""
    own = update(UserSession).where(
        UserSession.id == session_id, UserSession.once_sha256 == digest(sealed)
    )
    with db.engine.begin() as connection:
        return bool(connection.execute(own.values(once_sha256=None)).rowcount)


def list_sessions(user_id: int) -> list[UserSession]:
    """The valid sessions of a person, the last used first."""
    now = database.now(db.session)
    rows = db.session.scalars(
        select(UserSession)
        .where(UserSession.user_id == user_id)
        .order_by(UserSession.seen_at.desc(), UserSession.id.desc())
    )
    return [session for session in rows if _is_valid(session, now)]


def end(user_id: int, session_id: int, by: By) -> None:
    """End one session of a person.  Raises NotFound."""
    session = db.session.get(UserSession, session_id)
    if session is None or session.user_id != user_id:
        raise NotFound(_("This session has already ended."))
    db.session.delete(session)
    record(by, "user.sign_out", session.user.email, sessions=1, device=session.device)
    db.session.commit()


def end_all(user: User, by: By, but: int | None = None) -> int:
    """End all sessions of a person except ``but``, in the running transaction; how many."""
    statement = delete(UserSession).where(UserSession.user_id == user.id)
    if but is not None:
        statement = statement.where(UserSession.id != but)
    count: int = db.session.execute(statement).rowcount  # type: ignore[attr-defined]
    if count:
        record(by, "user.sign_out", user.email, sessions=count)
    return count


def _delete_expired(user: User) -> None:
    now = database.now(db.session)
    expired = or_(UserSession.seen_at < now - IDLE, UserSession.created_at < now - ABSOLUTE)
    db.session.execute(delete(UserSession).where(UserSession.user_id == user.id, expired))


def digest(token: str) -> str:
    """How a random token is stored."""
    return hashlib.sha256(token.encode()).hexdigest()
