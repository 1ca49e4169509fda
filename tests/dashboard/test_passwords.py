"""Forgotten passwords, and links for people with a second factor."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from relay.models import db
from relay.services import mail
from relay.services.audit import COMMAND_LINE
from relay.services.users import accounts, new_passwords
from tests.dashboard.conftest import Visitor
from tests.dashboard.test_guard import is_signed_in
from tests.support.mail import MailServer, use_mail
from tests.support.network import wait_for

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
NEW = "seven purple umbrellas dancing"


@pytest.fixture
def server(app: Flask) -> Iterator[MailServer]:
    server = MailServer(login=False)
    use_mail(app, server)
    yield server
    with app.app_context():
        mail.outbox().join()
    server.close()


def test_a_forgotten_password_comes_by_mail(
    server: MailServer, visit: Callable[..., Visitor]
) -> None:
    viewer, visitor = visit("viewer"), visit()
    assert "/forgotten-password" in visitor.get("/sign-in").text
    sent = visitor.post("/forgotten-password", {"email": viewer.email.upper()})
    assert "Check your mail" in sent.text
    wait_for(lambda: server.mails, 20, "the mail")
    link = re.search(r"http://127\.0\.0\.1:8000(/new-password/[\w-]+)", server.plain())
    assert link
    assert visitor.post(link[1], {"password": NEW}).location == "/"
    assert is_signed_in(visitor) and not is_signed_in(viewer)


def test_the_answer_is_the_same_for_unknown_addresses(
    server: MailServer, visit: Callable[..., Visitor]
) -> None:
    viewer = visit("viewer")
    pages, times = {}, {}
    for email in (viewer.email, "nobody@example.com"):
        took = []
        for n in range(5):
            visitor = visit()
            visitor.client.environ_base["REMOTE_ADDR"] = f"198.51.100.{n}"
            form = {"email": email, "csrf_token": visitor.token()}
            began = time.perf_counter()
            answer = visitor.client.post("/forgotten-password", data=form)
            took.append(time.perf_counter() - began)
            assert answer.status_code == 200
        pages[email] = re.sub(r'"X-CSRFToken": "[^"]*"', "", answer.text.replace(email, ""))
        times[email] = statistics.median(took)
    assert len(set(pages.values())) == 1
    assert abs(times[viewer.email] - times["nobody@example.com"]) < 0.05


def test_asking_is_limited_by_address(server: MailServer, visit: Callable[..., Visitor]) -> None:
    visitor = visit("viewer")
    form = {"email": "someone@example.com"}
    answers = [visitor.post("/forgotten-password", form) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_without_a_mail_server_the_page_says_who_can_help(visit: Callable[..., Visitor]) -> None:
    visitor = visit("viewer")
    page = visitor.get("/forgotten-password").text
    assert "flask users reset-password" in page and "Ask an admin" in page
    assert visitor.post("/forgotten-password", {"email": visitor.email}).status_code == 303


def test_a_link_alone_does_not_replace_a_second_factor(
    app: Flask, visit: Callable[..., Visitor]
) -> None:
    viewer = visit("viewer")
    with app.app_context():
        user = accounts.find_user(viewer.email)
        user.totp_sealed = "sealed"
        db.session.commit()
        url = new_passwords.reset_password(user.id, COMMAND_LINE).url
    visitor = visit()
    done = visitor.post("/new-password/" + url.rsplit("/", 1)[1], {"password": NEW})
    assert (done.status_code, done.location) == (303, "/sign-in")
    assert not is_signed_in(visitor)
    assert "Your new password is set" in visitor.get("/sign-in").text
