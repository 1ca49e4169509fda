"""The Team page: invitations, and changes to other people."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import select

from relay.models import AuditEntry, Passkey, db
from relay.rules.states import Role
from relay.services.audit import COMMAND_LINE
from relay.services.sources.settings import create_source
from relay.services.users import accounts
from tests.dashboard.conftest import PASSWORD, Visitor, text_of
from tests.dashboard.test_guard import age, is_signed_in
from tests.support.mail import MailServer, use_mail

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
LINK = re.compile(r'id="one-time-link" value="http://127\.0\.0\.1:8000(/[a-z-]+/[\w-]+)"')
FORM = {"email": "new@example.com", "name": "Nina", "role": "support", "which": "all"}


@pytest.fixture
def server(app: Flask) -> Iterator[MailServer]:
    server = MailServer(login=False)
    use_mail(app, server)
    yield server
    server.close()


def user_id(app: Flask, email: str) -> int:
    with app.app_context():
        return accounts.find_user(email).id


def link_after(admin: Visitor, path: str, form: dict[str, str] | None = None) -> str:
    """The path of the link that a form makes."""
    answer = admin.post(path, form)
    assert answer.status_code == 303, answer.text
    found = LINK.search(admin.get(answer.location).text)
    assert found, answer.location
    assert not LINK.search(admin.get(answer.location).text), "The link is shown twice."
    return found[1]


def test_an_invitation_is_shown_once_mailed_and_leads_to_an_account(
    app: Flask, admin: Visitor, server: MailServer, visit: Callable[..., Visitor]
) -> None:
    link = link_after(admin, "/team/invite", FORM)
    assert link in server.plain() and "support" in server.plain()
    assert "admin@example.com invites you" in server.plain()
    assert "Invited" in text_of(admin.get("/team").text)
    new = visit()
    page = new.get(link)
    assert page.headers["Referrer-Policy"] == "strict-origin"
    assert 'value="Nina"' in page.text and 'value="new@example.com"' in page.text
    weak = new.post(link, {"name": "Nina", "password": "password1234"})
    assert weak.status_code == 422 and "easy to guess" in weak.text
    done = new.post(link, {"name": "Nina N.", "password": PASSWORD})
    assert (done.status_code, done.location) == (303, "/")
    assert is_signed_in(new)
    assert new.get("/team").status_code == 403
    gone = visit().get(link)
    assert gone.status_code == 404 and "already used" in gone.text
    assert "This link no longer works" in gone.text
    assert gone.headers["Referrer-Policy"] == "strict-origin"
    assert "Nina N." in admin.get("/team").text


def test_a_failed_mail_is_shown_with_its_reason_and_the_link(
    admin: Visitor, server: MailServer
) -> None:
    server.answer = "550 5.1.1 No such person"
    answer = admin.post("/team/invite", FORM)
    page = admin.get(answer.location).text
    assert LINK.search(page)
    assert "The mail could not be sent." in page and "No such person" in page


def test_a_new_invitation_replaces_the_old_link(
    app: Flask, admin: Visitor, visit: Callable[..., Visitor]
) -> None:
    old = link_after(admin, "/team/invite", FORM)
    new = link_after(admin, f"/team/{user_id(app, FORM['email'])}/invite")
    assert [visit().get(link).status_code for link in (old, new)] == [404, 200]


def test_wrong_values_are_shown_at_their_fields(admin: Visitor) -> None:
    answer = admin.post("/team/invite", FORM | {"email": "no address", "which": "some"})
    assert answer.status_code == 422
    assert 'value="no address"' in answer.text and "not an e-mail address" in answer.text
    assert "Select at least one site" in answer.text


def test_the_person_page_changes_role_sites_state_and_sessions(
    app: Flask, admin: Visitor, visit: Callable[..., Visitor]
) -> None:
    with app.app_context():
        create_source("My shop", "https://shop.example.com", COMMAND_LINE, slug="shop")
        db.session.remove()
    viewer = visit("viewer")
    here = f"/team/{user_id(app, viewer.email)}"
    assert admin.post(f"{here}/role", {"role": "owner"}).status_code == 422
    admin.post(f"{here}/role", {"role": "support"})
    admin.post(f"{here}/sites", {"which": "some", "sites": ["shop"]})
    row = text_of(admin.get("/team").text)
    assert "viewer@example.com Support Active No My shop" in row
    admin.post(f"{here}/sites", {"which": "all"})
    admin.post(f"{here}/sign-out")
    assert not is_signed_in(viewer)
    assert viewer.sign_in().status_code == 303
    admin.post(f"{here}/disable")
    assert not is_signed_in(viewer)
    assert viewer.sign_in().status_code == 422
    admin.post(f"{here}/enable")
    assert viewer.sign_in().status_code == 303
    deleted = admin.post(f"{here}/delete")
    assert (deleted.status_code, deleted.location) == (303, "/team")
    assert not is_signed_in(viewer)
    assert "viewer@example.com is deleted." in admin.get("/team").text
    assert admin.get(here).status_code == 404
    assert admin.post(f"{here}/disable").status_code == 404


def test_a_refusal_is_a_sentence_on_the_page(app: Flask, admin: Visitor) -> None:
    here = f"/team/{user_id(app, admin.email)}"
    for action in ("role", "disable", "delete", "sign-out", "reset-password"):
        answer = admin.post(f"{here}/{action}", {"role": "viewer"})
        assert (answer.status_code, answer.location) == (303, here), action
        assert "own" in text_of(admin.get(here).text), action
    assert is_signed_in(admin)


def test_a_reset_gives_a_link_that_signs_in(
    app: Flask, admin: Visitor, visit: Callable[..., Visitor]
) -> None:
    viewer = visit("viewer")
    link = link_after(admin, f"/team/{user_id(app, viewer.email)}/reset-password")
    assert not is_signed_in(viewer)
    fresh = visit()
    assert fresh.get(link).status_code == fresh.get(link).status_code == 200
    done = fresh.post(link, {"password": "seven purple umbrellas dancing"})
    assert (done.status_code, done.location) == (303, "/")
    assert is_signed_in(fresh)
    assert visit().post(link, {"password": PASSWORD}).status_code == 404


def test_every_change_asks_for_the_password_again(
    app: Flask, admin: Visitor, visit: Callable[..., Visitor]
) -> None:
    here = f"/team/{user_id(app, visit('viewer').email)}"
    age(app, proved_at=11)
    for action in ("invite", "role", "sites", "disable", "enable", "reset-password", "sign-out"):
        assert admin.post(f"{here}/{action}", {"role": "admin"}).status_code == 403, action
    assert admin.post("/team/invite", FORM).status_code == 403
    assert admin.post(f"{here}/delete").status_code == 403
    with app.app_context():
        assert [user.role for user in accounts.list_users()] == ["admin", "viewer"]
    again = admin.post(f"{here}/role", {"role": "support", "proof_password": PASSWORD})
    assert again.status_code == 303


def test_an_admin_removes_one_second_factor_of_another_person(
    app: Flask, admin: Visitor, visit: Callable[..., Visitor]
) -> None:
    viewer = visit("viewer")
    with app.app_context():
        user = accounts.find_user("viewer@example.com")
        user.totp_sealed = "sealed"
        user.passkeys = [
            Passkey(name=name, credential_id=name, public_key=b"k") for name in ("Laptop", "Phone")
        ]
        db.session.commit()
        laptop, phone = (passkey.id for passkey in user.passkeys)
        path = f"/team/{user.id}"
    page = text_of(admin.get(path).text)
    assert "Authenticator app" in page and "“Laptop”" in page and "“Phone”" in page
    assert admin.post(f"{path}/passkeys/{laptop}/remove").location == path
    assert not is_signed_in(viewer)
    page = text_of(admin.get(path).text)
    assert "Authenticator app" in page and "“Laptop”" not in page and "“Phone”" in page
    admin.post(f"{path}/app/remove")
    page = text_of(admin.get(path).text)
    assert "“Phone”" in page
    with app.app_context():
        user = accounts.find_user("viewer@example.com")
        assert user.totp_sealed is None and [one.id for one in user.passkeys] == [phone]
        assert not {"user.totp_remove", "user.passkey_remove"} - {
            one.action for one in db.session.scalars(select(AuditEntry))
        }
    own = f"/team/{user_id(app, admin.email)}/app/remove"
    assert "your own second factors" in text_of(admin.get(admin.post(own).location).text)


def test_an_admin_changes_the_address_of_another_person(
    app: Flask, admin: Visitor, visit: Callable[..., Visitor]
) -> None:
    visit("viewer")
    path = f"/team/{user_id(app, 'viewer@example.com')}"
    wrong = admin.post(f"{path}/email", {"new_email": admin.email})
    assert wrong.status_code == 422 and "already exists" in wrong.text
    assert admin.post(f"{path}/email", {"new_email": "new@example.com"}).location == path
    assert "new@example.com" in admin.get(path).text


def test_the_page_says_what_to_do_about_an_admin_who_is_limited(
    app: Flask, admin: Visitor, visit: Callable[..., Visitor]
) -> None:
    visit("support")
    with app.app_context():
        user = accounts.find_user("support@example.com")
        user.role, user.sites_limited = Role.ADMIN, True
        db.session.commit()
    assert "only support: limited to some sites" in admin.get("/team").text
    path = f"/team/{user_id(app, 'support@example.com')}"
    assert "This admin is limited to some sites" in admin.get(path).text
    refused = admin.post("/team/invite", FORM | {"role": "admin", "which": "some"})
    assert refused.status_code == 422 and "An admin sees all sites." in refused.text


@pytest.mark.parametrize(
    ("public_url", "warns"), [("", True), ("https://relay.example.com", False)]
)
def test_a_link_that_works_only_on_this_machine_is_a_warning(
    app: Flask, admin: Visitor, public_url: str, warns: bool
) -> None:
    config = app.extensions["relay_config"]
    app.extensions["relay_config"] = replace(config, public_url=public_url)
    try:
        answer = admin.post("/team/invite", FORM)
        page = admin.get(answer.location, headers={"Host": "localhost"}).text
    finally:
        app.extensions["relay_config"] = config
    assert ("works only on the machine where Relay runs" in page) is warns
