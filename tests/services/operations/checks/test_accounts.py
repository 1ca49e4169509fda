"""Admins who sign in with a password only."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from relay.models import Passkey, User, db
from relay.observability.health import Level
from relay.rules.states import Role, UserState
from relay.services.operations.checks import accounts

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_admins_without_a_second_factor_are_named(app: Flask) -> None:
    with app.app_context():
        for name in ("plain", "app", "key", "sso", "left", "viewer"):
            db.session.add(User(email=name, password_hash="x", role=Role.ADMIN))
        db.session.commit()
        people = {user.email: user for user in db.session.scalars(select(User))}
        people["app"].totp_sealed = "x"
        people["key"].passkeys.append(Passkey(name="n", credential_id="c", public_key=b""))
        people["sso"].password_hash = ""
        people["left"].state = UserState.DISABLED
        people["viewer"].role = Role.VIEWER
        db.session.commit()
        (finding,) = accounts.check()
        assert finding.level is Level.WARNING and finding.what.endswith("only: plain.")
        people["plain"].role = Role.SUPPORT
        db.session.commit()
        (finding,) = accounts.check()
        assert finding.level is Level.OK


def test_an_installation_without_an_admin_is_told_how_to_make_one(app: Flask) -> None:
    with app.app_context():
        db.session.add(User(email="left", role=Role.ADMIN, state=UserState.DISABLED))
        db.session.add(User(email="viewer", role=Role.VIEWER))
        db.session.commit()
        (finding,) = accounts.check()
        assert finding.level is Level.WARNING and "no active admin" in finding.what
        assert "flask users create EMAIL --role admin" in finding.do
