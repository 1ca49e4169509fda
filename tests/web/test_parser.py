"""Ambiguous requests over raw sockets: one response, then the connection closes."""

from __future__ import annotations

import json
import re
import socket

import pytest

from relay.web import parser
from tests.support.stack import Stack

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
HIDDEN = b"GET /healthz HTTP/1.1\r\nHost: relay\r\n\r\n"
START = b"POST /webhooks/wp HTTP/1.1\r\n"
HOST = b"Host: relay\r\n"


def talk(web: Stack, data: bytes) -> list[tuple[int, dict[str, object]]]:
    """Send bytes and wait until the server closes.  -> status and JSON of every response"""
    with socket.create_connection(("127.0.0.1", web.port), timeout=10) as client:
        client.sendall(data)
        said = b""
        while piece := client.recv(65536):
            said += piece
    found = []
    while said:
        head, _, rest = said.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: ([0-9]+)", head)
        assert length, said
        size = int(length[1])
        found.append((int(head.split()[1]), json.loads(rest[:size])))
        said = rest[size:]
    return found


AMBIGUOUS = {
    "both lengths": (
        START + HOST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        parser.TWO_LENGTHS,
    ),
    "both lengths, the other way round": (
        START + HOST + b"transfer-encoding:chunked\r\ncontent-length:0\r\n\r\n0\r\n\r\n",
        parser.TWO_LENGTHS,
    ),
    "both lengths, with an unknown coding": (
        START + HOST + b"Transfer-Encoding: xchunked\r\nContent-Length: 0\r\n\r\n",
        parser.TWO_LENGTHS,
    ),
    "both lengths, with an empty coding": (
        START + HOST + b"Transfer-Encoding: \r\nContent-Length: 0\r\n\r\n",
        parser.TWO_LENGTHS,
    ),
    "both lengths, in HTTP/1.0": (
        b"POST /webhooks/wp HTTP/1.0\r\n"
        b"Connection: keep-alive\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
        parser.TWO_LENGTHS,
    ),
    "both lengths, with Expect": (
        START
        + HOST
        + b"Expect: 100-continue\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
        parser.TWO_LENGTHS,
    ),
    "chunked in HTTP/1.0": (
        b"POST /webhooks/wp HTTP/1.0\r\n"
        b"Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        parser.UNKNOWN_CODING,
    ),
    "chunked twice": (
        START + HOST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        parser.UNKNOWN_CODING,
    ),
    "two lines of chunked": (
        START + HOST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        parser.UNKNOWN_CODING,
    ),
    "an empty coding": (START + HOST + b"Transfer-Encoding:\r\n\r\n", parser.UNKNOWN_CODING),
    "no host": (START + b"Content-Length: 0\r\n\r\n", parser.NO_HOST),
    "two hosts": (START + HOST + b"Host: other\r\n\r\n", parser.MANY_HOSTS),
    "the same host twice": (START + HOST + HOST + b"\r\n", parser.MANY_HOSTS),
    "an empty host": (START + b"Host:\r\n\r\n", parser.INVALID_HOST),
    "a list of hosts": (START + b"Host: relay, other\r\n\r\n", parser.INVALID_HOST),
    "a host with a path": (START + b"Host: relay/x\r\n\r\n", parser.INVALID_HOST),
    "a folded header": (START + HOST + b"X-A: one\r\n two\r\n\r\n", parser.FOLDED_HEADER),
    "a folded header with a tab": (
        START + HOST + b"X-A: one\r\n\ttwo\r\n\r\n",
        parser.FOLDED_HEADER,
    ),
    "a folded length": (START + HOST + b"Content-Length:\r\n 0\r\n\r\n", parser.FOLDED_HEADER),
    "a first header that is folded": (START + b" " + HOST + b"\r\n", parser.FOLDED_HEADER),
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_an_ambiguous_request_is_400_and_what_follows_is_never_answered(
    web: Stack, name: str
) -> None:
    request, sentence = AMBIGUOUS[name]
    for rest in (b"", HIDDEN, HIDDEN * 3):
        assert talk(web, request + rest) == [
            (400, {"error": "invalid_request", "detail": sentence})
        ]


def test_an_invalid_length_with_expect_is_400_without_100_continue(web: Stack) -> None:
    request = START + HOST + b"Expect: 100-continue\r\nContent-Length: x\r\n\r\n" + HIDDEN
    ((status, _),) = talk(web, request)
    assert status == 400


def many(count: int) -> bytes:
    return b"".join(b"X-%d: y\r\n" % n for n in range(count))


@pytest.mark.parametrize(
    "headers",
    [many(100), many(1000), b"X: " + b"y" * 33_000 + b"\r\n", b"X: " + b"y" * 300_000 + b"\r\n"],
    ids=["101 headers", "1,001 headers", "33 kB", "300 kB"],
)
def test_too_many_or_too_large_headers_are_431(web: Stack, headers: bytes) -> None:
    for rest in (b"", HIDDEN):
        ((status, body),) = talk(web, START + HOST + headers + b"\r\n" + rest)
        assert (status, body["error"]) == (431, "headers_too_large")


def test_what_is_allowed_stays_allowed(web: Stack) -> None:
    close = b"Connection: close\r\n\r\n"
    get = b"GET /healthz HTTP/1.1\r\n"
    for request in (
        get + b"Host: relay.example.com:8000\r\n" + close,
        get + b"host:[::1]:8000\r\n" + close,
        get + b"Host: my_host\r\n" + close,
        get + HOST + many(98) + close,
        get + HOST + b"X: " + b"y" * 32_000 + b"\r\n" + close,
        b"GET /healthz HTTP/1.0\r\n\r\n",
        get + HOST + b"Transfer-Encoding: Chunked\r\nConnection: close\r\n\r\n0\r\n\r\n",
        HIDDEN + get + HOST + close,
    ):
        assert {status for status, _ in talk(web, request)} == {200}, request[:200]
