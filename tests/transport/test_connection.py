"""What is read of a response, and how much."""

from __future__ import annotations

import socket
import threading
import time
import tracemalloc
from collections.abc import Callable

import pytest

from relay.transport.client import BODY_CAP, Transport
from relay.transport.connection import Connection, Deadline, FinalResponse, plain_response
from tests.transport.conftest import drip, post, raw_server


def test_an_early_response_to_a_large_body_is_read() -> None:
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
def test_interim_responses_are_skipped(transport: Transport, interim: bytes) -> None:
    final = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok"
    with raw_server(lambda peer: peer.sendall(interim + final)) as url:
        assert post(transport, url).status == 201


def test_an_endless_body_is_cut(transport: Transport) -> None:
    def talk(peer: socket.socket) -> None:
        peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(10_000):
            peer.sendall(b"\x00\xff" * 4096)

    with raw_server(talk) as url:
        reply = post(transport, url)
    assert (reply.status, len(reply.body)) == (200, BODY_CAP)
    assert "\x00" not in reply.text


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
def test_an_endless_response_uses_little_memory_and_time(
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


def test_control_characters_in_headers_are_replaced(transport: Transport) -> None:
    said = b"HTTP/1.1 200 OK\r\nX-A: a\x00b\xff\r\nContent-Length: 0\r\n\r\n"
    with raw_server(lambda peer: peer.sendall(said)) as url:
        assert post(transport, url).header("X-A") == "a\ufffdb\xff"


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
def test_the_whole_call_ends_at_its_deadline(
    transport: Transport, talk: Callable[[socket.socket], None]
) -> None:
    with raw_server(talk) as url:
        began = time.monotonic()
        reply = post(transport, url, timeout_s=0.5)
        spent = time.monotonic() - began
    assert reply.error == "timeout"
    assert spent < 1.5


def head(*lines: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode("latin-1")


@pytest.mark.parametrize(
    ("data", "closes"),
    [
        (head("Content-Length: 2", "X-A:  b ") + b"ok", False),
        (head("content-length: 0", "Connection: close"), True),
        (head("Content-Length: 0", "Connection: keep-alive"), False),
        (b"HTTP/1.1 503\r\nContent-Length: 0\r\n\r\n", False),
    ],
)
def test_a_short_response_in_one_piece_is_parsed_as_http_client_parses_it(
    data: bytes, closes: bool
) -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(data)
    theirs.shutdown(socket.SHUT_WR)
    slow = FinalResponse(ours, method="POST")
    slow.begin()
    found = plain_response(data, BODY_CAP)
    assert found is not None
    response, is_closed = found
    assert is_closed is closes is slow.will_close
    assert (response.status, response.body) == (slow.status, slow.read())
    assert list(response.headers) == list(slow.headers.items())
    ours.close()
    theirs.close()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        head("Content-Length: 2"),
        head("Content-Length: 2") + b"o",
        head("Content-Length: 2") + b"okHTTP/1.1 200 OK",
        head("Content-Length: 2", "Content-Length: 2") + b"ok",
        head("Content-Length: +2") + b"ok",
        head("Content-Length: 02") + b"ok",
        head("Content-Length: 2", "Transfer-Encoding: chunked") + b"ok",
        head() + b"ok",
        head("Content-Length: 2", " folded") + b"ok",
        head("Content-Length : 2") + b"ok",
        head("Content-Length: 2", "X-A: a\x00b") + b"ok",
        head("Content-Length: 2", "X-A: a\nb") + b"ok",
        head("Content-Length: 2", "X-A: \xff") + b"ok",
        head("Content-Length: 2", *["X-A: b"] * 60) + b"ok",
        head(f"Content-Length: {BODY_CAP + 1}") + b"x" * (BODY_CAP + 1),
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
        b"ICY 200 OK\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_anything_else_is_left_to_http_client(data: bytes) -> None:
    assert plain_response(data, BODY_CAP) is None
