"""Who a request with an API token is.

The work is the same for every text: hashes by each key, one look-up in an index, and one answer for
all reasons.  So neither the answer nor its time says whether a token exists.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError

from relay.database import READ_ONLY
from relay.models import ApiToken, db, db_now
from relay.observability.logging import log
from relay.rules.roles import includes
from relay.rules.states import UserState
from relay.services.audit import By
from relay.services.tokens import digests

TOUCH = timedelta(minutes=1)


@dataclass(frozen=True)
class TokenAccess:
    """What the token of a request may do.  ``sites`` are the ids of the sites; None for all."""

    id: int
    name: str
    role: str
    email: str
    sites: frozenset[int] | None = None
    expires_at: datetime | None = None

    def may(self, role: str) -> bool:
        return includes(self.role, role, sees_all_sites=self.sees_all_sites)

    @property
    def sees_all_sites(self) -> bool:
        return self.sites is None

    def by(self, address: str) -> By:
        """For the audit log."""
        return By(self.email, address, f"API token {self.name}")  # i18n: keep


def check_token(text: str, address: str) -> TokenAccess | None:
    """What this token may do now; None if it does nothing.  No transaction is open afterwards."""
    wanted = digests.all_digests(text)
    db.session.rollback()
    db.session.connection(execution_options=READ_ONLY)
    row = db.session.execute(
        select(ApiToken, db_now()).where(ApiToken.digest.in_(wanted))
    ).one_or_none()
    access, is_due = (None, False) if row is None else _access(row[0], row[1], wanted[0])
    db.session.rollback()
    db.session.expunge_all()
    if access is not None and is_due:
        _touch(access.id, address, wanted[0])
    return access


def _access(token: ApiToken, now: datetime, newest: bytes) -> tuple[TokenAccess | None, bool]:
    """-> what it may do, and whether its last use is to be stored"""
    user = token.user
    if (
        token.revoked_at is not None
        or (token.expires_at is not None and token.expires_at <= now)
        or user.state != UserState.ACTIVE
        or not user.may(token.role)
    ):
        return None, False
    last = token.last_used_at
    is_due = last is None or now - last >= TOUCH or token.digest != newest
    return (
        TokenAccess(
            token.id, token.name, token.role.value, user.email, token.site_ids, token.expires_at
        ),
        is_due,
    )


def _touch(token_id: int, address: str, newest: bytes) -> None:
    """Store the last use, and the hash by the newest key.  A transaction of its own."""
    values = {"last_used_at": db_now(), "last_address": address[:45], "digest": newest}
    try:
        with db.engine.begin() as connection:
            connection.execute(update(ApiToken).where(ApiToken.id == token_id).values(**values))
    except SQLAlchemyError as exc:  # the request itself can still be answered
        log("token.not_touched", level="warning", error=type(exc).__name__)
