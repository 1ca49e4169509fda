"""Sign-in: limits on attempts, and a new session."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from tests.dashboard.conftest import Visitor

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_guessing_from_one_address_does_not_lock_the_owner_out(
    app: Flask, visit: Callable[..., Visitor], admin: Visitor
) -> None:
    attacker, owner = visit(), visit()
    answers = [attacker.sign_in(admin.email, "a wrong password").status_code for _ in range(20)]
    assert 429 in answers[:11]
    owner.client.environ_base["REMOTE_ADDR"] = "198.51.100.9"
    assert owner.sign_in(admin.email).status_code == 303


def test_attempts_on_one_account_are_limited_across_addresses(
    visit: Callable[..., Visitor], admin: Visitor
) -> None:
    answers = []
    for n in range(32):
        attacker = visit()
        attacker.client.environ_base["REMOTE_ADDR"] = f"198.51.100.{n}"
        answers.append(attacker.sign_in(admin.email.upper(), "wrong").status_code)
    assert answers[:29] == [422] * 29
    assert answers[-1] == 429


def test_sign_in_starts_a_new_session(
    app: Flask, visit: Callable[..., Visitor], admin: Visitor
) -> None:
    visitor = visit()
    before = visitor.token()
    planted = visitor.client.get_cookie("relay")
    visitor.sign_in(admin.email)
    after = visitor.client.get_cookie("relay")
    assert planted is not None and after is not None and planted.value != after.value
    thief = visit()
    thief.client.set_cookie("relay", planted.value)
    assert thief.get("/sources").status_code == 303
    assert visitor.client.post("/sign-out", data={"csrf_token": before}).status_code == 403
