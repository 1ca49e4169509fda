"""Ambiguous requests over raw sockets: one response, then the connection closes."""

from __future__ import annotations

import json
import re
import socket

import pytest

from relay.web import head
from tests.support.stack import Stack

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
HIDDEN = b"GET /healthz HTTP/1.1\r\nHost: relay\r\n\r\n"
START = b"POST /webhooks/wp HTTP/1.1\r\n"
HOST = b"Host: relay\r\n"


def talk(web: Stack, data: bytes, ends: bool = False) -> list[tuple[int, dict[str, object]]]:
    """Send bytes and wait until the server closes.  -> status and JSON of every response

    ``ends``: the client says that it sends nothing more.
    """
    with socket.create_connection(("127.0.0.1", web.port), timeout=15) as client:
        client.sendall(data)
        if ends:
            client.shutdown(socket.SHUT_WR)
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
        head.TWO_LENGTHS,
    ),
    "both lengths, the other way round": (
        START + HOST + b"transfer-encoding:chunked\r\ncontent-length:0\r\n\r\n0\r\n\r\n",
        head.TWO_LENGTHS,
    ),
    "both lengths, with an unknown coding": (
        START + HOST + b"Transfer-Encoding: xchunked\r\nContent-Length: 0\r\n\r\n",
        head.TWO_LENGTHS,
    ),
    "both lengths, with an empty coding": (
        START + HOST + b"Transfer-Encoding: \r\nContent-Length: 0\r\n\r\n",
        head.UNKNOWN_CODING,
    ),
    "both lengths, in HTTP/1.0": (
        b"POST /webhooks/wp HTTP/1.0\r\n"
        b"Connection: keep-alive\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
        head.TWO_LENGTHS,
    ),
    "both lengths, with Expect": (
        START
        + HOST
        + b"Expect: 100-continue\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
        head.TWO_LENGTHS,
    ),
    "chunked in HTTP/1.0": (
        b"POST /webhooks/wp HTTP/1.0\r\n"
        b"Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        head.UNKNOWN_CODING,
    ),
    "chunked twice": (
        START + HOST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        head.UNKNOWN_CODING,
    ),
    "two lines of chunked": (
        START + HOST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        head.UNKNOWN_CODING,
    ),
    "an empty coding": (START + HOST + b"Transfer-Encoding:\r\n\r\n", head.UNKNOWN_CODING),
    "no host": (START + b"Content-Length: 0\r\n\r\n", head.NO_HOST),
    "two hosts": (START + HOST + b"Host: other\r\n\r\n", head.MANY_HOSTS),
    "the same host twice": (START + HOST + HOST + b"\r\n", head.MANY_HOSTS),
    "an empty host": (START + b"Host:\r\n\r\n", head.INVALID_HOST),
    "a list of hosts": (START + b"Host: relay, other\r\n\r\n", head.INVALID_HOST),
    "a host with an empty label": (START + b"Host: a..b\r\n\r\n", head.INVALID_HOST),
    "a host that is a dot": (START + b"Host: .\r\n\r\n", head.INVALID_HOST),
    "a host with a long label": (START + b"Host: " + b"a" * 64 + b"\r\n\r\n", head.INVALID_HOST),
    "a host that is no IDNA name": (START + b"Host: xn--a\r\n\r\n", head.INVALID_HOST),
    "a host with a path": (START + b"Host: relay/x\r\n\r\n", head.INVALID_HOST),
    "a folded header": (START + HOST + b"X-A: one\r\n two\r\n\r\n", head.FOLDED_HEADER),
    "a folded header with a tab": (
        START + HOST + b"X-A: one\r\n\ttwo\r\n\r\n",
        head.FOLDED_HEADER,
    ),
    "a folded length": (START + HOST + b"Content-Length:\r\n 0\r\n\r\n", head.NOT_HTTP),
    "a first header that is folded": (START + b" " + HOST + b"\r\n", head.FOLDED_HEADER),
}


def test_an_ambiguous_request_is_400_and_what_follows_is_never_answered(web: Stack) -> None:
    for name, (request, sentence) in AMBIGUOUS.items():
        for rest in (b"", HIDDEN, HIDDEN * 3):
            assert talk(web, request + rest) == [
                (400, {"error": "invalid_request", "detail": sentence})
            ], name


GET = b"GET /healthz HTTP/1.1\r\n"
CHUNKED = START + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
REQUEST_LINES = (
    b"GET /healthz",
    b"GET /healthz HTTP/0.9",
    b"GET /healthz HTTP/1.2",
    b"GET /healthz HTTP/2.0",
    b"GET /healthz HTTP/9.9",
    b"GET /healthz HTTP/11",
    b"GET /healthz http/1.1",
    b"GET /healthz HTTP/1.1 ",
    b"GET\t/healthz HTTP/1.1",
    b"get /healthz HTTP/1.1",
    b"G(T /healthz HTTP/1.1",
    b"GET /health z HTTP/1.1",
    b"GET /healthz\xff HTTP/1.1",
    b"GET /healthz\x7f HTTP/1.1",
    b"GET /healthz#x HTTP/1.1",
    b"GET healthz HTTP/1.1",
    b"GET \\healthz HTTP/1.1",
    b"GET http://[::1/healthz HTTP/1.1",
    b"GET http://other/healthz HTTP/1.1",
    b"GET http://relay@other/healthz HTTP/1.1",
    b"GET ftp://relay/healthz HTTP/1.1",
    b"CONNECT relay:80 HTTP/1.1",
    b"PRI * HTTP/2.0",
)
HOSTILE = {
    **{f"the line {line!r}": line + b"\r\n" + HOST + b"\r\n" for line in REQUEST_LINES},
    "bare newlines": GET.replace(b"\r", b"") + b"Host: relay\n\n",
    "one bare newline": GET + b"Host: relay\nX: y\r\n\r\n",
    "a bare return": GET + HOST + b"X: a\rTransfer-Encoding: chunked\r\n\r\n",
    "a NUL": GET + HOST + b"X: \0\r\n\r\n",
    "a NUL before the headers end": GET + b"\0",
    "a space in front": b" " + GET + HOST + b"\r\n",
    "a line and a space in front": b"\r\n " + GET + HOST + b"\r\n",
    "a vertical tab in front": b"\x0b" + GET + HOST + b"\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "a space before the colon": GET + HOST + b"Content-Length : 5\r\n\r\n",
    "a header without a name": GET + HOST + b": x\r\n\r\n",
    "a header without a colon": GET + HOST + b"X\r\n\r\n",
    "a control character in a value": GET + HOST + b"X: a\x01b\r\n\r\n",
    "an unknown coding": START + HOST + b"Transfer-Encoding: xchunked\r\n\r\n",
    "a coding in quotes": START + HOST + b'Transfer-Encoding: "chunked"\r\n\r\n',
    "a coding with a vertical tab": START + HOST + b"Transfer-Encoding: \x0bchunked\r\n\r\n",
    "a length with a sign": START + HOST + b"Content-Length: +5\r\n\r\n",
    "a negative length": START + HOST + b"Content-Length: -5\r\n\r\n",
    "a hexadecimal length": START + HOST + b"Content-Length: 0x5\r\n\r\n",
    "an empty length": START + HOST + b"Content-Length:\r\n\r\n",
    "a list of lengths": START + HOST + b"Content-Length: 5, 5\r\n\r\n",
    "two lengths": START + HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "a length of 5,000 digits": START + HOST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "a length beyond any limit": START + HOST + b"Content-Length: 99999999999999999999\r\n\r\n",
    "a chunk without a size": CHUNKED + b";x\r\n",
    "a chunk with 0x": CHUNKED + b"0x5\r\nabcde\r\n0\r\n\r\n",
    "a chunk with a sign": CHUNKED + b"+5\r\nabcde\r\n0\r\n\r\n",
    "a chunk with a negative size": CHUNKED + b"-5\r\n\r\n",
    "a chunk with a space": CHUNKED + b"5 \r\nabcde\r\n0\r\n\r\n",
    "a chunk with an invalid extension": CHUNKED + b"5;\nX\r\nabcde\r\n0\r\n\r\n",
    "a chunk that is longer than its size": CHUNKED + b"3\r\nabcde\r\n0\r\n\r\n",
    "a body without a length": START + HOST + b"\r\n",
}


def test_hostile_requests_are_4xx_and_what_follows_is_never_answered(web: Stack) -> None:
    for name, request in HOSTILE.items():
        for rest in (b"", HIDDEN):
            answers = talk(web, request + rest)
            assert [400 <= status < 500 for status, _ in answers] == [True], (name, answers)


def test_an_incomplete_request_is_answered_unless_it_can_be_the_rest_of_a_body(web: Stack) -> None:
    for part in (b"GET /", GET + HOST, START + HOST + b"Content-Length: 5\r\n\r\nabc", CHUNKED):
        answers = talk(web, part, ends=True)
        assert answers == [(400, {"error": "invalid_request", "detail": head.INCOMPLETE})]
    too_long = START + HOST + b"Content-Length: 3\r\n\r\nabcdef"
    assert len(talk(web, too_long, ends=True)) == 1


def test_a_body_without_a_length_closes_the_connection_and_an_empty_one_does_not(
    web: Stack,
) -> None:
    empty = START + HOST + b"Content-Length: 0\r\n\r\n"
    last = GET + HOST + b"Connection: close\r\n\r\n"
    assert [status for status, _ in talk(web, empty + last)] == [400, 200]


def test_an_invalid_length_with_expect_is_400_without_100_continue(web: Stack) -> None:
    request = START + HOST + b"Expect: 100-continue\r\nContent-Length: x\r\n\r\n" + HIDDEN
    ((status, _),) = talk(web, request)
    assert status == 400


def many(count: int) -> bytes:
    return b"".join(b"X-%d: y\r\n" % n for n in range(count))


def test_too_many_or_too_large_headers_are_431(web: Stack) -> None:
    long, longer = (b"X: " + b"y" * size + b"\r\n" for size in (33_000, 300_000))
    for headers in (many(100), many(1000), long, longer):
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
        b"GET http://relay/healthz HTTP/1.1\r\n" + HOST + close,
        b"\r\n" + get + HOST + close,
        get + HOST + many(98) + close,
        get + HOST + b"X: " + b"y" * 32_000 + b"\r\n" + close,
        b"GET /healthz HTTP/1.0\r\n\r\n",
        get + HOST + b"Transfer-Encoding: Chunked\r\nConnection: close\r\n\r\n0\r\n\r\n",
        HIDDEN + get + HOST + close,
    ):
        assert {status for status, _ in talk(web, request)} == {200}, request[:200]
