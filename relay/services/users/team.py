"""What an admin changes about other people: roles, sites, states and sessions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import selectinload

from relay.errors import Invalid
from relay.i18n import _
from relay.models import (
    ROLES,
    OneTimeLink,
    RecoveryCode,
    SavedView,
    Source,
    User,
    UserSession,
    UserSite,
    db,
)
from relay.rules.states import LinkPurpose, Role, SourceState, UserState
from relay.services.audit import By, record
from relay.services.tokens import revocation
from relay.services.users import links, mails, sessions
from relay.services.users.protection import (
    ADMIN_SEES_ALL,
    check_not_last,
    check_not_own,
    locked,
    unchanged,
)

ALL_SITES = "all"
NO_SITES = "none"


def list_team() -> list[User]:
    """Everyone, with their sites and passkeys.  Three statements."""
    everyone = select(User).options(selectinload(User.sites), selectinload(User.passkeys))
    return list(db.session.scalars(everyone.order_by(User.email)))


def list_sites() -> list[Source]:
    """The sites that a person can be limited to."""
    return list(
        db.session.scalars(
            select(Source)
            .where(Source.state == SourceState.ACTIVE)
            .order_by(Source.name, Source.slug)
        )
    )


def set_role(user_id: int, role: str, by: By) -> User:
    """Raises NotFound, Invalid, Refusal."""
    if role not in ROLES:
        raise Invalid({"role": [_("A role is one of %(names)s.", names=", ".join(ROLES))]})
    user, admins = locked(user_id)
    before = user.role
    if before == role:
        return unchanged(user)
    check_not_own(user, by, _("You cannot change your own role. Ask another admin."))
    if role == Role.ADMIN and user.sites_limited:
        db.session.rollback()
        raise Invalid({"role": [_(ADMIN_SEES_ALL)]})
    check_not_last(user, admins)
    user.role = Role(role)
    record(by, "user.role", user.email, before=before.value, now=role)
    revocation.revoke_above(user, by)
    db.session.commit()
    mails.report_role(user, before.value, by)
    return user


def set_sites(user_id: int, slugs: Sequence[str] | None, by: By) -> User:
    """Limit a person to these sites; None: the person sees all.  Raises NotFound, Invalid, Refusal."""
    user, _admins = locked(user_id)
    try:
        sites = find_sites(slugs)
    except Invalid:
        db.session.rollback()
        raise
    before, now = sites_words(user), words_of(sites)
    if before == now:
        return unchanged(user)
    check_not_own(user, by, _("You cannot change your own sites. Ask another admin."))
    if sites is not None and user.role == Role.ADMIN:
        db.session.rollback()
        raise Invalid({"sites": [_(ADMIN_SEES_ALL)]})
    limit(user, sites)
    record(by, "user.sites", user.email, before=before, now=now)
    db.session.commit()
    return user


def disable(user_id: int, by: By) -> User:
    """Refuse sign-in, end all sessions and revoke all API tokens at once.  Raises NotFound, Refusal."""
    user, admins = locked(user_id)
    if user.state == UserState.DISABLED:
        return unchanged(user)
    check_not_own(user, by, _("You cannot disable your own account. Ask another admin."))
    check_not_last(user, admins)
    before, user.state = user.state, UserState.DISABLED
    revoke_links(user)
    sessions.end_all(user, by)
    revocation.revoke_all(user, by)
    record(by, "user.disable", user.email, before=before.value, now=user.state.value)
    db.session.commit()
    return user


def enable(user_id: int, by: By) -> User:
    """Allow sign-in again.  A person who never signed in needs a new invitation.  Raises NotFound."""
    user, _admins = locked(user_id)
    if user.state != UserState.DISABLED:
        return unchanged(user)
    was_here = user.password_hash or user.password_changed_at or user.last_login_at
    before, user.state = user.state, UserState.ACTIVE if was_here else UserState.INVITED
    record(by, "user.enable", user.email, before=before.value, now=user.state.value)
    db.session.commit()
    return user


def sign_out(user_id: int, by: By) -> int:
    """End all sessions of a person.  -> how many.  Raises NotFound, Refusal."""
    user, _admins = locked(user_id)
    check_not_own(user, by, _("These are your own sessions. End them under My account."))
    count = sessions.end_all(user, by)
    db.session.commit()
    return count


def delete_user(user_id: int, by: By) -> str:
    """Delete an account.  What the person did stays in the audit log.  -> the e-mail address

    Raises NotFound, Refusal.
    """
    user, admins = locked(user_id)
    check_not_own(user, by, _("You cannot delete your own account. Ask another admin."))
    check_not_last(user, admins)
    email = user.email
    for table in (OneTimeLink, RecoveryCode, SavedView, UserSession):
        db.session.execute(delete(table).where(table.user_id == user.id))
    revocation.delete_all(user)
    db.session.delete(user)
    record(by, "user.delete", email, role=user.role.value)
    db.session.commit()
    return email


def revoke_links(user: User) -> None:
    """All links of a person stop working, in the running transaction."""
    for purpose in (LinkPurpose.INVITE, LinkPurpose.NEW_PASSWORD, LinkPurpose.NEW_ADDRESS):
        links.revoke(purpose, user)


def find_sites(slugs: Sequence[str] | None) -> list[Source] | None:
    """The sites of these slugs; None for None, which means all sites.  Raises Invalid."""
    if slugs is None:
        return None
    wanted = set(slugs)
    found = list(
        db.session.scalars(
            select(Source)
            .where(Source.slug.in_(wanted), Source.state == SourceState.ACTIVE)
            .order_by(Source.slug)
        )
    )
    if missing := sorted(wanted - {site.slug for site in found}):
        raise Invalid({"sites": [_("There is no site %(names)s.", names=", ".join(missing))]})
    if not found:
        raise Invalid({"sites": [_("Select at least one site, or choose all sites.")]})
    return found


def limit(user: User, sites: Sequence[Source] | None) -> None:
    """What the person sees, in the running transaction; None for all sites."""
    user.sites_limited = sites is not None
    user.sites = [UserSite(source_id=site.id) for site in sites or ()]


def words_of(sites: Iterable[Source] | None) -> str:
    """The slugs of the sites, or ``all``, or ``none``."""
    if sites is None:
        return ALL_SITES
    return ", ".join(site.slug for site in sites) or NO_SITES


def slugs_of(user: User) -> list[str] | None:
    """The slugs of the sites that a person sees; None for all."""
    if not user.sites_limited:
        return None
    ids = [site.source_id for site in user.sites]
    return list(
        db.session.scalars(select(Source.slug).where(Source.id.in_(ids)).order_by(Source.slug))
    )


def sites_words(user: User) -> str:
    slugs = slugs_of(user)
    return ALL_SITES if slugs is None else ", ".join(slugs) or NO_SITES
