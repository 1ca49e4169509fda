"""E-mail: a real SMTP server, with and without encryption, login and trouble."""

from __future__ import annotations

import ipaddress
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from relay.destinations import KINDS, load_config
from relay.destinations.base import Message, MessageResult
from relay.destinations.kinds.email import errors
from relay.destinations.outcomes.known_errors import ErrorAction
from relay.destinations.redaction import mask_request
from relay.errors import Invalid
from relay.event_types import SAMPLES
from relay.mapping.rules import fill
from relay.rules.lifecycle import Accepted, Failed, Refused
from relay.transport.client import Transport
from tests.support.kind_contract import message
from tests.support.mail import PASSWORD, USER, MailServer
from tests.transport.test_client import certificate

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
    return replace(one, mapped=fill(KIND.default_mapping({}, event_type), scope, KIND.escapes_html))


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
def test_a_mail_arrives_by_every_kind_of_encryption(serve: Make, tls: str) -> None:
    server = serve(tls)
    done = send(server)
    assert isinstance(done.signal, Accepted), done.signal
    letter = server.letter()
    assert letter["From"] == "Shop <shop@example.com>" and letter["To"] == "team@example.com"
    assert letter["Subject"] == "New comment by Jane Example on “Our new teapots”"
    assert "Does the blue teapot come with a lid?" in letter.get_content()
    assert letter["Message-ID"] == f"<{'d' * 32}@example.com>"
    assert letter["Idempotency-Key"] == "d" * 32
    assert server.logins == 1


def test_every_attempt_carries_the_same_number_and_text(serve: Make) -> None:
    server = serve()
    for attempt in "ab":
        send(server, event(attempt_key=attempt * 32))
    first, second = server.letter(0), server.letter(1)
    assert first["Message-ID"] == second["Message-ID"]
    assert first["X-Request-Id"] != second["X-Request-Id"]
    assert first.get_content() == second.get_content()


def test_a_visitors_text_stays_text_and_adds_no_header(serve: Make) -> None:
    server = serve()
    data = SAMPLES["comment.created"] | {
        "author": "Eve\r\nBcc: all@example.com",
        "content": "Grüße <b>& mehr</b> 😀\r\n.\r\nQUIT",
    }
    assert isinstance(send(server, event(data=data)).signal, Accepted)
    letter = server.letter()
    assert letter["Bcc"] is None
    assert letter["Subject"].startswith("New comment by Eve Bcc: all@example.com")
    assert "Grüße <b>& mehr</b> 😀\n.\nQUIT" in letter.get_content().replace("\r\n", "\n")


def test_several_people_get_it_and_a_test_says_so(serve: Make) -> None:
    server = serve()
    send(server, event(is_test=True), to="a@example.com, Bo <b@example.com>")
    assert server.mails[0].rcpt_tos == ["a@example.com", "b@example.com"]
    assert server.letter()["Subject"].startswith("[TEST] ")


def test_a_recipient_that_is_refused_among_others_is_final_and_named(serve: Make) -> None:
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


@pytest.mark.parametrize("code", errors.ERRORS)
def test_every_documented_answer_says_what_to_do(serve: Make, code: int) -> None:
    server = serve("none", answer=f"{code} something happened")
    signal = send(server).signal
    known = errors.ERRORS[code]
    assert isinstance(signal, Failed if known.verdict is ErrorAction.RETRY else Refused)
    assert (signal.code, signal.sentence) == (known.code, known.sentence)
    if isinstance(signal, Refused):
        assert signal.pause is (known.verdict is ErrorAction.PAUSE)


@pytest.mark.parametrize(("code", "kind"), [(499, Failed), (599, Refused)])
def test_an_unknown_answer_is_judged_by_its_first_digit(serve: Make, code: int, kind: type) -> None:
    assert isinstance(send(serve("none", answer=f"{code} new")).signal, kind)


def test_a_server_without_the_wanted_encryption_gets_nothing(serve: Make) -> None:
    server = serve("none")
    done = send(server, security="starttls")
    assert isinstance(done.signal, Refused) and done.signal.code == "not_offered"
    assert done.signal.pause and not server.mails and not server.logins


def test_a_certificate_for_another_name_gets_neither_login_nor_mail(serve: Make) -> None:
    for tls in ("starttls", "tls"):
        server = serve(tls, name="other.example.com")
        done = send(server)
        assert isinstance(done.signal, Failed) and done.signal.code == "tls_wrong_host"
        assert not server.mails and not server.logins


@pytest.mark.parametrize("host", ["10.0.0.8", "169.254.169.254", "localhost"])
def test_private_places_get_no_mail(host: str) -> None:
    settings = config(host=host)
    reply = KIND.send(KIND.build(settings, event()), Transport())
    assert reply.error == "blocked_address" and reply.permanent


@pytest.mark.parametrize("port", [22, 80, 6379])
def test_ports_of_other_services_get_no_mail(port: int) -> None:
    reply = KIND.send(KIND.build(config(port=port), event()), Transport(LOOPBACK))
    assert reply.error == "blocked_address"


def test_without_encryption_nothing_leaves_for_the_open_network() -> None:
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
def test_a_server_that_dawdles_holds_nobody_longer_than_the_deadline(greeting: bytes) -> None:
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


def test_a_server_that_is_not_there_is_tried_again(serve: Make) -> None:
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
        ({"sender": "Shop <shop>"}, "sender"),
        ({"sender": "a@example.com\nBcc: b@example.com"}, "sender"),
        ({"host": "smtp example"}, "host"),
        ({"port": "0"}, "port"),
        ({"port": "mail"}, "port"),
        ({"security": "ssl3"}, "security"),
    ],
)
def test_a_wrong_setting_is_named(values: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        load_config(KIND, {**SETTINGS, **values}, {})
    assert list(refused.value.reasons) == [field]


def test_a_domain_with_an_umlaut_is_told_how_to_be_written() -> None:
    with pytest.raises(Invalid, match=r"Write it as team@xn--mller-kva\.de, which is the same"):
        load_config(KIND, {**SETTINGS, "to": "team@müller.de"}, {})


@pytest.mark.parametrize("event_type", [*sorted(SAMPLES), "x.own"])
def test_every_type_has_a_subject_and_a_text(event_type: str) -> None:
    one = event(event_type, data=SAMPLES.get(event_type, {"a": 1}))
    body = KIND.build(config(), one).body
    assert b"Subject: " in body and len(body) > 300
