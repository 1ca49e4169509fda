"""``flask users require-second-factor`` and ``flask users reset-second-factor``"""

from __future__ import annotations

import json

import pytest
from flask import Flask
from sqlalchemy import select

from relay.models import AuditEntry, Passkey, RecoveryCode, User, UserSession, db
from relay.rules.states import Role, SignInMethod
from relay.services.users import sessions
from relay.services.users.sessions import Browser

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_the_roles_are_set_and_cleared(app: Flask) -> None:
    run = app.test_cli_runner().invoke
    for words, roles in (
        (["--role", "admin", "--role", "support"], ["support", "admin"]),
        (["--none"], []),
    ):
        done = run(args=["users", "require-second-factor", *words, "--json"])
        assert json.loads(done.output) == {"roles": roles}
    assert run(args=["users", "require-second-factor"]).exit_code == 2
    assert run(args=["users", "require-second-factor", "--none", "--role", "admin"]).exit_code == 2


def test_a_reset_removes_all_factors_and_sessions(app: Flask) -> None:
    with app.app_context():
        user = User(email="ada@example.com", totp_sealed="x", totp_used_step=5, role=Role.ADMIN)
        user.passkeys.append(Passkey(name="n", credential_id="c", public_key=b""))
        db.session.add(user)
        db.session.flush()
        db.session.add(RecoveryCode(user_id=user.id, code_hash="h"))
        sessions.start(user, SignInMethod.PASSWORD, Browser("127.0.0.1"))
        db.session.commit()
    done = app.test_cli_runner().invoke(args=["users", "reset-second-factor", "ADA@example.com"])
    assert done.exit_code == 0, done.output
    with app.app_context():
        assert not db.session.scalars(select(User)).one().has_second_factor
        for table in (Passkey, RecoveryCode, UserSession):
            assert db.session.scalars(select(table)).all() == []
        assert "user.second_factor_reset" in db.session.scalars(select(AuditEntry.action)).all()
