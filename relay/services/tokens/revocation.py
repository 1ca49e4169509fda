"""The tokens of a user end with what they were allowed to do, in the transaction of that change."""

from __future__ import annotations

from sqlalchemy import delete, select

from relay import database
from relay.models import ApiToken, ApiTokenSite, User, db
from relay.services.audit import By, record


def revoke_all(user: User, by: By) -> int:
    """All tokens of a user stop working.  -> how many"""
    return _revoke(live_tokens(user), by)


def revoke_above(user: User, by: By) -> int:
    """Those that have more rights than the role that the user has now.  -> how many"""
    return _revoke([token for token in live_tokens(user) if not user.may(token.role)], by)


def delete_all(user: User) -> None:
    """The rows go with the account; what was done with them stays in the audit log."""
    own = select(ApiToken.id).where(ApiToken.user_id == user.id)
    without_session = {"synchronize_session": False}
    for statement in (
        delete(ApiTokenSite).where(ApiTokenSite.token_id.in_(own)),
        delete(ApiToken).where(ApiToken.user_id == user.id),
    ):
        db.session.execute(statement, execution_options=without_session)


def live_tokens(user: User) -> list[ApiToken]:
    """Those that are neither revoked nor expired."""
    now = database.now(db.session)
    rows = db.session.scalars(
        select(ApiToken).where(ApiToken.user_id == user.id, ApiToken.revoked_at.is_(None))
    )
    return [token for token in rows if token.expires_at is None or token.expires_at > now]


def revoke_in_transaction(token: ApiToken, by: By) -> None:
    token.revoked_at, token.revoked_by = database.now(db.session), by.actor
    record(by, "token.revoke", token.name, user=token.user.email, role=token.role.value)


def _revoke(tokens: list[ApiToken], by: By) -> int:
    for token in tokens:
        revoke_in_transaction(token, by)
    return len(tokens)
