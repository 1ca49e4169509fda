"""The guarded way out against servers that are slow, broken or lying."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from relay.destinations.base import OutboundRequest, Reply
from relay.destinations.http import BODY_CAP, Transport
from tests.support.network import free_port
from tests.support.sink import Answer, Sink

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


@pytest.fixture
def transport() -> Transport:
    return Transport(allowed_networks=LOOPBACK)


def post(transport: Transport, url: str, timeout_s: float = 5, **kw: object) -> Reply:
    headers = kw.get("headers", (("Content-Type", "application/json"),))
    return transport.send(OutboundRequest("POST", url, headers, b'{"a":1}', timeout_s))  # type: ignore[arg-type]


@contextlib.contextmanager
def raw_server(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that reads one request and then does as it likes."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer, contextlib.suppress(OSError):
                peer.settimeout(5)
                heard = b""
                while b'{"a":1}' not in heard and (piece := peer.recv(65536)):
                    heard += piece
                talk(peer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    over.set()
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(10)


def drip(head: bytes, piece: bytes) -> Callable[[socket.socket], None]:
    """Send ``piece`` again and again, slowly, until the client is gone."""

    def talk(peer: socket.socket) -> None:
        peer.sendall(head)
        pause = threading.Event()
        for _ in range(200):
            peer.sendall(piece)
            pause.wait(0.05)

    return talk


def test_a_good_call_brings_back_status_headers_and_body(transport: Transport, sink: Sink) -> None:
    sink.answer(201, b"made", {"X-Told": "yes"})
    reply = post(transport, f"{sink.url}/path?q=1")
    assert (reply.status, reply.body, reply.header("x-told"), reply.error) == (
        201,
        b"made",
        "yes",
        None,
    )
    seen = sink.requests[0]
    assert (seen.method, seen.path, seen.body) == ("POST", "/path?q=1", b'{"a":1}')
    assert seen.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_an_answer_and_never_followed(
    transport: Transport, sink: Sink, status: int
) -> None:
    sink.answer(status, headers={"Location": f"{sink.url}/canary"})
    assert post(transport, sink.url).status == status
    assert [seen.path for seen in sink.requests] == ["/"]


def test_connections_are_kept_alive_between_calls(transport: Transport) -> None:
    ports: list[int] = []

    def talk(peer: socket.socket) -> None:
        ports.append(peer.getpeername()[1])
        for _ in range(3):
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            heard = b""
            while b'{"a":1}' not in heard:
                if not (piece := peer.recv(65536)):
                    return
                heard += piece

    with raw_server(talk) as url:
        assert [post(transport, url).status for _ in range(3)] == [200, 200, 200]
    assert len(ports) == 1


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(lambda peer: threading.Event().wait(3), id="no answer"),
        pytest.param(drip(b"HTTP/1.1 200 OK\r\n\r\n", b"x"), id="dripping body"),
        pytest.param(drip(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"), id="dripping header"),
        pytest.param(
            drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
            id="dripping chunks",
        ),
    ],
)
def test_the_whole_call_ends_by_its_deadline(
    transport: Transport, talk: Callable[[socket.socket], None]
) -> None:
    with raw_server(talk) as url:
        began = time.monotonic()
        reply = post(transport, url, timeout_s=0.5)
        spent = time.monotonic() - began
    assert reply.error == "timeout"
    assert spent < 1.5


def test_an_endless_body_is_cut(transport: Transport) -> None:
    def talk(peer: socket.socket) -> None:
        peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(10_000):
            peer.sendall(b"\x00\xff" * 4096)

    with raw_server(talk) as url:
        reply = post(transport, url)
    assert (reply.status, len(reply.body)) == (200, BODY_CAP)
    assert "\x00" not in reply.text


def test_a_compressed_answer_is_not_unpacked(transport: Transport, sink: Sink) -> None:
    sink.answer(200, b"\x1f\x8b not really", {"Content-Encoding": "gzip"})
    assert post(transport, sink.url).body == b"\x1f\x8b not really"


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nx\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(300)) + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"y" * 1_000_000 + b"\r\n\r\n",
    ],
    ids=["hung up", "no http", "short body", "bad chunk", "many headers", "long header"],
)
def test_a_broken_answer_is_a_failure_that_may_pass(transport: Transport, said: bytes) -> None:
    with raw_server(lambda peer: peer.sendall(said)) as url:
        reply = post(transport, url)
    assert reply.error in ("connection_lost", "bad_answer")
    assert not reply.permanent
    assert reply.sentence.endswith(".")


def test_a_refused_connection_is_told_apart(transport: Transport) -> None:
    reply = post(transport, f"http://127.0.0.1:{free_port()}/")
    assert reply.error == "connection_refused"


def test_a_name_that_does_not_exist_is_told_apart() -> None:
    def resolver(*args: object, **kw: object) -> list[object]:
        raise socket.gaierror(-2, "Name or service not known")

    reply = post(Transport(resolver=resolver), "https://nowhere.example/")
    assert (reply.error, reply.permanent) == ("dns_failed", False)


@pytest.mark.parametrize(
    "header",
    [
        ("X-A", "a\r\nX-B: b"),
        ("X\nA", "b"),
        ("Host", "evil"),
        ("Content-Length", "1"),
        ("X-A", "a\x00"),
    ],
)
def test_a_header_cannot_smuggle_another(
    transport: Transport, sink: Sink, header: tuple[str, str]
) -> None:
    reply = post(transport, sink.url, headers=(header,))
    assert (reply.error, reply.permanent) == ("bad_header", True)
    assert not sink.requests


def test_the_environment_cannot_send_calls_through_a_proxy(
    transport: Transport, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert post(transport, sink.url).status == 200


def test_many_calls_at_once_each_get_their_own_answer(transport: Transport, sink: Sink) -> None:
    sink.answers([Answer(200, str(n).encode()) for n in range(40)])
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.append(post(transport, sink.url).body))
        for _ in range(39)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, found)) == list(range(39))


def certificate(folder: Path, name: str, days: tuple[int, int]) -> Path:
    """A self-signed certificate with its key, valid between two days from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=days[0]))
        .not_valid_after(now + datetime.timedelta(days=days[1]))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}-{days[1]}.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


@pytest.mark.parametrize(
    ("name", "days", "trusted", "error"),
    [
        ("good.example", (-1, 30), True, None),
        ("good.example", (-1, 30), False, "tls_self_signed"),
        ("good.example", (-30, -1), True, "tls_expired"),
        ("other.example", (-1, 30), True, "tls_wrong_host"),
    ],
)
def test_certificates_are_always_verified(
    tmp_path: Path, name: str, days: tuple[int, int], trusted: bool, error: str | None
) -> None:
    path = certificate(tmp_path, name, days)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)

    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    heard: list[bytes] = []

    def serve() -> None:
        peer, _ = listener.accept()
        with contextlib.suppress(OSError, ssl.SSLError), peer:
            peer.settimeout(5)
            with context.wrap_socket(peer, server_side=True) as tls:
                while b'{"a":1}' not in b"".join(heard):
                    heard.append(tls.recv(65536))
                tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()

    def resolver(host: str, to: int, **kw: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    transport = Transport(LOOPBACK, ca_file=str(path) if trusted else None, resolver=resolver)
    reply = post(transport, f"https://good.example:{port}/")
    thread.join(10)
    listener.close()
    assert reply.error == error
    if error is None:
        assert reply.status == 200
    else:
        assert not heard
        assert "certificate" in reply.sentence
