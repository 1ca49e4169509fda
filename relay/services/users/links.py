"""Single-use links: for the first admin, for invited people and for a new password."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import or_, select, update

from relay import database
from relay.errors import NotFound
from relay.i18n import N_, _
from relay.models import OneTimeLink, User, db, db_now
from relay.rules.states import LinkPurpose
from relay.services.users.sessions import digest

LIFETIME = {
    LinkPurpose.INVITE: timedelta(days=7),
    LinkPurpose.NEW_PASSWORD: timedelta(hours=24),
    LinkPurpose.NEW_ADDRESS: timedelta(hours=24),
}
GONE = {
    LinkPurpose.FIRST_RUN: N_(
        "This link was already used, or a newer one exists. "
        "Sign in, or restart Relay to get a new link."
    ),
    LinkPurpose.INVITE: N_(
        "This invitation was already used, has expired or was replaced by a newer "
        "one. Ask the person who invited you for a new link."
    ),
    LinkPurpose.NEW_PASSWORD: N_(
        "This link was already used, has expired or was replaced by a newer "
        "one. Ask for a new link on the sign-in page."
    ),
    LinkPurpose.NEW_ADDRESS: N_(
        "This link was already used, has expired or was replaced by a newer "
        "one. Enter the new address under My account again."
    ),
}
PATHS = {
    LinkPurpose.FIRST_RUN: "first-run",
    LinkPurpose.INVITE: "invite",
    LinkPurpose.NEW_PASSWORD: "new-password",
    LinkPurpose.NEW_ADDRESS: "new-address",
}


@dataclass(frozen=True)
class MadeLink:
    """A link that was just made.  Its URL can never be read again."""

    user_id: int
    email: str
    role: str
    purpose: LinkPurpose
    expires_at: datetime
    url: str = field(repr=False)
    language: str = ""  # that the person chose


def make_link(purpose: LinkPurpose, user: User, token: str = "") -> MadeLink:
    """A link for a person, in the running transaction.  Older links of this kind stop working.

    ``token`` replaces the random secret of the link.
    """
    db.session.flush()
    expires_at = database.now(db.session) + LIFETIME[purpose]
    url = f"{base_url()}/{PATHS[purpose]}/{make(purpose, user, expires_at, token)}"
    return MadeLink(user.id, user.email, user.role.value, purpose, expires_at, url, user.language)


def base_url() -> str:
    """Relay's own URL: RELAY_PUBLIC_URL, else this machine.  Never what a request says it is."""
    return str(current_app.extensions["relay_config"].base_url)


def only_here() -> str:
    """A warning if links work on this machine only; empty if RELAY_PUBLIC_URL is set."""
    if current_app.extensions["relay_config"].public_url:
        return ""
    return _(
        "This link works only on the machine where Relay runs, because RELAY_PUBLIC_URL is not set. "
        "Set it to the address under which people open Relay, and make a new link."
    )


def make(
    purpose: LinkPurpose,
    user: User | None = None,
    expires_at: datetime | None = None,
    token: str = "",
) -> str:
    """A new link's secret, in the running transaction.  Older links of this kind stop working."""
    revoke(purpose, user)
    token = token or secrets.token_urlsafe(24)
    db.session.add(
        OneTimeLink(
            purpose=purpose,
            token_sha256=digest(token),
            user_id=user.id if user else None,
            expires_at=expires_at,
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
        raise NotFound(_(GONE[purpose]))
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
        raise NotFound(_(GONE[purpose]))
    return link


def user_of(purpose: LinkPurpose, token: str) -> User:
    """The person of this link, which is not used up.  Raises NotFound."""
    user = db.session.get(User, find(purpose, token).user_id or 0)
    if user is None:
        raise NotFound(_(GONE[purpose]))
    return user


def open_until(purpose: LinkPurpose) -> dict[int, datetime]:
    """When the unused links of this kind expire, or expired, by user."""
    rows = db.session.execute(
        select(OneTimeLink.user_id, OneTimeLink.expires_at).where(
            OneTimeLink.purpose == purpose, OneTimeLink.used_at.is_(None)
        )
    )
    return {user_id: expires_at for user_id, expires_at in rows if user_id and expires_at}
