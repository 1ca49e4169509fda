"""Hundreds of malformed requests over raw sockets: the server never answers with a 5xx."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import time

import pytest

from tests.support.events import comment
from tests.support.sink import Sink
from tests.support.stack import Stack, sign

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def talk(stack: Stack, data: bytes, timeout_s: float = 5.0) -> bytes:
    """Send raw bytes, then nothing more.  -> the whole response"""
    with socket.create_connection(("127.0.0.1", stack.port), timeout=timeout_s) as client:
        with contextlib.suppress(OSError):
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
        said = b""
        with contextlib.suppress(OSError):
            while piece := client.recv(65536):
                said += piece
        return said


def head(
    secret: str, body: bytes, *more: bytes, event_id: bytes = b"evt-1", length: bool = True
) -> bytes:
    moment = str(int(time.time()))
    lines = [
        b"POST /webhooks/wp HTTP/1.1",
        b"Host: relay",
        b"X-WP-Timestamp: " + moment.encode(),
        b"X-Event-Id: " + event_id,
        b"X-WP-Signature: " + sign(secret, moment, body).encode(),
        *([b"Content-Length: %d" % len(body)] if length else []),
        *more,
        b"Connection: close",
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def status(said: bytes) -> int:
    return int(said.split(b" ", 2)[1]) if said.startswith(b"HTTP/1.") else 0


@SQLITE
def test_malformed_requests_never_cause_a_5xx_and_a_valid_one_still_works(
    stack: Stack, sink: Sink
) -> None:
    secret = stack.make_source().secret
    good = json.dumps(comment(event_id="evt-1")).encode()
    stack.wait_for(
        lambda: status(talk(stack, head(secret, good) + good)) in (200, 202), 10, "the source"
    )
    bodies = [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\x00",
        b"\xff\xfe",
        b"NaN",
        b"[" * 100_000,
        b'{"a":' * 90 + b"1" + b"}" * 90,
        b'{"event":"comment.created","event_id":"evt-1","site":"https://a.example","data":null}',
        b'{"event":5,"event_id":[],"site":{},"data":"x"}',
        b'{"a":1,"a":2}',
        b'{"a":' + b"9" * 6000 + b"}",
        good.replace(b"evt-1", b"evt-2"),
        good.replace(b"42", b"1e400"),
        good.replace(b"Jane", b"\\u0000"),
        good.replace(b"Jane", b"\\ud800"),
        good[:-1],
        good + good,
        b"a=b&c=d",
        b"x" * 270_000,
    ]
    odd = [head(secret, body) + body for body in bodies]
    for line in (
        b"Content-Length: 5",
        b"Content-Length: -1",
        b"Content-Length: abc",
        b"Content-Length: 99999999999999999999",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: identity",
        b"Content-Encoding: gzip",
        b"Content-Type: \xff\xfe",
        b"X-Event-Id: evt-2",
        b"X-WP-Timestamp: 1",
        b"X-WP-Signature: \xc3\xa4",
        b"X-WP-Key-Id: \xff",
        b"X-WP-Key-Id: " + b"k" * 5000,
        b"X_WP_Timestamp: 1",
        b"Broken header",
        b" folded: yes",
        b"Name : blank",
        b"X: " + b"y" * 300_000,
        b"\x00: nul",
        b"Expect: 100-continue",
        b"X-Forwarded-For: nonsense",
        b"Content-Type: application/x-www-form-urlencoded",
    ):
        odd.append(head(secret, good, line) + good)
        odd.append(head(secret, good, line, length=False) + good)
    for chunks in (
        b"ZZ\r\nx\r\n0\r\n\r\n",
        b"5\r\nab",
        b"-1\r\n\r\n",
        b"ffffffffffffffff\r\nx",
        b"0\r\n",
        b"",
        b"".join(b"10000\r\n" + b"x" * 65536 + b"\r\n" for _ in range(6)) + b"0\r\n\r\n",
        b"%x\r\n" % len(good) + good + b"\r\n0\r\n\r\n",
    ):
        odd.append(head(secret, good, b"Transfer-Encoding: chunked", length=False) + chunks)
    for line in (
        b"GET /webhooks/wp HTTP/1.1",
        b"POST /webhooks/wp HTTP/0.9",
        b"POST /webhooks/wp HTTP/9.9",
        b"FOO /webhooks/wp HTTP/1.1",
        b"POST /webhooks/wp/\xff HTTP/1.1",
        b"POST /webhooks/wp/%00 HTTP/1.1",
        b"POST /webhooks/wp/../../etc HTTP/1.1",
        b"POST http://other/webhooks/wp HTTP/1.1",
        b"POST /webhooks/wp?%ff HTTP/1.1",
        b"POST * HTTP/1.1",
        b"\x16\x03\x01\x02",
        b"",
        b"POST /webhooks/wp/" + b"a" * 9000 + b" HTTP/1.1",
    ):
        odd.append(head(secret, good).replace(b"POST /webhooks/wp HTTP/1.1", line) + good)
    chance = random.Random(7)
    whole = head(secret, good) + good
    for _ in range(300):
        piece = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            piece[chance.randrange(len(piece))] = chance.randrange(256)
        odd.append(
            bytes(piece[: chance.randint(1, len(piece))]) if chance.random() < 0.3 else bytes(piece)
        )
    for data in odd:
        assert status(talk(stack, data)) < 500, data[:300]
    assert status(talk(stack, head(secret, good) + good)) == 200


@SQLITE
@pytest.mark.parametrize("part", ["head", "body"])
def test_two_hundred_incomplete_requests_do_not_block_others(stack: Stack, part: str) -> None:
    source = stack.make_source()
    body = json.dumps(comment()).encode()
    whole = head(source.secret, body) + body
    half = whole[:40] if part == "head" else whole[:-10]
    with contextlib.ExitStack() as held:
        for _ in range(200):
            client = held.enter_context(
                socket.create_connection(("127.0.0.1", stack.port), timeout=5)
            )
            client.sendall(half)
        stack.wait_for(
            lambda: stack.send(comment(), source.secret, timeout_s=5).status_code == 202,
            10,
            "a 202",
        )
