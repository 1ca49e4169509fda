"""Changes to a person's account: locked, never of the last admin, never of oneself by accident."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import and_, or_, select

from relay.errors import NotFound, Refusal
from relay.i18n import N_, _
from relay.models import User, db
from relay.rules.states import Role, UserState
from relay.services.audit import By

ADMIN_SEES_ALL = N_(
    "An admin sees all sites. Choose the role support or viewer for a user with selected sites, "
    "or give access to all sites first."
)


def locked(user_id: int) -> tuple[User, list[User]]:
    """The person, and the active admins who see all sites, all locked in one order.

    A second transaction waits here, and then reads what the first one changed.  Raises NotFound.
    """
    is_full_admin = and_(
        User.role == Role.ADMIN, User.state == UserState.ACTIVE, User.sites_limited.is_(False)
    )
    rows = db.session.scalars(
        select(User)
        .where(or_(User.id == user_id, is_full_admin))
        .order_by(User.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    user = next((row for row in rows if row.id == user_id), None)
    if user is None:
        db.session.rollback()
        raise NotFound(_("There is no such user. The account may have been deleted."))
    return user, [
        row
        for row in rows
        if row.role == Role.ADMIN and row.state == UserState.ACTIVE and not row.sites_limited
    ]


def check_not_last(user: User, admins: Iterable[User]) -> None:
    """Raises Refusal if without this person there is no active admin who sees all sites."""
    if _is_only(user, admins):
        raise refused(
            _(
                "%(email)s is the last active admin with access to all sites. Make another person"
                " an admin first.",
                email=user.email,
            )
        )


def is_last(user: User) -> bool:
    """Whether without this person there is no active admin who sees all sites.  Locks the admins."""
    return _is_only(*locked(user.id))


def _is_only(user: User, admins: Iterable[User]) -> bool:
    return {admin.id for admin in admins} == {user.id}


def check_not_own(user: User, by: By, sentence: str) -> None:
    """Raises Refusal with ``sentence`` if the person acts on their own account."""
    if by.actor == user.email:
        raise refused(sentence)


def refused(sentence: str) -> Refusal:
    """A refusal.  The locks are released."""
    db.session.rollback()
    return Refusal(sentence)


def unchanged(user: User) -> User:
    """The person as before.  The locks are released."""
    db.session.rollback()
    return user
