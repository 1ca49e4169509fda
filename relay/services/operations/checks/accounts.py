"""Accounts: whether there is an admin, and which admins sign in with a password only."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from relay.i18n import _
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
            _("There is no active admin, so nobody can change settings on the dashboard."),
            _("Create one: flask users create EMAIL --role admin --password-stdin"),
        )
        return
    if not found:
        yield ok(CHECK, _("Each admin with a password has a second factor."))
        return
    more = _(" and %(num)s more", num=len(found) - NAMED) if len(found) > NAMED else ""
    yield warning(
        CHECK,
        _(
            "These admins sign in with a password only: %(names)s%(more)s.",
            names=", ".join(found[:NAMED]),
            more=more,
        ),
        _(
            "They set up a second factor under /account/second-factor. To require it, run: "
            "flask users require-second-factor --role admin"
        ),
        "/team/sign-in",
        _("They set up a second factor under My account. Require it for their role."),
    )
