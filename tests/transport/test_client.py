"""The client against servers that are slow, broken or hostile."""

from __future__ import annotations

import socket
import threading

import pytest

from relay.transport.client import MAX_IDLE_S, Transport
from relay.transport.connection import Connection
from tests.support.network import wait_for
from tests.support.sink import Answer, Sink
from tests.transport.conftest import post, raw_server


def test_a_reply_has_status_headers_and_body(transport: Transport, sink: Sink) -> None:
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
def test_a_redirect_is_returned_and_not_followed(
    transport: Transport, sink: Sink, status: int
) -> None:
    sink.answer(status, headers={"Location": f"{sink.url}/canary"})
    assert post(transport, sink.url).status == status
    assert [seen.path for seen in sink.requests] == ["/"]


def test_a_connection_is_reused(transport: Transport) -> None:
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


def test_a_connection_closed_by_the_server_is_replaced_and_nothing_is_sent_twice(
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
            wait_for(lambda: not transport.idle[0].is_silent(), what="the server hung up")
    assert len(set(heard)) == len(heard) == 5


def test_a_call_with_an_unknown_outcome_is_not_repeated(transport: Transport) -> None:
    """The kept connection takes the second call and then breaks: it may have been acted on."""
    heard: list[bytes] = []

    def talk(peer: socket.socket) -> None:
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        heard.append(peer.recv(65536))

    with raw_server(talk) as url:
        assert post(transport, url).status == 200
        assert post(transport, url).error == "connection_lost"
    assert len(heard) == 1


def test_a_call_of_which_nothing_was_sent_is_repeated_on_a_new_connection(
    transport: Transport, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the hang-up arrives between the look at the connection and the first byte."""
    assert post(transport, sink.url).status == 200
    transport.idle[0].sock.shutdown(socket.SHUT_RDWR)
    monkeypatch.setattr(Connection, "is_silent", lambda self: True)
    assert post(transport, sink.url).status == 200
    assert len(sink.requests) == 2


def test_an_idle_connection_is_closed(
    transport: Transport, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(transport, sink.url)
    (kept,) = transport.idle
    kept.idle_since -= MAX_IDLE_S + 1
    post(transport, sink.url)
    assert kept.sock.fileno() == -1
    assert kept not in transport.idle


def test_a_compressed_response_is_not_decompressed(transport: Transport, sink: Sink) -> None:
    sink.answer(200, b"\x1f\x8b not really", {"Content-Encoding": "gzip"})
    assert post(transport, sink.url).body == b"\x1f\x8b not really"


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
def test_a_header_cannot_inject_another(
    transport: Transport, sink: Sink, header: tuple[str, str]
) -> None:
    reply = post(transport, sink.url, headers=(header,))
    assert (reply.error, reply.permanent) == ("bad_header", True)
    assert not sink.requests


def test_proxies_of_the_environment_are_not_used(
    transport: Transport, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert post(transport, sink.url).status == 200


def test_concurrent_calls_get_their_own_responses(transport: Transport, sink: Sink) -> None:
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
