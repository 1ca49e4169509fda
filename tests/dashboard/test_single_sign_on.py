"""Single sign-on against a strict provider: who gets in with which role, and which tokens are refused."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests
from flask import Flask
from joserfc import jwt
from sqlalchemy import select
from werkzeug.test import TestResponse

from relay import secrets
from relay.models import User, UserSession, db
from relay.oidc_settings import OidcSettings
from relay.rules.states import Role, UserState
from relay.services.users.oidc import OidcProvider
from tests.dashboard.conftest import PASSWORD, Visitor
from tests.dashboard.test_guard import PROOF_NEEDED, age
from tests.dashboard.test_second_step import SECRET, actions, code
from tests.support.oidc import OidcDouble, new_key, signed_with_hmac, unsigned
from tests.support.sink import Answer

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
START, BACK = "/sign-in/single-sign-on", "/sign-in/single-sign-on/callback"
ROLES = (("relay-admins", Role.ADMIN), ("relay-support", Role.SUPPORT))


@pytest.fixture
def provider(app: Flask) -> Iterator[OidcDouble]:
    double = OidcDouble(f"http://localhost{BACK}")
    configure(app, double)
    yield double
    double.close()
    assert double.faults == []


def configure(app: Flask, double: OidcDouble, **other: Any) -> None:
    settings = OidcSettings(double.url, double.client_id, double.secret, ROLES, label="Our login")
    config = app.extensions["relay_config"]
    app.extensions["relay_config"] = replace(config, oidc=replace(settings, **other))
    app.extensions.pop("relay_oidc", None)


def at_provider(visitor: Visitor, start: str = START) -> str:
    """Go to the provider and sign in there.  -> the address that leads back"""
    there = visitor.get(start)
    assert there.status_code == 303, there.text
    back = requests.get(there.location, allow_redirects=False, timeout=10)
    assert back.status_code == 302, back.text
    return back.headers["Location"].removeprefix("http://localhost")


def sign_in(visitor: Visitor, start: str = START) -> TestResponse:
    return visitor.get(at_provider(visitor, start))


def refusal(visitor: Visitor, answer: TestResponse) -> str:
    """The sentence on the sign-in page; there is no session."""
    assert (answer.status_code, answer.location) == (303, "/sign-in")
    page = visitor.get("/sign-in").text
    assert visitor.get("/sources").status_code == 303
    return page.split('data-toast="danger"')[1]


def user(app: Flask) -> User:
    with app.app_context():
        return db.session.scalars(select(User)).one()


def test_a_person_gets_an_account_and_the_role_of_each_sign_in(
    app: Flask, provider: OidcDouble, visit: Callable[..., Visitor]
) -> None:
    visitor = visit()
    answer = sign_in(visitor, f"{START}?next=/events?state%3Ddead")
    assert (answer.status_code, answer.location) == (303, "/events?state=dead")
    assert "Sign in with Our login" in visit().get("/sign-in").text
    assert visitor.get("/audit").status_code == 200
    made = user(app)
    assert (made.role, made.name, made.password_hash) == (Role.ADMIN, "Ada", "")
    assert made.oidc_subject == f"{provider.url} ada-1"
    with app.app_context():
        db.session.add(User(email="root@example.com", role=Role.ADMIN))
        db.session.commit()
    provider.person |= {"groups": ["relay-support", "other"], "email": "new@example.com"}
    other = visit()
    assert sign_in(other).location == "/"
    assert other.get("/audit").status_code == 403 and visitor.get("/audit").status_code == 403
    provider.person["groups"] = ["other"]
    third = visit()
    assert "gives your account no role" in refusal(third, sign_in(third))
    assert {"user.single_sign_on", "user.single_sign_on_refused"} <= set(actions(app))


def test_the_last_admin_stays_admin(
    app: Flask, provider: OidcDouble, visit: Callable[..., Visitor]
) -> None:
    sign_in(visit())
    provider.person["groups"] = ["relay-support"]
    assert sign_in(visit()).location == "/"
    assert user(app).role == Role.ADMIN


def test_a_limited_account_does_not_become_an_admin(
    app: Flask, provider: OidcDouble, visit: Callable[..., Visitor]
) -> None:
    provider.person["groups"] = ["relay-support"]
    sign_in(visit())
    with app.app_context():
        db.session.scalars(select(User)).one().sites_limited = True
        db.session.commit()
    provider.person["groups"] = ["relay-admins"]
    visitor = visit()
    assert "your account is limited to some sites" in refusal(visitor, sign_in(visitor))
    assert user(app).role == Role.SUPPORT
    with app.app_context():  # one from before keeps working
        db.session.scalars(select(User)).one().role = Role.ADMIN
        db.session.commit()
    assert sign_in(visit()).location == "/"


def test_an_account_is_linked_only_by_a_verified_address(
    app: Flask, provider: OidcDouble, visit: Callable[..., Visitor]
) -> None:
    owner = visit("admin")
    provider.person |= {"email": "Admin@example.com", "email_verified": False}
    thief = visit()
    assert "did not verify that this address is yours" in refusal(thief, sign_in(thief))
    provider.person["email_verified"] = True
    assert sign_in(visit()).location == "/"
    assert user(app).oidc_subject == f"{provider.url} ada-1"
    provider.person["sub"] = "someone-else"
    assert "belongs to another identity" in refusal(thief, sign_in(thief))
    assert owner.sign_in().status_code == 303  # the password still works
    with app.app_context():
        db.session.scalars(select(User)).one().state = UserState.DISABLED
        db.session.commit()
    provider.person["sub"] = "ada-1"
    assert "is disabled" in refusal(thief, sign_in(thief))


def test_a_limited_admin_is_no_reason_to_demote_the_last_admin(
    app: Flask, provider: OidcDouble, visit: Callable[..., Visitor]
) -> None:
    sign_in(visit())
    with app.app_context():
        db.session.add(
            User(email="client@example.com", role=Role.ADMIN, sites_limited=True, password_hash="x")
        )
        db.session.commit()
    provider.person["groups"] = ["relay-support"]
    assert sign_in(visit()).location == "/"
    with app.app_context():
        role = db.session.scalar(select(User.role).where(User.oidc_subject.is_not(None)))
    assert role == Role.ADMIN


@pytest.mark.parametrize("verified", [False, "false", None])
def test_an_account_is_not_made_for_an_address_that_is_not_verified(
    app: Flask, provider: OidcDouble, visit: Callable[..., Visitor], verified: Any
) -> None:
    """A provider that says nothing, such as Entra, can only make new accounts."""
    provider.person |= {"email": "new@example.com", "email_verified": verified, "name": "N\x00ew"}
    visitor = visit()
    answer = sign_in(visitor)
    if verified is None:
        assert answer.location == "/"
        assert (user(app).email, user(app).name) == ("new@example.com", "New")
    else:
        assert "is not verified" in refusal(visitor, answer)


def hs256_with_the_public_key(double: OidcDouble) -> Callable[[dict[str, Any]], str]:
    public = double.key.as_pem(private=False)
    return lambda claims: signed_with_hmac(claims, public)


def by_another_key(double: OidcDouble) -> Callable[[dict[str, Any]], str]:
    header = {"alg": "RS256", "kid": double.key.kid}
    other = new_key()
    return lambda claims: jwt.encode(header, claims, other)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "another nonce": ({"nonce": "x" * 43}, "for another sign-in"),
    "no nonce": ({"nonce": None}, "for another sign-in"),
    "another audience": ({"aud": "shop"}, "for another application"),
    "for another, by us": ({"aud": "shop", "azp": "relay"}, "for another application"),
    "for several, by another": ({"aud": ["relay", "shop"], "azp": "shop"}, "another application"),
    "for several, by no one": ({"aud": ["relay", "shop"]}, "another application"),
    "expired": ({"exp": int(time.time()) - 120}, "has expired"),
    "no end": ({"exp": None}, "has expired"),
    "another issuer": ({"iss": "https://evil.example"}, "from another issuer"),
    "no subject": ({"sub": None}, "no valid subject"),
    "empty subject": ({"sub": ""}, "no valid subject"),
    "a subject with NUL": ({"sub": "a\x00"}, "no valid subject"),
}


def test_a_wrong_token_is_refused(
    app: Flask, provider: OidcDouble, visit: Callable[..., Visitor]
) -> None:
    visitor = visit("viewer")  # who has to be another one than the provider's
    visitor.post("/sign-out")
    for what, (change, words) in WRONG.items():
        provider.change = change
        assert words in refusal(visitor, sign_in(visitor)), what
        visitor.client.environ_base["REMOTE_ADDR"] = f"198.51.100.{len(what)}"
    provider.change = {}
    for sign in (unsigned, hs256_with_the_public_key(provider), by_another_key(provider)):
        provider.sign = sign
        assert "not signed as it must be" in refusal(visitor, sign_in(visitor))
    with app.app_context():
        assert db.session.scalars(select(UserSession)).all() == []
        assert db.session.scalars(select(User.email)).all() == ["viewer@example.com"]
    assert actions(app).count("user.single_sign_on_refused") == len(WRONG) + 3


def test_an_answer_belongs_to_the_browser_that_asked_and_is_used_once(
    app: Flask, provider: OidcDouble, visit: Callable[..., Visitor]
) -> None:
    visit("admin")
    victim, attacker = visit(), visit()
    back = at_provider(attacker)
    victim.get(START)
    assert "did not begin in this browser" in refusal(victim, victim.get(back))
    assert "did not begin" in refusal(victim, victim.get(f"{BACK}?code=x&state=%C3%A4"))
    cancelled = attacker.get(back.replace("code=", "error=access_denied&x="))
    assert "was canceled" in refusal(attacker, cancelled)
    assert "did not begin" in refusal(attacker, attacker.get(back))
    back = at_provider(attacker)
    with attacker.client.session_transaction() as kept:
        kept["single-sign-on"] |= {"at": kept["single-sign-on"]["at"] - 601}
    assert "did not begin" in refusal(attacker, attacker.get(back))


def test_a_wrong_verifier_and_a_wrong_client_secret_are_refused_by_the_provider(
    app: Flask, provider: OidcDouble, visit: Callable[..., Visitor]
) -> None:
    visit("admin")
    visitor = visit()
    back = at_provider(visitor)
    with visitor.client.session_transaction() as kept:
        kept["single-sign-on"] |= {"verifier": "v" * 43}
    assert "no longer accepts this sign-in" in refusal(visitor, visitor.get(back))
    configure(app, provider, client_secret="wrong")
    assert "rejects RELAY_OIDC_CLIENT_ID or" in refusal(visitor, sign_in(visitor))
    assert provider.faults == ["wrong verifier", "wrong client secret"]
    provider.faults.clear()


def test_a_provider_that_is_down_leaves_the_password(
    app: Flask, provider: OidcDouble, visit: Callable[..., Visitor]
) -> None:
    owner = visit("admin")
    visitor = visit()
    back = at_provider(visitor)
    provider.down = Answer(503)
    assert "You can sign in with your password" in refusal(visitor, visitor.get(back))
    provider.close()
    app.extensions.pop("relay_oidc")
    assert "It does not answer (connection_refused)" in refusal(visitor, visitor.get(START))
    assert visitor.sign_in(owner.email).status_code == 303


def test_a_new_key_of_the_provider_is_read(
    app: Flask, provider: OidcDouble, visit: Callable[..., Visitor], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sign_in(visit()).location == "/"
    provider.key = new_key()
    with app.app_context():
        found: OidcProvider = app.extensions["relay_oidc"]
        read = found._read[f"{provider.url}/keys"]
        found._read[f"{provider.url}/keys"] = (read[0] - 31, read[1])
    assert sign_in(visit()).location == "/"


def test_a_second_factor_is_asked_for_unless_the_provider_did(
    app: Flask, provider: OidcDouble, visit: Callable[..., Visitor]
) -> None:
    sign_in(visit())
    with app.app_context():
        db.session.scalars(select(User)).one().totp_sealed = secrets.box().seal(SECRET)
        db.session.commit()
    visitor = visit()
    assert sign_in(visitor).location == "/sign-in/second-step"
    assert visitor.post("/sign-in/second-step", {"code": code()}).location == "/"
    provider.person["amr"] = ["pwd", "mfa"]
    assert sign_in(visit()).location == "/"


def test_a_role_that_needs_a_second_factor_may_have_it_at_the_provider(
    app: Flask, provider: OidcDouble, visit: Callable[..., Visitor]
) -> None:
    visitor = visit()
    sign_in(visitor)
    visitor.post("/team/sign-in", {"roles": ["admin"]})
    assert visitor.get("/sources").location == "/account/second-factor"
    provider.person["amr"] = ["pwd", "mfa"]
    sign_in(visitor)
    assert visitor.get("/sources").status_code == 200


def test_the_provider_is_a_proof_if_it_asked_again(
    app: Flask, provider: OidcDouble, visit: Callable[..., Visitor]
) -> None:
    visitor = visit()
    sign_in(visitor)
    age(app, proved_at=11)
    page = visitor.post(PROOF_NEEDED).text
    assert "Sign in again at your provider" in page and "proof_password" not in page
    assert visitor.post("/proof", {"proof_password": PASSWORD}).status_code == 422
    start = "/proof/single-sign-on?next=/sources"
    for change, words in (
        ({"auth_time": int(time.time()) - 3600}, "when you entered your password"),
        ({"auth_time": None}, "when you entered your password"),
        ({"sub": "someone-else"}, "as someone else"),
    ):
        provider.change = change
        assert sign_in(visitor, start).location == "/proof?next=/sources"
        assert words in visitor.get("/proof").text
        assert visitor.post(PROOF_NEEDED).status_code == 403
    provider.change = {}
    assert sign_in(visitor, start).location == "/sources"
    assert visitor.post(PROOF_NEEDED).status_code == 404


def test_without_settings_there_is_no_single_sign_on(visit: Callable[..., Visitor]) -> None:
    visit("admin")
    visitor = visit()
    assert "Sign in with Our" not in visitor.get("/sign-in").text
    assert "is not set up" in refusal(visitor, visitor.get(START))
    assert visitor.get(BACK).location == "/sign-in"
