"""The account of a person after single sign-on, and its role."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from relay.errors import Refusal
from relay.i18n import _, english
from relay.models import User, db
from relay.oidc_settings import OidcSettings
from relay.rules.states import LinkPurpose, Role, UserState
from relay.services.audit import By, record
from relay.services.tokens import revocation
from relay.services.users import links, protection
from relay.services.users.accounts import is_email
from relay.services.users.oidc import Identity
from relay.services.users.profile import clean_name

LONGEST_SUBJECT = 512


def role_of(settings: OidcSettings, claims: Mapping[str, Any]) -> Role | None:
    """The highest role that the claim gives; None if it gives none."""
    found: Any = claims.get(settings.role_claim)
    if found is None:
        found = claims
        for part in settings.role_claim.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    values = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    given = {role for value, role in settings.roles if value in values}
    return max(given, key=list(Role).index, default=None)


def find_user(settings: OidcSettings, identity: Identity, address: str) -> User:
    """The account of this identity, with the role that the provider gives it now.

    An account with the same e-mail address is linked only if the provider verified the address; else
    a new one is made.  Raises Refusal.
    """
    by = By(identity.email[:254] or identity.subject[:254], address)
    try:
        user = _find_or_make(settings, identity, by)
    except IntegrityError as exc:  # another request made the same account
        db.session.rollback()
        raise Refusal(_("Two sign-ins ran at the same time. Sign in again.")) from exc
    except Refusal as exc:
        db.session.rollback()
        record(by, "user.single_sign_on_refused", by.actor, reason=english(exc))
        db.session.commit()
        raise
    db.session.commit()
    return user


def _find_or_make(settings: OidcSettings, identity: Identity, by: By) -> User:
    role = role_of(settings, identity.claims)
    if role is None:
        raise Refusal(
            _(
                "%(label)s gives your account no role in Relay, so Relay did not sign you in. Ask"
                " the administrator for access.",
                label=settings.label,
            )
        )
    if len(identity.subject) > LONGEST_SUBJECT:
        raise Refusal(
            _("%(label)s sent an identity that is too long for Relay.", label=settings.label)
        )
    own = select(User).where(User.oidc_subject == identity.subject).with_for_update()
    user = db.session.scalar(own) or _link(settings, identity, by)
    if user is None:
        return _make(settings, identity, role, by)
    if user.state == UserState.DISABLED:
        raise Refusal(_("Your account is disabled. Ask an admin."))
    if user.state == UserState.INVITED:
        user.state = UserState.ACTIVE
        links.revoke(LinkPurpose.INVITE, user)
    if role == Role.ADMIN != user.role and user.sites_limited:
        raise Refusal(
            _(
                "%(label)s gives you the role admin, but your account is limited to some sites. "
                "Ask an admin to give it access to all sites, or ask your administrator for "
                "another role.",
                label=settings.label,
            )
        )
    if role != user.role and not protection.is_last(user):
        record(by, "user.single_sign_on", user.email, role=role.value, old_role=user.role.value)
        user.role = role
        revocation.revoke_above(user, by)
    return user


def _link(settings: OidcSettings, identity: Identity, by: By) -> User | None:
    """The account with this e-mail address, from now on with this identity; None if there is none."""
    same = select(User).where(User.email == identity.email).with_for_update()
    user = db.session.scalar(same) if identity.email else None
    if user is None:
        return None
    if user.oidc_subject is not None:
        raise Refusal(
            _(
                "The account %(email)s belongs to another identity at %(label)s. Ask an admin.",
                email=user.email,
                label=settings.label,
            )
        )
    if not identity.email_verified:
        raise Refusal(
            _(
                "There is an account %(email)s, but %(label)s did not verify that this address is"
                " yours. Sign in with your password, or ask your administrator.",
                email=user.email,
                label=settings.label,
            )
        )
    user.oidc_subject = identity.subject
    record(by, "user.single_sign_on", user.email, linked=True)
    return user


def _make(settings: OidcSettings, identity: Identity, role: Role, by: By) -> User:
    if not is_email(identity.email):
        raise Refusal(
            _(
                "%(label)s sent no e-mail address for you. Ask your administrator to include it.",
                label=settings.label,
            )
        )
    if identity.email_verified is False:
        raise Refusal(
            _(
                "%(label)s says that your e-mail address is not verified. Verify it there, then "
                "sign in again.",
                label=settings.label,
            )
        )
    name = clean_name(identity.name)
    user = User(email=identity.email, name=name, role=role, oidc_subject=identity.subject)
    db.session.add(user)
    db.session.flush()
    record(by, "user.create", user.email, role=role.value, method="oidc")
    return user
