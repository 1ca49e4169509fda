"""Single-use links: for the first admin, for invited people and for a new password."""

from __future__ import annotations

import secrets
from datetime import timedelta

from sqlalchemy import or_, select, update

from relay import database
from relay.errors import NotFound
from relay.models import OneTimeLink, User, db, db_now
from relay.rules.states import LinkPurpose
from relay.services.users.sessions import digest

LIFETIME = {LinkPurpose.INVITE: timedelta(days=7), LinkPurpose.NEW_PASSWORD: timedelta(hours=24)}
GONE = {
    LinkPurpose.FIRST_RUN: "This link was already used, or a newer one exists. "
    "Sign in, or restart Relay to get a new link.",
    LinkPurpose.INVITE: "This invitation was already used, has expired or was replaced by a newer "
    "one. Ask the person who invited you for a new link.",
    LinkPurpose.NEW_PASSWORD: "This link was already used, has expired or was replaced by a newer "
    "one. Ask for a new link on the sign-in page.",
}


def make(purpose: LinkPurpose, user: User | None = None) -> str:
    """A new link's secret, in the running transaction.  Older links of this kind stop working."""
    revoke(purpose, user)
    token = secrets.token_urlsafe(24)
    lifetime = LIFETIME.get(purpose)
    db.session.add(
        OneTimeLink(
            purpose=purpose,
            token_sha256=digest(token),
            user_id=user.id if user else None,
            expires_at=database.now(db.session) + lifetime if lifetime else None,
        )
    )
    return token


def revoke(purpose: LinkPurpose, user: User | None = None) -> None:
    """Unused links of this kind stop working, in the running transaction."""
    db.session.execute(
        update(OneTimeLink)
        .where(
            OneTimeLink.purpose == purpose,
            OneTimeLink.user_id == (user.id if user else None),
            OneTimeLink.used_at.is_(None),
        )
        .values(used_at=db_now())
    )


def find(purpose: LinkPurpose, token: str) -> OneTimeLink:
    """The link of this secret, unused and not expired.  Raises NotFound."""
    link = db.session.scalar(
        select(OneTimeLink).where(
            OneTimeLink.purpose == purpose,
            OneTimeLink.token_sha256 == digest(token),
            OneTimeLink.used_at.is_(None),
            or_(OneTimeLink.expires_at.is_(None), OneTimeLink.expires_at > db_now()),
        )
    )
    if link is None:
        raise NotFound(GONE[purpose])
    return link


def use(purpose: LinkPurpose, token: str) -> OneTimeLink:
    """Mark the link as used, in the running transaction: of two requests one gets it.

    Raises NotFound.
    """
    link = find(purpose, token)
    used = db.session.execute(
        update(OneTimeLink)
        .where(OneTimeLink.id == link.id, OneTimeLink.used_at.is_(None))
        .values(used_at=db_now())
    )
    if not used.rowcount:  # type: ignore[attr-defined]
        db.session.rollback()
        raise NotFound(GONE[purpose])
    return link
