"""The guarded way out against servers that are slow, broken or lying."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socket
import ssl
import threading
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from relay.transport.client import BODY_CAP, LONGEST_IDLE_S, Transport
from relay.transport.connection import Connection, Deadline
from relay.transport.request import OutboundRequest, Reply
from tests.support.network import free_port, wait_for
from tests.support.sink import Answer, Sink

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


@pytest.fixture
def transport() -> Iterator[Transport]:
    made = Transport(allowed_networks=LOOPBACK)
    yield made
    made.close()


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
        transport.close()
    assert len(ports) == 1


def test_a_connection_closed_between_calls_is_replaced_and_nothing_is_sent_twice(
    transport: Transport,
) -> None:
    """The server closes without saying so: no ``Connection: close``."""
    heard: list[int] = []

    def talk(peer: socket.socket) -> None:
        heard.append(peer.getpeername()[1])
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with raw_server(talk) as url:
        for _ in range(5):
            assert post(transport, url).status == 200
            wait_for(lambda: not transport.idle[0].is_quiet(), what="the server hung up")
    assert len(set(heard)) == len(heard) == 5


def test_a_call_whose_fate_is_unknown_is_not_repeated(transport: Transport) -> None:
    """The kept connection takes the second call and then breaks: it may have been acted on."""
    heard: list[bytes] = []

    def talk(peer: socket.socket) -> None:
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        heard.append(peer.recv(65536))

    with raw_server(talk) as url:
        assert post(transport, url).status == 200
        assert post(transport, url).error == "connection_lost"
    assert len(heard) == 1


def test_a_call_of_which_nothing_went_out_is_repeated_on_a_new_connection(
    transport: Transport, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the hang-up arrives between the look at the connection and the first byte."""
    assert post(transport, sink.url).status == 200
    transport.idle[0].sock.shutdown(socket.SHUT_RDWR)
    monkeypatch.setattr(Connection, "is_quiet", lambda self: True)
    assert post(transport, sink.url).status == 200
    assert len(sink.requests) == 2


def test_an_idle_connection_is_let_go(
    transport: Transport, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(transport, sink.url)
    (kept,) = transport.idle
    kept.idle_since -= LONGEST_IDLE_S + 1
    post(transport, sink.url)
    assert kept.sock.fileno() == -1
    assert kept not in transport.idle


def test_an_early_answer_to_a_large_body_is_read() -> None:
    """A server may answer 413 and hang up while the body is still on its way."""
    ours, theirs = socket.socketpair()

    def serve() -> None:
        theirs.recv(1000)
        theirs.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        theirs.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    connection = Connection(ours, "here")
    answer = connection.exchange("POST", b"x" * 8_000_000, Deadline(5))
    thread.join(10)
    connection.close()
    assert (answer.status, answer.body) == (413, b"no")
    assert not connection.reusable


@pytest.mark.parametrize(
    "interim",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\n" * 3,
    ],
)
def test_interim_answers_are_passed_over(transport: Transport, interim: bytes) -> None:
    final = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok"
    with raw_server(lambda peer: peer.sendall(interim + final)) as url:
        assert post(transport, url).status == 201


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(lambda peer: threading.Event().wait(1.2), id="no answer"),
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


def test_a_name_service_that_hangs_does_not_outlast_the_deadline() -> None:
    over = threading.Event()

    def resolver(*args: object, **kw: object) -> list[object]:
        over.wait(10)
        return []

    began = time.monotonic()
    reply = post(Transport(resolver=resolver), "https://slow.example/", timeout_s=0.3)
    over.set()
    assert reply.error == "dns_failed"
    assert time.monotonic() - began < 1.3


def test_a_handshake_that_hangs_does_not_outlast_the_deadline(transport: Transport) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    began = time.monotonic()
    url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
    reply = post(transport, url, timeout_s=0.3)
    listener.close()
    assert reply.error == "connect_timeout"
    assert time.monotonic() - began < 1.3


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", b"x" * 65536),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 9000),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x" * 60000 + b"\r\n1;"),
        (b"HTTP/1.1 200 OK\r\n", b"X-A: " + b"y" * 60000 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    ],
    ids=["chunk of -1", "tiny chunks", "chunk extensions", "headers", "body", "interim answers"],
)
def test_a_flood_takes_neither_memory_nor_time(
    transport: Transport, head: bytes, piece: bytes
) -> None:
    def talk(peer: socket.socket) -> None:
        peer.sendall(head)
        for _ in range(5000):
            peer.sendall(piece)

    with raw_server(talk) as url:
        tracemalloc.start()
        began = time.monotonic()
        reply = post(transport, url, timeout_s=4)
        spent, (_, most) = time.monotonic() - began, tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert reply.status == 200 or reply.error in ("bad_answer", "connection_lost")
    assert len(reply.body) <= BODY_CAP
    assert spent < 3
    assert most < 8_000_000


def test_headers_are_kept_as_any_database_can_hold_them(transport: Transport) -> None:
    said = b"HTTP/1.1 200 OK\r\nX-A: a\x00b\xff\r\nContent-Length: 0\r\n\r\n"
    with raw_server(lambda peer: peer.sendall(said)) as url:
        assert post(transport, url).header("X-A") == "a\ufffdb\xff"


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
        ("X-A", "\u20ac"),
        ("Transfer-Encoding", "chunked"),
        ("connection", "close"),
        ("X A", "b"),
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


def test_old_tls_is_refused(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
    path = certificate(tmp_path, "good.example", (-1, 30))
    context.load_cert_chain(path)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        peer, _ = listener.accept()
        with peer, contextlib.suppress(OSError):
            peer.settimeout(5)
            context.wrap_socket(peer, server_side=True).close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    port = listener.getsockname()[1]

    def resolver(host: str, to: int, **kw: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    transport = Transport(LOOPBACK, ca_file=str(path), resolver=resolver)
    reply = post(transport, f"https://good.example:{port}/")
    thread.join(10)
    listener.close()
    assert reply.error == "tls_failed"
    assert "TLS 1.2" in reply.sentence


def test_the_systems_own_name_service_is_asked(sink: Sink) -> None:
    both = (*LOOPBACK, ipaddress.ip_network("::1/128"))
    transport = Transport(both)
    assert post(transport, f"http://localhost:{sink.port}/").status == 200
    transport.close()
    assert sink.requests[0].headers["host"] == f"localhost:{sink.port}"


def test_a_silent_address_leaves_time_for_the_next(transport: Transport, sink: Sink) -> None:
    def resolver(host: str, to: int, **kw: object) -> list[object]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, sink.port))
            for address in ("127.0.0.9", "127.0.0.1")
        ]

    either = Transport(LOOPBACK, resolver=resolver)
    assert post(either, f"http://two.example:{sink.port}/").status == 200
    either.close()


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
                while b'{"a":1}' not in b"".join(heard) and (piece := tls.recv(65536)):
                    heard.append(piece)
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
