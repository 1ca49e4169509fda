"""The second step of signing in: no session before it, limits, and codes that work once."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import timedelta

import pyotp
import pytest
from flask import Flask
from sqlalchemy import select

from relay import secrets
from relay.models import AuditEntry, User, UserSession, db
from relay.services.audit import COMMAND_LINE
from relay.services.users.second_factor import recovery
from relay.services.users.sessions import end_all
from tests.dashboard.conftest import Visitor

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
STEP = "/sign-in/second-step"


def code(steps: int = 0) -> str:
    return pyotp.TOTP(SECRET).at(int(time.time()) + 30 * steps)


@pytest.fixture
def owner(app: Flask, admin: Visitor) -> Visitor:
    """An admin with an authenticator app, whose sessions have ended."""
    with app.app_context():
        user = db.session.scalars(select(User)).one()
        user.totp_sealed = secrets.box().seal(SECRET)
        end_all(user, COMMAND_LINE)
        db.session.commit()
    return admin


def sessions(app: Flask) -> int:
    with app.app_context():
        return len(db.session.scalars(select(UserSession)).all())


def actions(app: Flask) -> list[str]:
    with app.app_context():
        return list(db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def with_password(visitor: Visitor, email: str) -> Visitor:
    answer = visitor.sign_in(email, next="/events?state=dead")
    assert (answer.status_code, answer.location) == (303, STEP)
    return visitor


def test_the_password_alone_starts_no_session(
    app: Flask, owner: Visitor, visit: Callable[..., Visitor]
) -> None:
    visitor = with_password(visit(), owner.email)
    assert sessions(app) == 0
    assert visitor.get("/sources").status_code == 303
    assert "Code from your authenticator app" in visitor.get(STEP).text
    assert visitor.post(STEP, {"code": "000000"}).status_code == 422
    right = code()
    answer = visitor.post(STEP, {"code": right})
    assert (answer.status_code, answer.location) == (303, "/events?state=dead")
    assert visitor.get("/sources").status_code == 200
    assert "user.second_factor_refused" in actions(app)
    thief = with_password(visit(), owner.email)
    assert thief.post(STEP, {"code": right}).status_code == 422


def test_the_second_step_expires_and_follows_no_changed_password(
    app: Flask, owner: Visitor, visit: Callable[..., Visitor]
) -> None:
    visitor = with_password(visit(), owner.email)
    with visitor.client.session_transaction() as kept:
        kept["second-step"] |= {"at": kept["second-step"]["at"] - 301}
    answer = visitor.post(STEP, {"code": code()})
    assert (answer.status_code, answer.location) == (303, "/sign-in")
    assert "took longer than 5 minutes" in visitor.get("/sign-in").text
    assert visit().get(STEP).location == "/sign-in"
    with_password(visitor, owner.email)
    with app.app_context():
        user = db.session.scalars(select(User)).one()
        user.password_changed_at = user.created_at - timedelta(days=1)
        db.session.commit()
    assert visitor.post(STEP, {"code": code()}).location == "/sign-in"
    assert sessions(app) == 0


def test_after_10_wrong_codes_a_right_one_waits(
    app: Flask, owner: Visitor, visit: Callable[..., Visitor]
) -> None:
    visitor = with_password(visit(), owner.email)
    answers = [visitor.post(STEP, {"code": "000000"}).status_code for _ in range(10)]
    assert answers == [422] * 10
    limited = with_password(owner, owner.email).post(STEP, {"code": code()})
    assert limited.status_code == 429
    assert 0 < int(limited.headers["Retry-After"]) <= 900
    assert visitor.post(STEP, {"recovery_code": "x"}).status_code == 429
    assert sessions(app) == 0
    assert actions(app).count("user.second_factor_limited") == 1


def test_a_right_code_starts_the_count_again(owner: Visitor, visit: Callable[..., Visitor]) -> None:
    visitor = with_password(visit(), owner.email)
    for _ in range(9):
        visitor.post(STEP, {"code": "000000"})
    assert visitor.post(STEP, {"code": code()}).status_code == 303
    other = with_password(visit(), owner.email)
    assert [other.post(STEP, {"code": "0"}).status_code for _ in range(2)] == [422, 422]


def test_a_recovery_code_signs_in_once(
    app: Flask, owner: Visitor, visit: Callable[..., Visitor]
) -> None:
    with app.app_context():
        user = db.session.scalars(select(User)).one()
        codes = recovery.make(user.id, COMMAND_LINE)
    visitor = with_password(visit(), owner.email)
    assert visitor.post(STEP, {"recovery_code": codes[0]}).status_code == 303
    assert "You used a recovery code. Unused codes: 9." in visitor.get("/sources").text
    refused = with_password(visit(), owner.email).post(STEP, {"recovery_code": codes[0]})
    assert refused.status_code == 422 and "was used already" in refused.text
    assert "user.recovery_code_used" in actions(app)


def test_an_invented_passkey_is_refused(
    app: Flask, owner: Visitor, visit: Callable[..., Visitor]
) -> None:
    visitor = visit()
    for credential in ("", "x", "{}", '{"id":"\\u0000","rawId":"AA"}', "[" * 900):
        visitor.post("/passkeys/options")
        answer = visitor.post("/sign-in/passkey", {"passkey": credential, "next": "//evil"})
        assert (answer.status_code, answer.location) == (303, "/sign-in")
    assert "not accepted" in visitor.get("/sign-in").text
    options = visitor.post("/passkeys/options").json
    assert options["allowCredentials"] == [] and options["userVerification"] == "required"
    assert options["rpId"] == "localhost"
    for host in ("127.0.0.1", "[::1]", "relay.example.com"):
        address = f"http://{host}"
        assert not re.search("data-passkey", visitor.get("/sign-in", base_url=address).text)
