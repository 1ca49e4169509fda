"""A form whose session had ended is kept until the person signed in again."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime

import pyotp
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from relay import secrets
from relay.dashboard import guard, kept_forms
from relay.models import Destination, User, UserSession, db
from tests.dashboard.conftest import PASSWORD, Visitor

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
OURS = {"Referer": "http://localhost/destinations/new?kind=inbox", "Sec-Fetch-Site": "same-origin"}
NEW = "/destinations/new?kind=inbox"
FORM = {"name": 'Kept "inbox"', "events": ["a", "b"]}


def end_sessions(app: Flask) -> None:
    with app.app_context():
        db.session.query(UserSession).update({"seen_at": datetime(2020, 1, 1, tzinfo=UTC)})
        db.session.commit()


def hidden(page: str) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page)
    return {name: html.unescape(value) for name, value in found}


def expire_while_posting(app: Flask, visitor: Visitor, **headers: str) -> TestResponse:
    token = visitor.token()
    end_sessions(app)
    form = {"csrf_token": token, **FORM}
    return visitor.client.post(NEW, data=form, headers={**OURS, **headers})


def test_a_form_is_kept_through_the_sign_in_and_sent_once(app: Flask, admin: Visitor) -> None:
    asked = expire_while_posting(app, admin)
    assert asked.status_code == 401 and "Relay keeps what you entered" in asked.text
    assert "Kept" not in asked.text  # sealed: nobody else at this browser reads it
    wrong = admin.client.post(
        "/sign-in", data={**hidden(asked.text), "email": admin.email, "password": "no"}
    )
    assert wrong.status_code == 422 and hidden(wrong.text)["kept_form"]
    page = admin.client.post(
        "/sign-in", data={**hidden(wrong.text), "email": admin.email, "password": PASSWORD}
    )
    assert page.status_code == 200 and "Nothing was changed yet" in page.text
    assert 'action="/destinations/new?kind=inbox"' in page.text
    assert page.text.count('name="events" value=') == 2
    kept = hidden(page.text)
    assert kept["name"] == 'Kept "inbox"' and "kept_form" not in kept
    with app.app_context():
        assert db.session.query(Destination).count() == 0
    assert admin.client.post(NEW, data=kept).status_code == 303
    with app.app_context():
        assert db.session.query(Destination.name).scalar() == 'Kept "inbox"'


def test_the_second_step_keeps_it_too(app: Flask, admin: Visitor) -> None:
    secret = pyotp.random_base32()
    with app.app_context():
        db.session.query(User).one().totp_sealed = secrets.box().seal(secret)
        db.session.commit()
    asked = expire_while_posting(app, admin)
    step = admin.client.post(
        "/sign-in", data={**hidden(asked.text), "email": admin.email, "password": PASSWORD}
    )
    assert "Code from your authenticator app" in step.text
    form = {**hidden(step.text), "code": pyotp.TOTP(secret).now()}
    page = admin.client.post("/sign-in/second-step", data=form)
    assert hidden(page.text)["name"] == 'Kept "inbox"'


def test_the_form_of_an_earlier_session_continues_in_the_new_one(
    app: Flask, admin: Visitor
) -> None:
    form = {"csrf_token": "of another session", **FORM}
    page = admin.client.post(NEW, data=form, headers=OURS)
    assert page.status_code == 403 and "Nothing was changed yet" in page.text
    assert admin.client.post(NEW, data=hidden(page.text)).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Referer": "https://evil.example.com/"}, {"Referer": ""}],
)
def test_a_form_of_another_website_is_not_kept(
    app: Flask, admin: Visitor, headers: dict[str, str]
) -> None:
    form = {"csrf_token": "guessed", **FORM}
    page = admin.client.post(NEW, data=form, headers={**OURS, **headers})
    assert page.status_code == 403 and "Kept" not in page.text


def test_a_kept_form_that_was_changed_or_is_old_is_dropped(
    app: Flask, visit: Callable[..., Visitor], monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        sealed = kept_forms.seal(kept_forms.KeptForm("/x", [("a", "1"), ("a", "2")]))
        for text, found in ((sealed, True), (f"{sealed[:-2]}xx", False), ("", False)):
            with app.test_request_context("/sign-in", method="POST", data={"kept_form": text}):
                assert (kept_forms.posted() is not None) is found
        monkeypatch.setattr(kept_forms, "LASTS_S", 0)
        with app.test_request_context("/sign-in", method="POST", data={"kept_form": sealed}):
            assert kept_forms.posted() is None


def test_the_token_and_the_proof_are_not_kept(app: Flask) -> None:
    form = {"a": ["1", "2"], "csrf_token": "t", "proof_password": "p", "proof": "kept"}
    with app.test_request_context("/", method="POST", data=form):
        assert kept_forms.posted_fields() == [("a", "1"), ("a", "2"), ("proof", "kept")]
        assert guard.has_proof()
    with app.test_request_context("/", method="POST", data={"a": "proof_x"}):
        assert not guard.has_proof()


def test_a_page_learns_that_its_session_ended_and_gets_the_token_of_the_next(
    app: Flask, admin: Visitor
) -> None:
    found = admin.get("/session").json
    assert found is not None and found["email"] == admin.email and found["csrf_token"]
    stale = admin.client.post("/sign-out", data={}, headers={"HX-Request": "true"})
    assert stale.headers["Relay-Expired"] == "1"
    end_sessions(app)
    assert admin.get("/session", headers={"HX-Request": "true"}).status_code == 401


def sign_in_with(visitor: Visitor, page: str) -> TestResponse:
    """Sign in again with the kept form of a page."""
    typed = {"email": visitor.email, "password": PASSWORD, "csrf_token": visitor.token()}
    return visitor.client.post("/sign-in", data={**hidden(page), **typed})


def test_a_kept_form_belongs_to_the_user_of_the_session_and_works_once(
    app: Flask, admin: Visitor, visit: Callable[..., Visitor]
) -> None:
    other = visit("support")
    asked = expire_while_posting(app, admin)
    other.client = app.test_client()
    page = sign_in_with(other, asked.text)
    assert page.status_code == 303 and page.location == "/destinations/new?kind=inbox"
    assert "belongs to another account" in other.get("/").text
    assert 'name="name" value="Kept' in sign_in_with(admin, asked.text).text
    admin.client = app.test_client()
    page = sign_in_with(admin, asked.text)
    assert page.status_code == 303 and "was used already" in admin.get("/").text


def test_a_form_after_a_poll_is_kept_and_after_a_sign_out_is_not(
    app: Flask, admin: Visitor
) -> None:
    token = admin.token()
    end_sessions(app)
    assert (
        admin.get("/events", headers={"HX-Request": "true", "Relay-Poll": "1"}).status_code == 401
    )
    form = {"csrf_token": token, **FORM}
    asked = admin.client.post(NEW, data=form, headers=OURS)
    assert hidden(asked.text)["kept_form"]
    with app.app_context():
        db.session.query(UserSession).delete()
        db.session.commit()
    asked = admin.client.post(NEW, data=form, headers=OURS)
    assert asked.status_code == 401 and "kept_form" not in hidden(asked.text)
    assert "Relay did not keep the form" in asked.text


def test_passwords_codes_and_secrets_are_entered_again(app: Flask, admin: Visitor) -> None:
    token = admin.token()
    end_sessions(app)
    form = {
        "name": "Hook",
        "url": "https://x.example.com",
        "signing_secret": "whsec-1",
        "token": "",
    }
    asked = admin.client.post(
        "/destinations/new?kind=webhook", data={"csrf_token": token, **form}, headers=OURS
    )
    with app.test_request_context("/", method="POST", data=hidden(asked.text)):
        found = kept_forms.posted()
    assert found and found.asks == ("signing_secret",) and "whsec-1" not in str(found)
    page = sign_in_with(admin, asked.text).text
    assert "whsec-1" not in page and "Enter them again." in page
    assert re.search(r'<input class="form-control" type="password"[^>]*name="signing_secret"', page)
    assert "<strong>Destinations: create</strong>" in page
    for name in ("password", "old_password", "code", "api_key", "own_headers", "bot_token"):
        assert kept_forms.is_secret(name), name
    for name in ("key_id", "event_types", "name", "once"):
        assert not kept_forms.is_secret(name), name
    assert not kept_forms.is_secret("code", "/dead-letters/bulk")


@pytest.mark.parametrize(
    ("note", "is_kept"), [("a" * 100_000, True), ("a" * 200_000, False), ("ü" * 40_000, False)]
)
def test_a_form_is_kept_only_if_the_sign_in_takes_it(
    app: Flask, admin: Visitor, note: str, is_kept: bool
) -> None:
    token = admin.token()
    end_sessions(app)
    form = {"csrf_token": token, "name": "x", "note": note}
    asked = admin.client.post(NEW, data=form, headers=OURS)
    assert asked.status_code == 401
    assert ("too large to keep" in asked.text) is not is_kept
    page = sign_in_with(admin, asked.text)
    assert page.status_code == (200 if is_kept else 303)
