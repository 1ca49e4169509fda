"""The guard: session times, roles, requests from other sites and local redirects."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from relay.dashboard import guard
from relay.models import User, db
from tests.dashboard.conftest import Visitor

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
HTMX = {"HX-Request": "true"}


def age(visitor: Visitor, **seconds: int) -> None:
    """Make the visitor's session older."""
    with visitor.client.session_transaction() as session:
        for name, by in seconds.items():
            session[name] -= by


def is_signed_in(visitor: Visitor, **kw: Any) -> bool:
    return visitor.get("/sources", **kw).status_code == 200


@SQLITE
def test_a_session_ends_after_30_minutes_without_a_request(admin: Visitor) -> None:
    age(admin, seen_at=29 * 60)
    assert is_signed_in(admin)
    age(admin, seen_at=29 * 60)
    assert is_signed_in(admin)
    age(admin, seen_at=31 * 60)
    assert not is_signed_in(admin)
    assert not is_signed_in(admin)


@SQLITE
def test_a_session_ends_after_12_hours(admin: Visitor) -> None:
    age(admin, signed_in_at=12 * 3600 - 60)
    assert is_signed_in(admin)
    age(admin, signed_in_at=120)
    assert not is_signed_in(admin)


@SQLITE
def test_polling_does_not_extend_a_session(admin: Visitor) -> None:
    for _ in range(2):
        age(admin, seen_at=20 * 60)
        answer = admin.get("/", headers={**HTMX, "Relay-Poll": "1"})
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/sign-in"


@SQLITE
def test_a_session_without_times_is_invalid(admin: Visitor) -> None:
    with admin.client.session_transaction() as session:
        del session["signed_in_at"]
    assert not is_signed_in(admin)


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
def test_a_session_in_use_is_extended_once_a_minute(admin: Visitor) -> None:
    age(admin, seen_at=61)
    assert is_signed_in(admin)
    with admin.client.session_transaction() as session:
        assert time.time() - session["seen_at"] < 5
    assert "Set-Cookie" not in admin.get("/sources").headers


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
    ],
)
def test_only_local_paths_are_followed(text: str, path: str) -> None:
    assert guard.local_path(text) == path
