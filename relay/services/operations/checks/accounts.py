"""Accounts: whether there is an admin, and which admins sign in with a password only."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from relay.models import User, db
from relay.observability.health import Finding, ok, warning
from relay.rules.states import Role, UserState
from relay.services.users.second_factor import policy

CHECK = "second factor"
NAMED = 5


def has_admin() -> bool:
    found = select(User.id).where(User.role == Role.ADMIN, User.state == UserState.ACTIVE)
    return db.session.scalar(found.limit(1)) is not None


def check() -> Iterator[Finding]:
    found = policy.without_second_factor(Role.ADMIN)
    if not found and not has_admin():
        yield warning(
            "admin",
            "There is no active admin, so nobody can change settings on the dashboard.",
            "Create one: flask users create EMAIL --role admin --password-stdin",
        )
        return
    if not found:
        yield ok(CHECK, "Each admin with a password has a second factor.")
        return
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    yield warning(
        CHECK,
        f"These admins sign in with a password only: {', '.join(found[:NAMED])}{more}.",
        "They set up a second factor under /account/second-factor. To require it, run: "
        "flask users require-second-factor --role admin",
        "/team/sign-in",
        "They set up a second factor under My account. Require it for their role.",
    )
