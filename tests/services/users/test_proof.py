"""Proof: a password or second factor, shown again before a sensitive change."""

from __future__ import annotations

from datetime import timedelta

import pytest

from relay.errors import TooBusy
from relay.models import Passkey, UserSession, db
from relay.services.audit import By
from relay.services.users import proof, sessions
from relay.services.users.proof import Factors
from relay.services.users.second_factor import recovery
from relay.services.users.second_factor.check import Shown
from tests.services.users.conftest import ADDRESS, PASSWORD, Team
from tests.services.users.second_factor.test_totp import code_of, set_up

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
VIC = By("vic@example.com", ADDRESS)
REFUSED = ("vic@example.com", "user.proof_refused", "vic@example.com", {})
CODE_WRONG = "This code is not right, or was used already. Wait for the next one."


def stale(team: Team) -> int:
    """A session of Vic with a proof that is too old.  -> its id"""
    number = team.sign_in(team.vic_id)
    db.session.get_one(UserSession, number).proved_at -= timedelta(minutes=11)
    db.session.commit()
    return number


def is_fresh(number: int) -> bool:
    db.session.rollback()
    row = db.session.get_one(UserSession, number, populate_existing=True)
    row.read_at = row.seen_at
    return sessions.has_fresh_proof(row)


def test_what_a_person_can_show(team: Team) -> None:
    assert proof.factors_of(team.vic_id) == Factors(True, False, False, False)
    user = team.user(team.vic_id)
    user.password_hash, user.totp_sealed, user.oidc_subject = "", "sealed", "issuer subject"
    user.passkeys = [Passkey(name="Key", credential_id="c", public_key=b"k")]
    db.session.commit()
    assert proof.factors_of(team.vic_id) == Factors(False, True, True, True)


@pytest.mark.parametrize("has", ["password", "code", "passkey", "provider"])
def test_one_of_them_is_enough(team: Team, has: str) -> None:
    factors = dict.fromkeys(("password", "code", "passkey", "provider"), False)
    assert Factors(**factors).are_none
    assert not Factors(**factors | {has: True}).are_none


def test_the_right_password_is_remembered_for_this_session(team: Team) -> None:
    here, other = stale(team), stale(team)
    wrong = proof.check(team.vic_id, here, "wrong", Shown(), VIC)
    assert wrong == "This password is not right. Try again."
    assert not is_fresh(here) and team.trail()[-1] == REFUSED
    assert proof.check(team.vic_id, here, PASSWORD, Shown(), VIC) is None
    assert is_fresh(here) and not is_fresh(other)


def test_a_code_is_a_proof_and_a_recovery_code_is_not(team: Team) -> None:
    here, secret = stale(team), set_up(team.user(team.vic_id))
    assert proof.check(team.vic_id, here, PASSWORD, Shown(code="000000"), VIC) == CODE_WRONG
    assert not is_fresh(here) and team.trail()[-1] == REFUSED
    code = recovery.make(team.vic_id, VIC)[0]
    assert proof.check(team.vic_id, here, "", Shown(recovery_code=code), VIC) is not None
    assert recovery.left(team.vic_id) == 10 and not is_fresh(here)
    assert proof.check(team.vic_id, here, "", Shown(code=code_of(secret)), VIC) is None
    assert is_fresh(here)


def test_five_wrong_passwords_are_the_most_of_a_session(team: Team) -> None:
    here, other = stale(team), stale(team)
    for _ in range(5):
        assert proof.check(team.vic_id, here, "wrong", Shown(), VIC) is not None
    with pytest.raises(TooBusy, match="too many failed attempts"):
        proof.check(team.vic_id, here, PASSWORD, Shown(), VIC)
    assert proof.check(team.vic_id, other, PASSWORD, Shown(), VIC) is None


def test_wrong_codes_are_limited_for_the_account_and_recorded(team: Team) -> None:
    """However many sessions there are: each allows five guesses, and the account ten."""
    secret = set_up(team.user(team.vic_id))
    first, second, third = stale(team), stale(team), stale(team)
    for here in (first, second):
        for _ in range(5):
            assert proof.check(team.vic_id, here, "", Shown(code="000000"), VIC) == CODE_WRONG
    with pytest.raises(TooBusy, match="too many failed attempts"):
        proof.check(team.vic_id, third, "", Shown(code=code_of(secret)), VIC)
    assert team.trail()[-1] == (VIC.actor, "user.second_factor_limited", VIC.actor, {})
    assert not is_fresh(third)
