"""E-mail: a real SMTP server, with and without encryption, logins and errors."""

from __future__ import annotations

import ipaddress
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from relay.destinations import KINDS
from relay.destinations.base import Message, MessageResult
from relay.destinations.kinds.email import errors
from relay.destinations.loading import load_config
from relay.destinations.outcomes.known_errors import ErrorAction, KnownError
from relay.destinations.redaction import mask_request
from relay.errors import Invalid, Undeliverable
from relay.event_types import SAMPLES
from relay.mapping.rules import fill
from relay.mapping.writer import writer_of
from relay.rules.lifecycle import Accepted, Failed, Held, Refused, Signal
from relay.transport.client import Transport
from relay.transport.request import Reply
from tests.support.kind_contract import message
from tests.support.mail import PASSWORD, USER, MailServer, is_mailbox, wrong_with
from tests.transport.conftest import certificate

# The server under test is plain on purpose in some tests, and says so.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
KIND = KINDS["email"]
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
HOST = "smtp.example.com"
SETTINGS = {
    "to": "team@example.com",
    "sender": "Shop <shop@example.com>",
    "host": HOST,
    "user": USER,
    "password": PASSWORD,
}
Make = Callable[..., MailServer]


def resolve(host: str, port: int, **_: Any) -> list[Any]:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


def config(**values: Any) -> dict[str, Any]:
    plain, secrets = load_config(KIND, {**SETTINGS, **values}, {})
    return plain | secrets


def event(event_type: str = "comment.created", data: Any = None, **changes: Any) -> Message:
    data = data or SAMPLES[event_type]
    one = message(event_type=event_type, data=data, **changes)
    scope = {"event": event_type, "data": one.data, "site_name": one.site_name}
    filled = fill(KIND.default_mapping({}, event_type), scope, KIND.escapes_html)
    return replace(one, mapped=filled, person=writer_of(event_type, one.data))


def send(
    server: MailServer, one: Message | None = None, timeout_s: float = 10, **values: Any
) -> MessageResult:
    ca_file = str(server.certificate) if server.certificate else None
    transport = Transport(LOOPBACK, ca_file=ca_file, resolver=resolve)
    settings = config(port=server.port, **{"security": server.tls, **values})
    (done,) = KIND.deliver(
        settings,
        [one or event()],
        lambda request: KIND.send(replace(request, timeout_s=timeout_s), transport),
    )
    return done


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Make]:
    """Starts mail servers; ``tls`` as in the settings."""
    started: list[MailServer] = []

    def make(tls: str = "starttls", name: str = HOST, **more: Any) -> MailServer:
        path = certificate(tmp_path, name, (-1, 30)) if tls != "none" else None
        started.append(MailServer(certificate=path, tls=tls, **more))
        return started[-1]

    yield make
    for one in started:
        one.close()


@pytest.mark.parametrize("tls", ["starttls", "tls", "none"])
def test_a_mail_arrives_with_every_kind_of_encryption(serve: Make, tls: str) -> None:
    server = serve(tls)
    done = send(server)
    assert isinstance(done.signal, Accepted), done.signal
    letter = server.letter()
    assert letter["From"] == "Shop <shop@example.com>" and letter["To"] == "team@example.com"
    assert letter["Subject"] == "New comment by Jane Example on “Our new teapots”"
    assert "Does the blue teapot come with a lid?" in server.plain()
    assert letter["Message-ID"] == f"<{'d' * 32}@example.com>"
    assert letter["Idempotency-Key"] == "d" * 32
    assert server.logins == 1


def test_every_attempt_has_the_same_message_id_and_text(serve: Make) -> None:
    server = serve()
    for attempt in "ab":
        send(server, event(attempt_key=attempt * 32))
    first, second = server.letter(0), server.letter(1)
    assert first["Message-ID"] == second["Message-ID"]
    assert first["X-Request-Id"] != second["X-Request-Id"]
    assert first.get_content_type() == "multipart/alternative"
    assert server.plain(0) == server.plain(1) and server.html(0) == server.html(1)
    assert first.get_boundary() == second.get_boundary()


def test_event_data_cannot_add_a_header(serve: Make) -> None:
    server = serve()
    data = SAMPLES["comment.created"] | {
        "author": "Eve\r\nBcc: all@example.com",
        "content": "Grüße <b>& mehr</b> 😀\r\n.\r\nQUIT",
    }
    assert isinstance(send(server, event(data=data)).signal, Accepted)
    letter = server.letter()
    assert letter["Bcc"] is None
    assert letter["Subject"].startswith("New comment by Eve Bcc: all@example.com")
    assert "Grüße <b>& mehr</b> 😀\n.\nQUIT" in server.plain()
    assert "Grüße &lt;b&gt;&amp; mehr&lt;/b&gt; 😀<br>\n.<br>\nQUIT" in server.html()


def test_all_recipients_get_the_mail_and_a_test_is_marked(serve: Make) -> None:
    server = serve()
    send(server, event(is_test=True), to="a@example.com, Bo <b@example.com>")
    assert server.mails[0].rcpt_tos == ["a@example.com", "b@example.com"]
    assert server.letter()["Subject"].startswith("[TEST] ")


def test_a_rejected_recipient_among_others_is_final_and_named(serve: Make) -> None:
    server = serve(refused={"b@example.com": "450 busy"})
    done = send(server, to="a@example.com, b@example.com")
    assert isinstance(done.signal, Refused) and "b@example.com" in done.signal.sentence
    assert len(server.mails) == 1


def test_a_wrong_password_pauses_and_is_not_shown(serve: Make) -> None:
    server = serve()
    done = send(server, password="another-secret-password")
    assert isinstance(done.signal, Refused) and done.signal.pause
    assert done.signal.code == "bad_login"
    assert "another-secret" not in json.dumps(mask_request(done.calls[0].request))
    assert "another-secret" not in repr(done)


OUTCOMES = {ErrorAction.RETRY: Failed, ErrorAction.WAIT: Held}


def check(signal: Signal, known: KnownError) -> None:
    assert isinstance(signal, OUTCOMES.get(known.action, Refused))
    assert isinstance(signal, Failed | Held | Refused)
    assert (signal.code, signal.sentence) == (known.code, known.sentence)
    if isinstance(signal, Refused):
        assert signal.pause is (known.action is ErrorAction.PAUSE)


@pytest.mark.parametrize("code", errors.ERRORS)
def test_every_documented_reply_has_its_outcome_and_a_sentence(serve: Make, code: int) -> None:
    server = serve("none", answer=f"{code} something happened")
    signal = send(server).signal
    known = errors.ERRORS[code]
    check(signal, known)


@pytest.mark.parametrize(("code", "kind"), [(499, Failed), (599, Refused)])
def test_the_first_digit_decides_about_an_unknown_reply(serve: Make, code: int, kind: type) -> None:
    assert isinstance(send(serve("none", answer=f"{code} new")).signal, kind)


def test_a_server_without_the_required_encryption_gets_nothing(serve: Make) -> None:
    server = serve("none")
    done = send(server, security="starttls")
    assert isinstance(done.signal, Refused) and done.signal.code == "not_offered"
    assert done.signal.pause and not server.mails and not server.logins


def test_a_server_with_a_wrong_certificate_gets_neither_login_nor_mail(serve: Make) -> None:
    for tls in ("starttls", "tls"):
        server = serve(tls, name="other.example.com")
        done = send(server)
        assert isinstance(done.signal, Failed) and done.signal.code == "tls_wrong_host"
        assert not server.mails and not server.logins


@pytest.mark.parametrize("host", ["10.0.0.8", "169.254.169.254", "localhost"])
def test_private_hosts_get_no_mail(host: str) -> None:
    settings = config(host=host)
    reply = KIND.send(KIND.build(settings, event()), Transport())
    assert reply.error == "blocked_address" and reply.permanent


@pytest.mark.parametrize("port", [22, 80, 6379])
def test_ports_of_other_services_get_no_mail(port: int) -> None:
    reply = KIND.send(KIND.build(config(port=port), event()), Transport(LOOPBACK))
    assert reply.error == "blocked_address"


def test_mail_without_encryption_goes_only_to_allowed_networks() -> None:
    reply = KIND.send(KIND.build(config(security="none"), event()), Transport())
    assert reply.error == "blocked_address" and "encryption" in reply.sentence


def talk(peer: socket.socket, greeting: bytes, pause_s: float) -> None:
    """Send ``greeting`` byte by byte, then say nothing."""
    with peer:
        try:
            for n in range(len(greeting)):
                peer.sendall(greeting[n : n + 1])
                time.sleep(pause_s)
            peer.settimeout(10)
            while peer.recv(1000):
                pass
        except OSError:
            pass


@pytest.mark.parametrize("greeting", [b"", b"220 " + b"x" * 200, b"220 hello\r\n"])
def test_a_slow_server_does_not_exceed_the_deadline(greeting: bytes) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            peer, _ = listener.accept()
        except OSError:
            return
        talk(peer, greeting, 0.1)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    began = time.monotonic()
    settings = config(port=listener.getsockname()[1], security="none")
    request = replace(KIND.build(settings, event()), timeout_s=1.0)
    reply = KIND.send(request, Transport(LOOPBACK, resolver=resolve))
    listener.close()
    assert reply.error == "timeout", reply
    assert time.monotonic() - began < 8
    thread.join(20)


def test_an_unavailable_server_is_retried(serve: Make) -> None:
    server = serve("none")
    server.close()
    done = send(server)
    server.__post_init__()
    assert isinstance(done.signal, Failed) and done.signal.code == "connection_refused"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"to": ""}, "to"),
        ({"to": "team"}, "to"),
        ({"to": "a@example.com, nonsense"}, "to"),
        ({"to": "jörg@example.com"}, "to"),
        ({"to": "anna..m@example.com"}, "to"),
        ({"to": ".anna@example.com"}, "to"),
        ({"to": "anna@-example.com"}, "to"),
        ({"to": "anna@exam_ple.com"}, "to"),
        ({"to": "x" * 65 + "@example.com"}, "to"),
        ({"to": ", ;"}, "to"),
        ({"to": "a@example.com\x00"}, "to"),
        ({"sender": "a@example.com, b@example.com"}, "sender"),
        ({"recipient": "nobody"}, "recipient"),
        ({"sender": "Shop <shop>"}, "sender"),
        ({"sender": "a@example.com\nBcc: b@example.com"}, "sender"),
        ({"host": "smtp example"}, "host"),
        ({"port": "0"}, "port"),
        ({"port": "mail"}, "port"),
        ({"security": "ssl3"}, "security"),
    ],
)
def test_a_wrong_setting_is_reported_with_its_field(values: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        load_config(KIND, {**SETTINGS, **values}, {})
    assert list(refused.value.reasons) == [field]


def test_a_domain_with_an_umlaut_is_sent_in_its_ascii_form(serve: Make) -> None:
    server = serve()
    assert isinstance(send(server, to="team@müller.de").signal, Accepted)
    assert server.mails[0].rcpt_tos == ["team@xn--mller-kva.de"]


@pytest.mark.parametrize("event_type", [*sorted(SAMPLES), "x.own"])
def test_every_type_has_a_subject_and_a_text(event_type: str) -> None:
    one = event(event_type, data=SAMPLES.get(event_type, {"a": 1}))
    body = KIND.build(config(), one).body
    assert b"Subject: " in body and len(body) > 300


# ---- enhanced status codes ---------------------------------------------------------------------


def replied(text: str) -> Signal:
    return KIND.classify(Reply(int(text[:3]), (), text[4:].encode()))


@pytest.mark.parametrize("code", errors.PERMANENT)
def test_every_permanent_enhanced_code_has_its_outcome(code: str) -> None:
    check(replied(f"550 5.{code} Something happened."), errors.PERMANENT[code])


@pytest.mark.parametrize("code", errors.TEMPORARY)
def test_every_temporary_enhanced_code_has_its_outcome(code: str) -> None:
    check(replied(f"450 4.{code} Something happened."), errors.TEMPORARY[code])


@pytest.mark.parametrize(
    ("text", "kind", "code"),
    [
        ("550 5.4.5 Daily user sending limit exceeded. - gsmtp", Held, "sending_limit"),
        ("550-5.4.5 Daily SMTP relay limit exceeded\n5.4.5 for user", Held, "sending_limit"),
        ("554 5.7.1 Hourly quota exceeded, try later", Held, "sending_limit"),
        ("550 Domain example.com has exceeded the max emails per hour (100)", Held, "sending_limit"),
        ("552 5.2.2 Mailbox full", Refused, "mailbox_full"),
        ("452 4.2.2 The recipient's inbox is out of storage space", Failed, "mailbox_full"),
        ("552 Requested mail action aborted: exceeded storage allocation", Refused, "mailbox_full"),
        ("552 Error: message size exceeds fixed maximum message size", Refused, "too_large"),
        ("552 5.3.4 Message size exceeds fixed limit", Refused, "too_large"),
        ("550 5.1.1 The email account does not exist", Refused, "no_mailbox"),
        ("550 5.7.26 Unauthenticated sender", Refused, "sender_not_authenticated"),
        ("554 5.7.60 SMTP; Client does not have permissions", Refused, "sender_refused"),
        ("535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled", Refused, "login_disabled"),
        ("534 5.7.9 Application-specific password required", Refused, "app_password"),
        ("535 5.7.3 Authentication unsuccessful", Refused, "bad_login"),
        ("535 5.7.1 Invalid login", Refused, "bad_login"),
        ("550 5.999.1 unknown", Refused, "no_mailbox"),
        ("550 host 5.9.1.1 is listed", Refused, "no_mailbox"),
        ("550 4.2.2 says the wrong class", Refused, "no_mailbox"),
        ("421 4.7.28 Unusual rate of unsolicited mail", Held, "too_many_mails"),
    ],
)  # fmt: skip
def test_a_reply_of_a_real_mail_server_has_its_outcome(text: str, kind: type, code: str) -> None:
    signal = replied(text)
    assert isinstance(signal, kind) and signal.code == code


def test_a_reached_sending_limit_waits_an_hour_and_costs_no_attempt(serve: Make) -> None:
    server = serve("none", answer="550 5.4.5 Daily user sending limit exceeded")
    signal = send(server).signal
    assert isinstance(signal, Held) and signal.wait_s == 3600


def test_the_code_of_a_refused_recipient_counts(serve: Make) -> None:
    server = serve("none", refused={"team@example.com": "552 5.2.2 Mailbox full"})
    signal = send(server).signal
    assert isinstance(signal, Refused) and signal.code == "mailbox_full"


# ---- encryption, ports and logins --------------------------------------------------------------


@pytest.mark.parametrize(
    ("port", "security", "words"),
    [
        ("465", "starttls", "Port 465 expects TLS from the start"),
        ("465", "none", "Port 465 expects TLS from the start"),
        ("587", "tls", "Port 587 does not start with TLS"),
        ("25", "tls", "Port 25 does not start with TLS"),
    ],
)
def test_a_port_with_the_wrong_encryption_is_refused(port: str, security: str, words: str) -> None:
    with pytest.raises(Invalid) as refused:
        load_config(KIND, {**SETTINGS, "port": port, "security": security}, {})
    assert list(refused.value.reasons) == ["security"]
    assert refused.value.reasons["security"][0].startswith(words)


def test_tls_from_the_start_has_port_465_if_none_is_given() -> None:
    assert config(security="tls")["port"] == 465
    assert config()["port"] == 587


@pytest.mark.parametrize("timeout_s", [3.0])
@pytest.mark.parametrize("security", ["starttls", "none"])
def test_a_server_that_expects_tls_from_the_start_is_named_at_once(
    serve: Make, security: str, timeout_s: float
) -> None:
    server = serve("tls")
    began = time.monotonic()
    done = send(server, timeout_s=timeout_s, security=security)
    assert isinstance(done.signal, Refused) and done.signal.pause
    assert done.signal.code == "wrong_encryption"
    assert (
        "expects TLS from the start. Choose that encryption under Encryption"
        in done.signal.sentence
    )
    assert time.monotonic() - began < timeout_s


def test_a_server_that_does_not_start_with_tls_is_named_at_once(serve: Make) -> None:
    server = serve("starttls")
    done = send(server, security="tls")
    assert isinstance(done.signal, Refused) and done.signal.pause
    assert done.signal.code == "wrong_encryption" and "Choose STARTTLS" in done.signal.sentence
    assert not server.logins


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_a_password_outside_ascii_is_sent_as_utf8(serve: Make, mechanism: str) -> None:
    server = serve(password="pässwört€", mechanisms=(mechanism,))
    assert isinstance(send(server, password="pässwört€").signal, Accepted)
    assert server.logins == 1


def test_a_server_without_a_supported_login_method_pauses(serve: Make) -> None:
    done = send(serve(mechanisms=("XOAUTH2",)))
    assert isinstance(done.signal, Refused) and done.signal.pause
    assert done.signal.code == "login_method"


def test_a_mail_that_is_larger_than_the_server_takes_is_too_large(serve: Make) -> None:
    data = SAMPLES["comment.created"] | {"content": "x" * 5000}
    done = send(serve(max_bytes=3000), event(data=data))
    assert isinstance(done.signal, Refused) and done.signal.code == "too_large"


def test_a_reply_that_is_not_smtp_is_said_so(serve: Make) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(
        target=lambda: talk(listener.accept()[0], b"HTTP/1.1 400 Bad Request\r\n", 0), daemon=True
    )
    thread.start()
    settings = config(port=listener.getsockname()[1], security="none")
    request = replace(KIND.build(settings, event()), timeout_s=3.0)
    reply = KIND.send(request, Transport(LOOPBACK, resolver=resolve))
    listener.close()
    assert "HTTP" not in reply.sentence
    thread.join(20)


# ---- senders and recipients --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        ("Muster, Anna <shop@example.com>", "Muster, Anna"),
        ('"Shop" <shop@example.com>', "Shop"),
        ('"Muster, Anna" <shop@example.com>', "Muster, Anna"),
        (r'"Anna \"A.\" Muster" <shop@example.com>', "Anna A. Muster"),
        ("Käsehaus, Köln 🧀 <shop@example.com>", "Käsehaus, Köln 🧀"),
        ("Shop (Köln) <shop@example.com>", "Shop (Köln)"),
        ("<shop@example.com>", ""),
        ("shop@example.com", ""),
    ],
)
def test_a_sender_is_one_address_with_its_name(serve: Make, sender: str, name: str) -> None:
    server = serve()
    assert isinstance(send(server, sender=sender).signal, Accepted)
    (found,) = server.letter()["From"].addresses
    assert (found.display_name, found.addr_spec) == (name, "shop@example.com")
    assert server.mails[0].mail_from == "shop@example.com"


def test_several_recipients_can_have_names_with_commas(serve: Make) -> None:
    server = serve()
    to = (
        '"Muster, Anna" <a@example.com>, Beispiel, Bo <b@example.com>; c@example.com\nd@example.com'
    )
    assert isinstance(send(server, to=to).signal, Accepted)
    found = [(one.display_name, one.addr_spec) for one in server.letter()["To"].addresses]
    assert found == [
        ("Muster, Anna", "a@example.com"),
        ("Beispiel, Bo", "b@example.com"),
        ("", "c@example.com"),
        ("", "d@example.com"),
    ]
    assert server.mails[0].rcpt_tos == [one for _, one in found]


FORM = {"form": {"title": "Contact"}, "created_at": "2026-01-15T10:30:00Z"}


@pytest.mark.parametrize(
    ("event_type", "data", "person"),
    [
        ("comment.created", {"author": "Anna", "author_email": "a@example.com"}, "Anna <a@example.com>"),
        ("order.created", {"customer": {"name": "Muster, Anna", "email": "a@example.com"}}, '"Muster, Anna" <a@example.com>'),
        ("order.created", {"customer": {"first_name": "Anna", "last_name": "von M", "email": "a@example.com"}}, "Anna von M <a@example.com>"),
        ("order.created", {"customer": [], "billing": {"email": "a@example.com"}}, "a@example.com"),
        ("user.registered", {"login": "anna", "email": "a@example.com"}, "a@example.com"),
        ("x.booking", {"email": "Anna <a@example.com>"}, "Anna <a@example.com>"),
        ("lead.created", FORM | {"fields": {"Instagram": "@anna.m", "Contact": " a@example.com "}}, "a@example.com"),
        ("lead.created", FORM | {"fields": {"Friend": "f@example.com", "Your E-mail": "a@example.com"}}, "a@example.com"),
        ("lead.created", FORM | {"fields": {"Mail of a friend": "f@example.com", "Kontakt": "a@example.com"}, "types": {"Kontakt": "email", "Mail of a friend": "text"}}, "a@example.com"),
        ("lead.created", FORM | {"fields": {"Message": "write to a@example.com please"}}, None),
        ("order.created", {"customer": {"email": "anna..m@example.com"}}, None),
        ("order.created", {"customer": {"email": "anna@localhost"}}, None),
        ("order.created", {"customer": {"email": "a@example.com, b@example.com"}}, None),
        ("order.created", {"customer": {"email": "a@example.com\r\nBcc: all@example.com"}}, None),
        ("order.created", {"customer": {"email": "jörg@example.com"}}, None),
        ("order.created", {"customer": {"email": ["a@example.com", "b@example.com"]}}, None),
        ("order.created", {"customer": {"name": "A\r\nBcc: x@example.com", "email": "a@example.com"}}, '"A Bcc: x@example.com" <a@example.com>'),
    ],
)  # fmt: skip
def test_replies_go_to_the_person_of_the_event(
    serve: Make, event_type: str, data: dict[str, Any], person: str | None
) -> None:
    server = serve()
    one = event(event_type, data=SAMPLES.get(event_type, {}) | data)
    assert isinstance(send(server, one).signal, Accepted)
    letter = server.letter()
    assert letter["Reply-To"] == person
    assert letter["Bcc"] is None and server.mails[0].rcpt_tos == ["team@example.com"]


def test_replies_can_go_to_the_sender(serve: Make) -> None:
    server = serve()
    send(server, reply_to="sender")
    assert server.letter()["Reply-To"] is None


ORDER_EDIT = "https://shop.example.com/wp-admin/post.php?post=1042"
RELAY = "https://relay.example.com/events/evt-1"


def test_a_mail_to_the_customer_has_one_recipient_and_no_internal_links(serve: Make) -> None:
    server = serve()
    view = "https://shop.example.com/my-account/view-order/1042/"
    data = SAMPLES["order.created"] | {"edit_url": ORDER_EDIT, "view_url": view}
    one = event("order.created", data=data, relay_url=RELAY)
    assert isinstance(send(server, one, recipient="person").signal, Accepted)
    assert server.mails[0].rcpt_tos == ["jane@example.com"]
    letter = server.letter()
    assert letter["To"] == "Jane Example <jane@example.com>" and letter["Reply-To"] is None
    for text in (server.plain(), server.html()):
        assert "https://shop.example.com" in text and view in text
        assert "wp-admin" not in text and "relay.example.com" not in text


def test_an_event_without_a_valid_address_is_a_failed_delivery_that_says_so() -> None:
    one = event("order.created", data=SAMPLES["order.created"] | {"customer": {"email": "x"}})
    with pytest.raises(Undeliverable, match="no valid e-mail address of a customer") as refused:
        KIND.build(config(recipient="person"), one)
    assert refused.value.code == "no_recipient"


def test_a_test_goes_to_the_sender_and_not_to_the_person_of_the_sample(serve: Make) -> None:
    server = serve()
    send(server, event("order.created", is_test=True), recipient="person")
    assert server.mails[0].rcpt_tos == ["shop@example.com"]


# ---- plain text and HTML -----------------------------------------------------------------------


def test_the_html_has_the_same_text_and_links(serve: Make) -> None:
    server = serve()
    data = SAMPLES["order.created"] | {"edit_url": ORDER_EDIT}
    send(server, event("order.created", data=data, relay_url=RELAY))
    plain, page = server.plain(), server.html()
    assert plain.endswith(
        f"Open the order: {ORDER_EDIT}\nShop: https://shop.example.com\nEvent in Relay: {RELAY}\n"
    )
    for words in ("From Jane Example", "1 × Blue teapot: 89.90", "Total: 129.90 EUR"):
        assert words in plain and words in page
    for url in (ORDER_EDIT, "https://shop.example.com", RELAY):
        assert f'<a href="{url}"' in page
    assert "New order #1042: 129.90 EUR</h1>" in page


def test_nothing_in_the_text_is_read_as_html(serve: Make) -> None:
    server = serve()
    data = SAMPLES["comment.created"] | {
        "author": "<script>alert(1)</script>",
        "content": '<img src=x onerror="alert(1)"> https://example.com/?a=1&b=2" onclick="x',
    }
    send(server, event(data=data), links="no")
    page = server.html()
    assert "<script" not in page and "<img" not in page and 'onclick="' not in page
    assert '<a href="https://example.com/?a=1&amp;b=2"' in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_quoted_lines_are_a_quote_in_html(serve: Make) -> None:
    server = serve()
    one = replace(event(), mapped={"subject": "Hi", "text": "Anna wrote:\n\n> one\n> two\n\nBye"})
    send(server, one)
    assert re.search(r"<blockquote[^>]*>one<br>\ntwo</blockquote>", server.html())
    assert "> one\n> two" in server.plain()


def test_a_mail_can_be_plain_text_only(serve: Make) -> None:
    server = serve()
    send(server, format="text")
    assert server.letter().get_content_type() == "text/plain"


def test_settings_from_before_these_choices_still_work() -> None:
    old = {name: config()[name] for name in ("to", "sender", "host", "port", "security", "user")}
    request = KIND.build(old, event())
    assert ("To", "team@example.com") in request.headers


@pytest.mark.parametrize(
    "text",
    ["x" * 5000, "é" * 3000, "a\rb\x0bc\x0cd\x85e\u2028f", "\x07\x1b\u200e\u202e", "\n.\n..\n", "​"],
)
def test_unusual_texts_keep_the_rules_of_mail(serve: Make, text: str) -> None:
    server = serve()
    one = replace(event(), mapped={"subject": text, "text": f"a{text}"})
    assert isinstance(send(server, one).signal, Accepted)
    assert str(server.letter()["Subject"]).isprintable()


# ---- the double ---------------------------------------------------------------------------------

HEAD = (
    b"From: a@example.com\r\nTo: b@example.com\r\nSubject: x\r\nMessage-ID: <a@b.example>\r\n"
    b"Date: Thu, 15 Jan 2026 10:30:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n"
)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (HEAD + b"\r\nfine\r\n", ""),
        (HEAD + b"\r\nbare\nlf\r\n", "5.6.11"),
        (HEAD + b"\r\nbare\rcr\r\n", "5.6.11"),
        (HEAD + b"\r\n" + b"x" * 999 + b"\r\n", "5.6.0"),
        (HEAD.replace(b"Subject: x", b"Subject: \xc3\xa4") + b"\r\nx\r\n", "5.6.9"),
        (HEAD.replace(b"Subject: x\r\n", b"") + b"\r\nx\r\n", "5.6.0"),
        (HEAD + b"To: c@example.com\r\n\r\nx\r\n", "5.6.0"),
        (HEAD.replace(b"From: a@", b"From: z@example.com, a@") + b"\r\nx\r\n", "5.6.0"),
        (HEAD.replace(b"From: a@", b"From: Muster, Anna <a@") + b"\r\nx\r\n", "5.6.0"),
        (HEAD.replace(b"To: b@", b"To: b..c@") + b"\r\nx\r\n", "5.6.0"),
        (HEAD.replace(b"<a@b.example>", b"<a b>") + b"\r\nx\r\n", "5.6.0"),
    ],
)
def test_the_double_refuses_a_mail_that_breaks_a_rule(content: bytes, code: str) -> None:
    assert code in wrong_with(content, utf8=False)
    assert bool(wrong_with(content, utf8=False)) is bool(code)


@pytest.mark.parametrize(
    "address", ["a@b..c", "a..b@c.de", "a@-b.de", "a b@c.de", "ä@c.de", "@c.de"]
)
def test_the_double_refuses_an_address_that_breaks_a_rule(address: str) -> None:
    assert not is_mailbox(address, utf8=False)
