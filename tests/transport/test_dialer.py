"""Names, addresses and certificates."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import threading
import time
import warnings
from dataclasses import replace
from pathlib import Path

import pytest

from relay.transport.client import Transport
from relay.transport.request import OutboundRequest
from tests.support.authority import Authority
from tests.support.sink import Sink
from tests.transport.conftest import LOOPBACK, certificate, post


def test_a_hanging_resolver_does_not_exceed_the_deadline() -> None:
    over = threading.Event()

    def resolver(*args: object, **kw: object) -> list[object]:
        over.wait(10)
        return []

    began = time.monotonic()
    reply = post(Transport(resolver=resolver), "https://slow.example/", timeout_s=0.3)
    over.set()
    assert reply.error == "dns_failed"
    assert time.monotonic() - began < 1.3


def test_a_hanging_handshake_does_not_exceed_the_deadline(transport: Transport) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    began = time.monotonic()
    url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
    reply = post(transport, url, timeout_s=0.3)
    listener.close()
    assert reply.error == "connect_timeout"
    assert time.monotonic() - began < 1.3


def test_old_tls_versions_are_rejected(tmp_path: Path) -> None:
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


def test_the_resolver_of_the_system_is_used(sink: Sink) -> None:
    both = (*LOOPBACK, ipaddress.ip_network("::1/128"))
    transport = Transport(both)
    assert post(transport, f"http://localhost:{sink.port}/").status == 200
    transport.close()
    assert sink.requests[0].headers["host"] == f"localhost:{sink.port}"


def test_a_silent_address_leaves_time_for_the_next_one(transport: Transport, sink: Sink) -> None:
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


def test_an_authority_of_one_call_is_trusted_by_that_call_only(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    sink = Sink(authority.server("127.0.0.1"))
    made = Transport(LOOPBACK)
    asked = OutboundRequest("POST", f"{sink.url}/", (), b"{}", 5)
    trusting = replace(asked, ca_pem=authority.pem)
    assert made.send(asked).error == "tls_unknown_issuer"
    assert made.send(trusting).status == 200
    assert made.send(asked).error == "tls_unknown_issuer", "it used the other call's connection"
    assert made.send(trusting).status == 200
    assert len({seen.at for seen in sink.requests}) == 2
    made.close()
    sink.close()


def test_an_authority_of_another_call_does_not_help(tmp_path: Path) -> None:
    right, wrong = Authority(tmp_path), Authority(tmp_path, "Another authority")
    sink = Sink(right.server("127.0.0.1"))
    made = Transport(LOOPBACK)
    asked = OutboundRequest("POST", f"{sink.url}/", (), b"{}", 5, ca_pem=wrong.pem)
    assert made.send(asked).error == "tls_unknown_issuer"
    assert made.send(replace(asked, ca_pem=wrong.pem + right.pem)).status == 200
    made.close()
    sink.close()


def test_an_authority_that_cannot_be_read_is_not_ignored(sink: Sink) -> None:
    asked = OutboundRequest("POST", "https://127.0.0.1:4443/", (), b"{}", 5, ca_pem="nonsense")
    reply = Transport(LOOPBACK).send(asked)
    assert (reply.error, reply.permanent) == ("bad_ca", True)
