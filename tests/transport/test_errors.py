"""Each cause of a failed call has its own code."""

from __future__ import annotations

import socket

import pytest

from relay.transport.client import Transport
from tests.support.network import free_port
from tests.transport.conftest import post, raw_server


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
def test_an_invalid_response_can_be_retried(transport: Transport, said: bytes) -> None:
    with raw_server(lambda peer: peer.sendall(said)) as url:
        reply = post(transport, url)
    assert reply.error in ("connection_lost", "bad_answer")
    assert not reply.permanent
    assert reply.sentence.endswith(".")


def test_a_refused_connection_has_its_own_code(transport: Transport) -> None:
    reply = post(transport, f"http://127.0.0.1:{free_port()}/")
    assert reply.error == "connection_refused"


def test_a_name_that_does_not_resolve_has_its_own_code() -> None:
    def resolver(*args: object, **kw: object) -> list[object]:
        raise socket.gaierror(-2, "Name or service not known")

    reply = post(Transport(resolver=resolver), "https://nowhere.example/")
    assert (reply.error, reply.permanent) == ("dns_failed", False)
