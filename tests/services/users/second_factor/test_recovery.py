"""Recovery codes: long enough, stored as hashes, each once."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from relay.models import RecoveryCode, User, db
from relay.services.audit import COMMAND_LINE
from relay.services.users.second_factor import recovery, totp
from tests.services.users.second_factor.test_totp import at_once, set_up

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@SQLITE
def test_each_code_works_once_and_a_new_set_replaces_the_old_one(user: User) -> None:
    codes = recovery.make(user.id, COMMAND_LINE)
    assert len(set(codes)) == 10
    assert all(len(code.replace("-", "")) * 5 >= 112 for code in codes)  # bits
    stored = set(db.session.scalars(select(RecoveryCode.code_hash)))
    assert not stored & {code.replace("-", "") for code in codes} and len(stored) == 10
    assert recovery.use(user.id, f" {codes[0].upper().replace('-', ' ')}")
    assert not recovery.use(user.id, codes[0])
    assert not recovery.use(user.id + 1, codes[1])
    assert recovery.left(user.id) == 9
    new = recovery.make(user.id, COMMAND_LINE)
    assert not recovery.use(user.id, codes[1])
    assert recovery.use(user.id, new[9]) and recovery.left(user.id) == 9


def test_of_two_requests_with_the_same_code_one_gets_it(app: Flask, user: User) -> None:
    user_id, code = user.id, recovery.make(user.id, COMMAND_LINE)[0]
    db.session.commit()
    assert at_once(app, lambda: recovery.use(user_id, code)) == [False, True]


@SQLITE
def test_without_a_second_factor_there_are_no_codes(user: User) -> None:
    set_up(user)
    recovery.make(user.id, COMMAND_LINE)
    totp.remove(user.id, 0, COMMAND_LINE)
    assert recovery.left(user.id) == 0
    assert not user.has_second_factor
