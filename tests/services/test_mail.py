"""Relay's own mails, through a real mail server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask

from relay.connection_urls import MailAccount
from relay.services import mail
from relay.services.mail import TextMail
from tests.support.mail import PASSWORD, USER, MailServer, use_mail
from tests.support.network import free_port, wait_for

pytestmark = [
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS"),
]
HELLO = TextMail("Anna@example.com", "Hello,\nAnna", "One line\nGrüße — and a long " + "x" * 1200)


@pytest.fixture
def server(app: Flask) -> Iterator[MailServer]:
    server = MailServer(login=False)
    use_mail(app, server)
    with app.app_context():
        yield server
    server.close()


def test_a_mail_arrives_as_it_was_written(server: MailServer) -> None:
    assert mail.send(HELLO) == ""
    letter = server.letter()
    assert (letter["From"], letter["To"]) == ("Relay <relay@example.com>", "Anna@example.com")
    assert (letter["Subject"], letter["Auto-Submitted"]) == ("Hello, Anna", "auto-generated")
    assert server.plain() == HELLO.text + "\n"


def test_a_failure_is_a_sentence_about_the_mail_server(app: Flask, server: MailServer) -> None:
    server.answer = "550 5.7.1 Not from you"
    why = mail.send(HELLO)
    assert why.endswith(" The mail server replied: 5.7.1 Not from you.")
    server.answer = "250 OK"
    assert "not an e-mail address" in mail.send(replace(HELLO, to="Anna"))
    config = app.extensions["relay_config"]
    nowhere = replace(config.mail, port=free_port())
    app.extensions["relay_config"] = replace(config, mail=nowhere)
    why = mail.send(HELLO)
    assert why and "retries" not in why and "resume" not in why and "settings" not in why


def test_a_wrong_login_names_the_setting_and_not_the_password(app: Flask) -> None:
    server = MailServer(login_answer=f"535 5.7.8 no such user {PASSWORD}")
    wrong = MailAccount("127.0.0.1", server.port, "none", USER, PASSWORD + "x", "relay@example.com")
    app.extensions["relay_config"] = replace(app.extensions["relay_config"], mail=wrong)
    try:
        with app.app_context():
            why = mail.send(HELLO)
    finally:
        server.close()
    assert "RELAY_MAIL_URL" in why and PASSWORD + "x" not in why


def test_the_outbox_works_one_by_one_and_survives_an_error(app: Flask, server: MailServer) -> None:
    outbox, done = mail.outbox(), threading.Event()
    outbox.add(lambda: 1 / 0)
    mail.send_later(HELLO)
    outbox.add(done.set)
    wait_for(done.is_set, 20, "the outbox")
    assert len(server.mails) == 1
    outbox.join()


def test_nothing_is_sent_without_a_mail_server(app: Flask) -> None:
    with app.app_context():
        assert not mail.is_set_up()
        mail.send_later(HELLO)
        assert "relay_outbox" not in app.extensions
