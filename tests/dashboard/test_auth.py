"""Sign-in: limits on attempts, and a new session."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from relay.models import AuditEntry, db
from tests.dashboard.conftest import Visitor

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def from_address(visitor: Visitor, address: str) -> Visitor:
    visitor.client.environ_base["REMOTE_ADDR"] = address
    return visitor


def test_guessing_from_one_address_is_limited(
    visit: Callable[..., Visitor], admin: Visitor
) -> None:
    attacker = visit()
    answers = [attacker.sign_in(admin.email, "a wrong password") for _ in range(11)]
    assert [answer.status_code for answer in answers] == [422] * 10 + [429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
    assert "too many failed attempts" in answers[-1].text
    owner = from_address(visit(), "198.51.100.9")
    assert owner.sign_in(admin.email).status_code == 303


def test_addresses_of_one_ipv6_network_count_together(
    visit: Callable[..., Visitor], admin: Visitor
) -> None:
    answers = [
        from_address(visit(), f"2001:db8:0:7::{n}").sign_in(admin.email, "wrong").status_code
        for n in range(1, 12)
    ]
    assert answers == [422] * 10 + [429]
    assert from_address(visit(), "2001:db8:0:8::1").sign_in(admin.email).status_code == 303


def test_an_attack_from_many_addresses_does_not_lock_the_owner_out(
    visit: Callable[..., Visitor], admin: Visitor
) -> None:
    """An address that failed before is stopped; a fresh address and the owner's browser are not."""
    attackers = [from_address(visit(), f"198.51.100.{n}") for n in range(5)]
    answers = [
        attacker.sign_in(admin.email.upper(), "wrong").status_code
        for _ in range(8)
        for attacker in attackers
    ]
    assert answers == [422] * 30 + [429] * 10
    assert attackers[0].sign_in(admin.email).status_code == 429
    assert from_address(visit(), "203.0.113.1").sign_in(admin.email).status_code == 303
    assert from_address(admin, "198.51.100.1").sign_in().status_code == 303


def test_a_known_browser_has_its_own_limit(visit: Callable[..., Visitor], admin: Visitor) -> None:
    answers = [admin.sign_in(password="wrong").status_code for _ in range(11)]
    assert answers == [422] * 10 + [429]
    assert visit().sign_in(admin.email).status_code == 303


def test_a_forged_cookie_of_a_known_browser_counts_for_nothing(
    visit: Callable[..., Visitor], admin: Visitor
) -> None:
    attacker = visit()
    attacker.client.set_cookie("relay-browser", "W1sxLCJhIl1d.aaaa.bbbb")
    answers = [attacker.sign_in(admin.email, "wrong").status_code for _ in range(11)]
    assert answers[-1] == 429
    assert visit().sign_in(admin.email, "wrong").status_code == 429


def test_stopped_attempts_are_audited_once(
    app: Flask, visit: Callable[..., Visitor], admin: Visitor
) -> None:
    attacker = visit()
    for _ in range(15):
        attacker.sign_in(admin.email, "wrong")
    with app.app_context():
        actions = list(db.session.scalars(select(AuditEntry.action)))
    assert actions.count("user.sign_in_limited") == 1
    assert actions.count("user.sign_in_refused") == 10


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


def test_an_unknown_address_is_not_stored(
    app: Flask, visit: Callable[..., Visitor], admin: Visitor
) -> None:
    """It can be the address of a customer, or a password in the wrong field."""
    for _ in range(12):
        visit().sign_in("typed@victim.example", "wrong")
    with app.app_context():
        entries = list(db.session.scalars(select(AuditEntry)))
    assert {entry.action for entry in entries} >= {"user.sign_in_refused", "user.sign_in_limited"}
    assert {entry.object_label for entry in entries if "sign_in_" in entry.action} == {
        "unknown address"
    }
    assert "typed@victim" not in repr([(entry.actor, entry.detail) for entry in entries])


def test_the_forms_behind_a_link_allow_twenty_attempts_a_minute_for_each_address(
    visit: Callable[..., Visitor], admin: Visitor
) -> None:
    guesser, other = visit(), from_address(visit(), "198.51.100.9")
    answers = [guesser.post("/first-run/wrong", {}).status_code for _ in range(21)]
    assert answers == [answers[0]] * 20 + [429] and answers[0] != 429
    assert other.post("/first-run/wrong", {}).status_code == answers[0]
