"""My account: name, time zone, password and sessions."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask

from relay.services import mail
from relay.services.audit import COMMAND_LINE
from relay.services.sources.settings import create_source
from relay.services.users import accounts, team
from tests.dashboard.conftest import PASSWORD, Visitor, text_of
from tests.dashboard.test_guard import age, is_signed_in
from tests.support.mail import MailServer, use_mail

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
NEW = "seven purple umbrellas dancing"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
END = re.compile(r'action="(/account/sessions/\d+/end)"')


def test_name_and_time_zone_are_saved(visit: Callable[..., Visitor]) -> None:
    viewer = visit("viewer")
    assert viewer.post("/account", {"name": "Vic", "time_zone": "Europe/Vienna"}).status_code == 303
    page = viewer.get("/account").text
    assert 'value="Vic"' in page and 'value="Europe/Vienna"' in page
    assert re.search(r'title="[\d-]+ [\d:]+ CES?T \([^"]* UTC\)"', page)
    wrong = viewer.post("/account", {"name": "Vic", "time_zone": "Nowhere"})
    assert wrong.status_code == 422 and 'value="Nowhere"' in wrong.text


def test_a_new_password_needs_the_old_one(visit: Callable[..., Visitor]) -> None:
    viewer, other = visit("viewer"), visit()
    other.sign_in(viewer.email)
    wrong = viewer.post("/account/password", {"old_password": "wrong", "password": NEW})
    assert wrong.status_code == 422 and "not your current password" in wrong.text
    assert NEW not in wrong.text
    done = viewer.post("/account/password", {"old_password": PASSWORD, "password": NEW})
    assert done.status_code == 303
    assert "1 other session ended" in viewer.get("/account").text
    assert is_signed_in(viewer) and not is_signed_in(other)
    assert other.sign_in(viewer.email).status_code == 422
    assert other.sign_in(viewer.email, NEW).status_code == 303


def test_sessions_are_listed_and_ended(visit: Callable[..., Visitor]) -> None:
    viewer, second, third = visit("viewer"), visit(), visit()
    for other in (second, third):
        other.client.environ_base["HTTP_USER_AGENT"] = FIREFOX
        other.sign_in(viewer.email)
    page = viewer.get("/account").text
    assert page.count("Firefox on Linux") == 2 and text_of(page).count("This browser") == 1
    ends = END.findall(page)
    assert len(ends) == 2
    viewer.post(ends[0])
    assert is_signed_in(second) + is_signed_in(third) == 1
    viewer.post("/account/sessions/end-others")
    assert not is_signed_in(second) and not is_signed_in(third) and is_signed_in(viewer)


def test_no_one_ends_the_session_of_another_person(visit: Callable[..., Visitor]) -> None:
    viewer, second, admin = visit("viewer"), visit(), visit("admin")
    second.sign_in(viewer.email)
    (foreign,) = END.findall(viewer.get("/account").text)
    assert admin.post(foreign).status_code == 404
    assert is_signed_in(second)


def test_a_person_with_some_sites_has_the_page_too(
    app: Flask, visit: Callable[..., Visitor]
) -> None:
    viewer = visit("viewer")
    with app.app_context():
        create_source("Shop", "https://shop.example.com", COMMAND_LINE, slug="shop")
        team.set_sites(accounts.find_user(viewer.email).id, ["shop"], COMMAND_LINE)
    assert viewer.get("/account").status_code == 200


def test_the_address_changes_with_the_mailed_link_in_any_browser(
    app: Flask, visit: Callable[..., Visitor]
) -> None:
    viewer = visit("viewer")
    assert "No mail server is set up" in viewer.get("/account").text
    server = MailServer(login=False)
    use_mail(app, server)
    try:
        age(app, proved_at=11)
        asked = viewer.post("/account/email", {"new_email": "new@example.com"})
        assert asked.status_code == 403 and not server.mails
        proof = {"new_email": "viewer@example.com", "proof_password": PASSWORD}
        wrong = viewer.post("/account/email", proof)
        assert wrong.status_code == 422 and "This is the current address." in wrong.text
        assert viewer.post("/account/email", {"new_email": "new@example.com"}).status_code == 303
        link = re.search(r"http://127\.0\.0\.1:8000(/new-address/\S+)", server.plain())
        assert link
        other = visit()
        page = other.get(link[1])
        assert "new@example.com" in page.text and page.headers["Referrer-Policy"] == "strict-origin"
        assert other.post(link[1]).status_code == 303
        assert "new@example.com" in viewer.get("/account").text  # still signed in
        gone = other.get(link[1])
        assert gone.status_code == 404 and "This link no longer works" in gone.text
        with app.app_context():
            mail.outbox().join()
        assert server.mails[-1].rcpt_tos == ["viewer@example.com"]
    finally:
        server.close()
