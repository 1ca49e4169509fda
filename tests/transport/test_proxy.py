"""The outbound proxy: the address check holds, and the proxy can neither choose nor read."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.transport.client import Transport
from relay.transport.proxy import Proxy
from tests.support.authority import Authority
from tests.support.connect_proxy import ConnectProxy
from tests.support.sink import Sink
from tests.transport.conftest import LOOPBACK, post

NAME = "hooks.example"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def secure(authority: Authority) -> Iterator[Sink]:
    """An HTTPS server whose certificate is for hooks.example."""
    sink = Sink(authority.server(NAME))
    yield sink
    sink.close()


@pytest.fixture
def proxy() -> Iterator[ConnectProxy]:
    made = ConnectProxy()
    yield made
    made.close()


def transport(
    via: ConnectProxy | str, *addresses: str, ca: Authority | None = None, port: int = 0
) -> Transport:
    """A transport for which every name has these addresses."""

    def resolver(host: str, to: int, **_: object) -> list[object]:
        family = {True: socket.AF_INET6, False: socket.AF_INET}
        return [
            (family[":" in address], socket.SOCK_STREAM, 6, "", (address, port or to))
            for address in addresses or ("127.0.0.1",)
        ]

    url = via if isinstance(via, str) else via.url
    ca_file = str(ca.path) if ca else None
    return Transport(LOOPBACK, ca_file, resolver, proxy=Proxy.of(url))


def test_the_proxy_is_asked_for_the_checked_address_and_the_certificate_is_for_the_name(
    proxy: ConnectProxy, secure: Sink, authority: Authority
) -> None:
    made = transport(proxy, ca=authority)
    reply = post(made, f"https://{NAME}:{secure.port}/in?key=secret-key")
    assert (reply.status, proxy.faults) == (200, [])
    assert proxy.asked == [f"127.0.0.1:{secure.port}"]
    assert authority.names == [NAME]
    assert secure.requests[0].headers["host"] == f"{NAME}:{secure.port}"
    assert b"secret-key" not in proxy.bytes_seen
    made.close()


def test_a_certificate_for_another_name_is_rejected_also_through_the_proxy(
    proxy: ConnectProxy, secure: Sink, authority: Authority
) -> None:
    reply = post(transport(proxy, ca=authority), f"https://other.example:{secure.port}/")
    assert reply.error == "tls_wrong_host" and secure.requests == []


def test_a_name_with_a_blocked_address_never_reaches_the_proxy(proxy: ConnectProxy) -> None:
    for address in ("169.254.169.254", "10.0.0.1", "fd00::1"):
        reply = post(transport(proxy, "127.0.0.1", address), "https://evil.example/")
        assert (reply.error, reply.permanent) == ("blocked_address", True)
    assert proxy.asked == []


def test_plain_http_to_an_allowed_network_goes_through_a_tunnel_too(
    proxy: ConnectProxy, sink: Sink
) -> None:
    made = transport(proxy)
    for _ in range(2):
        assert post(made, f"http://intranet.example:{sink.port}/").status == 200
    assert proxy.asked == [f"127.0.0.1:{sink.port}"], "the tunnel was not used again"
    made.close()


def test_the_login_of_the_proxy_is_sent_to_the_proxy_only(sink: Sink) -> None:
    proxy = ConnectProxy(login="relay:p@ss word")
    url = proxy.url.replace("relay:p@ss word", "relay:p%40ss%20word")
    assert post(transport(url), f"http://intranet.example:{sink.port}/").status == 200
    assert proxy.faults == []
    assert "proxy-authorization" not in sink.requests[0].headers
    proxy.close()


@pytest.mark.parametrize(
    ("login", "sentence"),
    [("", "does not accept its user and password (407)"), ("relay:wrong", "(407)")],
)
def test_a_wrong_login_names_the_setting_and_shows_no_password(login: str, sentence: str) -> None:
    proxy = ConnectProxy(login="relay:right")
    via = f"http://{login}@127.0.0.1:{proxy.port}" if login else f"http://127.0.0.1:{proxy.port}"
    reply = post(transport(via), "https://hooks.example/")
    assert reply.error == "proxy_refused" and not reply.permanent
    assert sentence in reply.sentence and "RELAY_OUTBOUND_PROXY" in reply.sentence
    assert "wrong" not in reply.sentence
    proxy.close()


def test_a_proxy_that_denies_the_address_is_named(sink: Sink) -> None:
    proxy = ConnectProxy(denied=frozenset({"127.0.0.1"}))
    reply = post(transport(proxy), f"http://intranet.example:{sink.port}/")
    assert reply.error == "proxy_refused" and "does not allow" in reply.sentence
    proxy.close()


def test_the_next_address_is_tried_if_the_proxy_cannot_reach_the_first(sink: Sink) -> None:
    proxy = ConnectProxy(broken=frozenset({"127.0.0.9"}))
    made = transport(proxy, "127.0.0.9", "127.0.0.1")
    assert post(made, f"http://two.example:{sink.port}/").status == 200
    assert proxy.asked == [f"127.0.0.9:{sink.port}", f"127.0.0.1:{sink.port}"]
    proxy.close()
    made.close()


def test_an_ipv6_address_is_asked_for_in_brackets() -> None:
    proxy = ConnectProxy(broken=frozenset({"2606:4700::1111"}))
    reply = post(transport(proxy, "2606:4700::1111"), "https://six.example/")
    assert (reply.error, proxy.faults) == ("proxy_no_connection", [])
    assert proxy.asked == ["[2606:4700::1111]:443"]
    proxy.close()


def test_a_proxy_that_is_down_is_retried_and_named() -> None:
    proxy = ConnectProxy()
    proxy.close()
    reply = post(transport(proxy.url), "https://hooks.example/")
    assert (reply.error, reply.permanent) == ("proxy_unreachable", False)


@pytest.mark.parametrize(
    "answer",
    [b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200", b"x" * 20_000],
)
def test_an_answer_that_is_not_http_opens_no_tunnel(answer: bytes) -> None:
    proxy = ConnectProxy(reply=answer)
    reply = post(transport(proxy), "https://hooks.example/")
    assert reply.error == "proxy_no_connection"
    proxy.close()


def test_a_silent_proxy_does_not_exceed_the_deadline() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    began = time.monotonic()
    via = f"http://127.0.0.1:{listener.getsockname()[1]}"
    reply = post(transport(via), "https://hooks.example/", timeout_s=0.4)
    listener.close()
    assert reply.error == "proxy_no_connection"
    assert time.monotonic() - began < 1.5


def test_a_proxy_of_the_environment_is_not_used(
    proxy: ConnectProxy, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    made = Transport(LOOPBACK)
    assert post(made, f"{sink.url}/").status == 200
    assert proxy.asked == []
    made.close()
