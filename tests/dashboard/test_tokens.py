"""The page of API tokens."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from relay.models import ApiToken, db
from tests.dashboard.conftest import PASSWORD, Visitor, text_of
from tests.dashboard.test_guard import age
from tests.support import two_sites

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
PAGE = "/account/tokens"
SHOWN = re.compile(r'id="token" value="(relay_[A-Za-z0-9]{43})"')
FORM = {"name": "Status page", "role": "viewer", "expires": "90d", "which": "all"}


def create(visitor: Visitor, **more: str) -> str:
    """-> the token, which the next page shows once"""
    answer = visitor.post(f"{PAGE}/new", FORM | more)
    assert answer.status_code == 303, answer.text
    found = SHOWN.search(visitor.get(answer.location).text)
    assert found and not SHOWN.search(visitor.get(PAGE).text)
    return found[1]


def test_a_token_is_created_shown_once_used_and_revoked(
    app: Flask, visit: Callable[..., Visitor]
) -> None:
    support = visit("support")
    assert 'href="/account/tokens"' in support.get("/account").text
    assert "No API tokens" in text_of(support.get(PAGE).text)
    token = create(support, role="support")
    headers = {"Authorization": f"Bearer {token}"}
    answer = app.test_client().get("/api/v1/token", headers=headers).get_json()
    assert (answer["role"], answer["user"]) == ("support", "support@example.com")
    page = support.get(PAGE)
    assert token not in page.text and f"{token[:10]}…" in page.text
    assert "127.0.0.1" in text_of(page.text)
    [action] = re.findall(r'action="(/account/tokens/\d+/revoke)"', page.text)
    assert support.post(action).status_code == 303
    assert app.test_client().get("/api/v1/token", headers=headers).status_code == 401
    assert "Status page" not in text_of(support.get(PAGE).text).replace(
        "Status page is revoked", ""
    )
    assert "Revoked" in text_of(support.get(f"{PAGE}?ended=1").text)


def test_an_older_copy_of_the_cookie_shows_the_token_no_second_time(admin: Visitor) -> None:
    answer = admin.post(f"{PAGE}/new", FORM)
    cookie = admin.client.get_cookie("relay")
    assert cookie is not None
    assert SHOWN.search(admin.get(answer.location).text)
    admin.client.set_cookie(cookie.key, cookie.value)
    page = admin.get(answer.location)
    assert page.status_code == 200 and "Status page" in page.text
    assert not SHOWN.search(page.text)


def test_creating_one_asks_for_the_password_again(app: Flask, admin: Visitor) -> None:
    age(app, proved_at=11)
    asked = admin.post(f"{PAGE}/new", FORM)
    assert asked.status_code == 403 and "proof_password" in asked.text
    answer = admin.post(f"{PAGE}/new", FORM | {"proof_password": PASSWORD})
    assert answer.status_code == 303 and SHOWN.search(admin.get(answer.location).text)


def test_what_is_wrong_is_said_at_the_field(admin: Visitor) -> None:
    answer = admin.post(f"{PAGE}/new", FORM | {"name": "", "which": "some"})
    assert answer.status_code == 422
    assert "Give the token a name" in answer.text and "Select at least one site" in answer.text


def test_only_an_admin_sees_and_revokes_the_tokens_of_others(
    app: Flask, visit: Callable[..., Visitor]
) -> None:
    viewer, support, admin = visit("viewer"), visit("support"), visit("admin")
    create(viewer, name="Of the viewer")
    assert 'value="support"' not in viewer.get(f"{PAGE}/new").text
    assert viewer.post(f"{PAGE}/new", FORM | {"role": "admin"}).status_code == 422
    with app.app_context():
        number = db.session.scalar(select(ApiToken.id))
    revoke = f"{PAGE}/{number}/revoke"
    assert "Of the viewer" not in support.get(PAGE).text
    assert support.post(revoke).status_code == 404
    assert "by viewer@example.com" in text_of(admin.get(PAGE).text)
    assert admin.post(revoke).status_code == 303
    assert "Of the viewer" not in viewer.get(PAGE).text


def test_a_limited_person_makes_tokens_for_their_sites_only(
    app: Flask, visit: Callable[..., Visitor]
) -> None:
    sites = two_sites.make(app)
    viewer = visit("viewer")
    two_sites.limit(app, viewer.email, sites.mine.source_id)
    page = viewer.get(f"{PAGE}/new").text
    assert f'value="{sites.mine.slug}"' in page and f'value="{sites.other.slug}"' not in page
    some = FORM | {"which": "some", "sites": sites.other.slug}
    assert viewer.post(f"{PAGE}/new", some).status_code == 422
    token = create(viewer, which="some", sites=sites.mine.slug)
    headers = {"Authorization": f"Bearer {token}"}
    found = app.test_client().get("/api/v1/token", headers=headers).get_json()
    assert found["sites"] == [sites.mine.slug]
