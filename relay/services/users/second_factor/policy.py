"""Which roles need a second factor, and removing the factors of a person who lost them."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete, exists, select

from relay.errors import Invalid
from relay.i18n import N_, _
from relay.models import ROLES, Passkey, RecoveryCode, SignInPolicy, User, db
from relay.rules.states import Role, UserState
from relay.services.audit import By, record
from relay.services.users import mails, protection, sessions
from relay.services.users.second_factor import passkeys, totp

THE_ROW = 1
OWN = N_("These are your own second factors. Remove them under My account.")
ALL_REMOVED = N_("All second factors were removed")


def required_roles() -> list[str]:
    """The roles that need a second factor, in ascending order."""
    policy = db.session.get(SignInPolicy, THE_ROW)
    chosen = policy.second_factor_roles if policy else []
    return [role for role in ROLES if role in chosen]


def require_for(roles: Collection[str], by: By) -> None:
    """Require a second factor for these roles only; none requires it for no one.  Raises Invalid."""
    if not set(roles) <= set(ROLES):
        raise Invalid({"roles": [_("A role is one of %(names)s.", names=", ".join(ROLES))]})
    chosen, before = [role for role in ROLES if role in roles], required_roles()
    db.session.merge(SignInPolicy(id=THE_ROW, second_factor_roles=chosen))
    record(by, "user.second_factor_policy", "sign-in", roles=chosen, before=before)
    db.session.commit()


def without_second_factor(role: Role) -> list[str]:
    """The e-mail addresses of active people with this role and a password only."""
    has_passkey = exists().where(Passkey.user_id == User.id)
    return list(
        db.session.scalars(
            select(User.email)
            .where(
                User.role == role,
                User.state == UserState.ACTIVE,
                User.password_hash != "",
                User.totp_sealed.is_(None),
                ~has_passkey,
            )
            .order_by(User.email)
        )
    )


def remove_second_factors(user: User, by: By) -> None:
    """Remove app, passkeys and recovery codes of a person, and end all their sessions.  Commits.

    For a person who lost them; afterwards the password is enough to sign in.
    """
    user = db.session.get_one(User, user.id, with_for_update=True)
    clear(user, by)
    sessions.end_all(user, by)
    db.session.commit()
    mails.report_factor(user, ALL_REMOVED, by)


def remove_app_of(user_id: int, by: By) -> None:
    """Remove the authenticator app of another person.  Raises NotFound, Refusal."""
    user, _admins = protection.locked(user_id)
    protection.check_not_own(user, by, _(OWN))
    totp.remove(user_id, None, by)


def remove_passkey_of(user_id: int, passkey_id: int, by: By) -> None:
    """Remove one passkey of another person.  Raises NotFound, Refusal."""
    user, _admins = protection.locked(user_id)
    protection.check_not_own(user, by, _(OWN))
    passkeys.remove(user_id, None, passkey_id, by)


def clear(user: User, by: By) -> None:
    """Remove app, passkeys and recovery codes of a person, in the running transaction."""
    detail = {"app": user.totp_sealed is not None, "passkeys": len(user.passkeys)}
    user.totp_sealed = user.totp_used_step = None
    user.passkeys.clear()
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    record(by, "user.second_factor_reset", user.email, **detail)
