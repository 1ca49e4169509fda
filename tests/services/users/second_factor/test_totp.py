"""Codes of an authenticator app: the test vectors, each step once, and two requests at once."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pyotp
import pytest
from flask import Flask

from relay import secrets
from relay.errors import Invalid
from relay.models import User, db
from relay.services.audit import COMMAND_LINE
from relay.services.operations import encryption
from relay.services.users.second_factor import totp

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
RFC = base64.b32encode(b"12345678901234567890").decode()  # RFC 6238, appendix B, SHA-1


@pytest.mark.parametrize(
    ("now_s", "code", "step"),
    [
        (59, "287082", 1),
        (1111111109, "081804", 37037036),
        (20000000000, "353130", 666666666),
        (59, " 287 082 ", 1),
        (89, "287082", 1),  # one step later
        (29, "287082", 1),  # one step earlier
        (90, "287082", None),
        (59, "287083", None),
        (59, "94287082", None),
        (59, "", None),
        (59, "28708２", None),
    ],
)
def test_a_code_belongs_to_a_step(now_s: float, code: str, step: int | None) -> None:
    assert totp.step_of(RFC, code, now_s) == step


def code_of(secret: str, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(int(time.time()) + 30 * steps)


def set_up(user: User) -> str:
    """An app that was confirmed long ago.  -> its secret"""
    secret = totp.new_secret()
    user.totp_sealed, user.totp_used_step = secrets.box().seal(secret), 1
    db.session.commit()
    return secret


@SQLITE
def test_an_app_counts_once_it_showed_the_right_code(user: User) -> None:
    secret = totp.new_secret()
    with pytest.raises(Invalid):
        totp.confirm(user.id, 0, secret, "000000", COMMAND_LINE)
    assert not db.session.get_one(User, user.id).has_second_factor
    totp.confirm(user.id, 0, secret, code_of(secret), COMMAND_LINE)
    assert user.has_second_factor
    assert secret not in (user.totp_sealed or "")
    assert not totp.use(user.id, code_of(secret))  # the code that confirmed it is used up


@SQLITE
def test_a_code_and_those_before_it_are_used_up(user: User) -> None:
    secret = set_up(user)
    newer, older = code_of(secret, 1), code_of(secret)
    assert totp.use(user.id, newer)
    assert not totp.use(user.id, newer)
    assert not totp.use(user.id, older)


def at_once(app: Flask, action: Callable[[], bool]) -> list[bool]:
    """The results of two threads that begin together."""
    barrier = Barrier(2)

    def run(_: int) -> bool:
        with app.app_context():
            barrier.wait(10)
            result = action()
            db.session.commit()
            return result

    with ThreadPoolExecutor(2) as pool:
        return sorted(pool.map(run, range(2)))


def test_of_two_requests_with_the_same_code_one_gets_it(app: Flask, user: User) -> None:
    user_id, code = user.id, code_of(set_up(user))
    assert at_once(app, lambda: totp.use(user_id, code)) == [False, True]


@SQLITE
def test_the_secret_is_sealed_again_with_a_new_key(user: User) -> None:
    secret = set_up(user)
    before = user.totp_sealed
    assert encryption.reseal_all(COMMAND_LINE) == 1
    db.session.expire_all()
    assert user.totp_sealed not in (None, before)
    assert secrets.box().open_sealed(user.totp_sealed or "") == secret
