"""The guard: session times, roles, requests from other sites and local redirects."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from relay.dashboard import guard
from relay.models import User, UserSession, db
from tests.dashboard.conftest import PASSWORD, Visitor

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
HTMX = {"HX-Request": "true"}
PROOF_NEEDED = "/alerts/channels/1/remove"  # there is none: 404 once the proof is accepted


def age(app: Flask, **minutes: float) -> None:
    """Make all sessions older."""
    with app.app_context():
        for session in db.session.scalars(select(UserSession)):
            for name, by in minutes.items():
                setattr(session, name, getattr(session, name) - timedelta(minutes=by))
        db.session.commit()


def is_signed_in(visitor: Visitor, **kw: Any) -> bool:
    return visitor.get("/sources", **kw).status_code == 200


@SQLITE
def test_a_session_ends_after_30_minutes_without_a_request(app: Flask, admin: Visitor) -> None:
    age(app, seen_at=29)
    assert is_signed_in(admin)
    age(app, seen_at=29)
    assert is_signed_in(admin)
    age(app, seen_at=31)
    assert not is_signed_in(admin)
    assert not is_signed_in(admin)


@SQLITE
def test_a_session_ends_after_12_hours(app: Flask, admin: Visitor) -> None:
    age(app, created_at=12 * 60 - 1)
    assert is_signed_in(admin)
    age(app, created_at=2)
    assert not is_signed_in(admin)


@SQLITE
def test_polling_does_not_extend_a_session(app: Flask, admin: Visitor) -> None:
    for _ in range(2):
        age(app, seen_at=20)
        answer = admin.get("/", headers={**HTMX, "Relay-Poll": "1"})
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/sign-in"


@SQLITE
def test_a_copied_cookie_is_useless_after_sign_out(
    visit: Callable[..., Visitor], admin: Visitor
) -> None:
    thief, cookie = visit(), admin.client.get_cookie("relay")
    assert cookie is not None
    thief.client.set_cookie("relay", cookie.value)
    assert is_signed_in(thief)
    admin.post("/sign-out")
    assert not is_signed_in(thief)


@SQLITE
def test_signing_out_ends_the_session_of_this_browser_only(
    visit: Callable[..., Visitor], admin: Visitor
) -> None:
    other = visit()
    other.sign_in(admin.email)
    admin.post("/sign-out")
    assert is_signed_in(other)


@SQLITE
def test_a_sensitive_change_asks_for_the_password_after_10_minutes(
    app: Flask, admin: Visitor
) -> None:
    """The form that was posted is kept, and is carried out with the right password only."""
    age(app, proved_at=9)
    assert admin.post(PROOF_NEEDED, {"reason": "x"}).status_code == 404
    age(app, proved_at=2)
    asked = admin.post(PROOF_NEEDED, {"reason": "two\nlines"})
    assert asked.status_code == 403
    assert 'name="reason" value="two\nlines"' in asked.text
    assert PASSWORD not in asked.text
    assert admin.post(PROOF_NEEDED, {"proof_password": "wrong"}).status_code == 422
    assert admin.post(PROOF_NEEDED, {"proof_password": PASSWORD}).status_code == 404
    assert admin.post(PROOF_NEEDED, {}).status_code == 404


@SQLITE
def test_htmx_and_pages_ask_for_the_password_on_a_page_of_its_own(
    app: Flask, admin: Visitor
) -> None:
    age(app, proved_at=11)
    here = {**HTMX, "HX-Current-URL": "http://localhost/sources?a=b"}
    answer = admin.post(PROOF_NEEDED, headers=here)
    assert answer.headers["HX-Redirect"] == "/proof?next=/sources?a%3Db"
    assert admin.post("/proof", {"proof_password": "wrong", "next": "/sources"}).status_code == 422
    right = admin.post("/proof", {"proof_password": PASSWORD, "next": "//evil.example"})
    assert (right.status_code, right.headers["Location"]) == (303, "/")
    assert admin.post(PROOF_NEEDED).status_code == 404


@SQLITE
def test_guessing_the_proof_is_limited(app: Flask, admin: Visitor) -> None:
    age(app, proved_at=11)
    answers = [admin.post("/proof", {"proof_password": "wrong"}) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [422] * 5 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert admin.post(PROOF_NEEDED, {"proof_password": PASSWORD}).status_code == 422


@SQLITE
def test_guesses_of_one_session_do_not_count_for_the_next(app: Flask, admin: Visitor) -> None:
    """SQLite would use the id of the deleted session again."""
    for _ in range(5):
        admin.post("/proof", {"proof_password": "wrong"})
    assert admin.post("/proof", {"proof_password": PASSWORD}).status_code == 429
    admin.post("/sign-out")
    admin.sign_in()
    assert admin.post("/proof", {"proof_password": PASSWORD}).status_code == 303


@SQLITE
def test_disabling_a_user_ends_the_session_at_once(app: Flask, admin: Visitor) -> None:
    with app.app_context():
        db.session.query(User).update({"state": "disabled"})
        db.session.commit()
    assert not is_signed_in(admin)


@SQLITE
def test_htmx_is_redirected_to_sign_in_and_back_to_its_page(
    visit: Callable[..., Visitor],
) -> None:
    answer = visit().get(
        "/events", headers={**HTMX, "HX-Current-URL": "http://localhost/events?state=dead"}
    )
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/sign-in?next=/events?state%3Ddead"


@SQLITE
def test_the_current_url_of_htmx_never_leads_to_another_site(visit: Callable[..., Visitor]) -> None:
    for url in ("http://localhost//evil.example/x", "http://evil.example", "javascript:alert(1)"):
        answer = visit().get("/events", headers={**HTMX, "HX-Current-URL": url})
        assert answer.headers["HX-Redirect"] == "/sign-in"


@SQLITE
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Origin": "http://localhost"}, 303),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://localhost.evil.example"}, 403),
        ({"Origin": "http://localhost:81"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_a_post_is_accepted_from_our_own_pages_only(
    admin: Visitor, headers: dict[str, str], status: int
) -> None:
    assert admin.post("/sign-out", headers=headers).status_code == status


@SQLITE
def test_htmx_gets_a_refusal_as_a_toast(visit: Callable[..., Visitor]) -> None:
    answer = visit("viewer").post("/sources/new", {"name": "x"}, headers=HTMX)
    assert answer.status_code == 403
    assert answer.headers["HX-Retarget"] == "#toasts"
    assert "needs the role admin, and yours is viewer" in answer.text
    assert "<html" not in answer.text


@SQLITE
def test_a_session_in_use_is_extended_once_a_minute(app: Flask, admin: Visitor) -> None:
    age(app, seen_at=0.9)
    before = last_seen(app)
    assert is_signed_in(admin)
    assert last_seen(app) == before
    age(app, seen_at=0.2)
    assert is_signed_in(admin)
    assert last_seen(app) > before
    assert "Set-Cookie" not in admin.get("/sources").headers


def last_seen(app: Flask) -> datetime:
    with app.app_context():
        return db.session.scalars(select(UserSession.seen_at)).one()


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/events?state=dead&text=a%20b", "/events?state=dead&text=a%20b"),
        ("/sources/käse", "/sources/käse"),
        ("", "/"),
        ("events", "/"),
        ("//evil", "/"),
        ("/\\evil", "/"),
        ("/%5cevil", "/"),
        ("/%2fevil", "/"),
        ("/%09/evil", "/"),
        ("/\t/evil", "/"),
        ("https:evil", "/"),
        ("https://evil", "/"),
        ("javascript:alert(1)", "/"),
        (" /events", "/"),
        ("/events\n", "/"),
        ("/" + "a" * 1500, "/"),
    ],
)
def test_only_local_paths_are_followed(text: str, path: str) -> None:
    assert guard.local_path(text) == path
