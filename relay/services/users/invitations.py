"""Invitations: a link with which a new person sets a name and a password."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from relay import database
from relay.errors import Invalid, NotFound
from relay.i18n import _
from relay.models import Source, User, db
from relay.rules.states import LinkPurpose, Role, UserState
from relay.services.audit import By, record
from relay.services.users import links, passwords, team
from relay.services.users.accounts import check_new_user
from relay.services.users.links import GONE, MadeLink
from relay.services.users.profile import clean_name
from relay.services.users.protection import ADMIN_SEES_ALL, locked, refused


def invite(
    email: str, role: str, by: By, name: str = "", slugs: Sequence[str] | None = None
) -> MadeLink:
    """Invite a person, or someone again who has not accepted yet: older links stop working.

    ``slugs`` are the sites that the person sees; None for all.  Raises Invalid.
    """
    email = email.strip().lower()
    invited = db.session.scalar(
        select(User)
        .where(User.email == email, User.state == UserState.INVITED)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    sites = _check(email, role, slugs, invited is not None)
    user = invited or _add(email)
    user.role, user.name = Role(role), clean_name(name) or user.name or ""
    team.limit(user, sites)
    made = links.make_link(LinkPurpose.INVITE, user)
    record(by, "user.invite", email, role=role, sites=team.words_of(sites))
    db.session.commit()
    return made


def _check(
    email: str, role: str, slugs: Sequence[str] | None, is_invited: bool
) -> list[Source] | None:
    """The sites.  Raises Invalid."""
    reasons = check_new_user(email, role)
    sites = None
    if is_invited:
        reasons.pop("email", None)
    try:
        sites = team.find_sites(slugs)
    except Invalid as exc:
        reasons |= exc.reasons
    if role == Role.ADMIN and slugs is not None:
        reasons["sites"] = [_(ADMIN_SEES_ALL)]
    if reasons:
        db.session.rollback()
        raise Invalid(reasons)
    return sites


def _add(email: str) -> User:
    user = User(email=email, state=UserState.INVITED, role=Role.VIEWER, name="")
    db.session.add(user)
    try:
        db.session.flush()
    except IntegrityError as exc:  # someone else invited the person at the same moment
        db.session.rollback()
        raise Invalid({"email": [_("A user with this address already exists.")]}) from exc
    return user


def invite_again(user_id: int, by: By) -> MadeLink:
    """A new link for someone who has not accepted yet.  Raises NotFound, Refusal."""
    user, _admins = locked(user_id)
    if user.state != UserState.INVITED:
        raise refused(_("%(email)s has no open invitation.", email=user.email))
    made = links.make_link(LinkPurpose.INVITE, user)
    record(by, "user.invite", user.email, role=user.role.value, sites=team.sites_words(user))
    db.session.commit()
    return made


def find_invited(token: str) -> User:
    """The person with this invitation.  Does not use it up.  Raises NotFound."""
    user = links.user_of(LinkPurpose.INVITE, token)
    if user.state != UserState.INVITED:
        raise NotFound(_(GONE[LinkPurpose.INVITE]))
    return user


def accept(token: str, name: str, password: str, address: str) -> User:
    """Use the invitation: the person has a name and a password, and can sign in.

    ``address`` is where the request comes from.  Raises NotFound, Invalid, TooBusy.
    """
    email = find_invited(token).email
    db.session.rollback()  # hash outside the transaction
    reasons = {} if clean_name(name) else {"name": [_("Enter your name.")]}
    if why := passwords.why_refused(password, email):
        reasons["password"] = [why]
    if reasons:
        raise Invalid(reasons)
    password_hash = passwords.hash_of(password)
    link = links.use(LinkPurpose.INVITE, token)
    user, _admins = locked(link.user_id or 0)
    if user.state != UserState.INVITED:
        db.session.rollback()
        raise NotFound(_(GONE[LinkPurpose.INVITE]))
    user.name, user.state = clean_name(name), UserState.ACTIVE
    user.password_hash, user.password_changed_at = password_hash, database.now(db.session)
    record(By(user.email, address), "user.accept_invite", user.email, role=user.role.value)
    db.session.commit()
    return user
