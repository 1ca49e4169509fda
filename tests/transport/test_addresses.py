"""The addresses that Relay calls, and known tricks to reach others."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.errors import Undeliverable
from relay.transport.addresses import check_address, check_url, origin_of
from relay.transport.client import Transport, encode, host_header
from relay.transport.request import OutboundRequest
from tests.support.sink import Sink

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
HOSTS = """127.0.0.1 0 127.1 2130706433 0177.0.0.1 0x7f.1 [::1] [::] [::ffff:127.0.0.1]
[::ffff:7f00:1] [64:ff9b::7f00:1] [2002:7f00:1::] 169.254.169.254 [fd00:ec2::254] 100.100.100.200
168.63.129.16 localhost localhost. ①②⑦.0.0.1 １２７.0.0.1 10.1.2.3 192.168.1.1 172.16.0.9 224.0.0.1
255.255.255.255 [fe80::1] [fec0::1] [ff02::1] 198.18.0.1 203.0.113.9 192.0.2.1""".split()
ODD = (
    "https://good@127.0.0.1/",
    "https://good\\@127.0.0.1/",
    "https://good#@127.0.0.1/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "http://example.com/",
    "https://example.com:6379/",
    "https://example.com:22/",
    "https://exa\tmple.com/",
    "https://example.com/\nx",
    "https:///nohost",
    "https://example.com:99999/",
    "not an address",
    "",
)


@pytest.mark.parametrize("host", HOSTS)
def test_a_private_host_is_rejected_on_saving_and_on_sending(host: str, sink: Sink) -> None:
    url = f"https://{host}:{sink.port}/"
    with pytest.raises(Undeliverable) as refused:
        check_url(url)
    assert refused.value.code == "blocked_address"
    reply = Transport().send(OutboundRequest("POST", url, (), b"{}", timeout_s=5))
    assert (reply.error, reply.permanent) == ("blocked_address", True)
    assert not sink.requests


@pytest.mark.parametrize("url", ODD)
def test_an_invalid_url_is_rejected(url: str) -> None:
    with pytest.raises(Undeliverable):
        check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://a..b/",
        "https://-a.example/",
        "https://" + "a" * 64 + ".example/",
        "https://exa%6dple.com/",
        "https://[::1",
        "https://1.2.3/",
        "https://8.8.8.08/",
        "https://example.com:0/",
        "https://user:pass@example.com/",
        "HTTPS:example.com",
    ],
)
def test_an_invalid_host_is_rejected(url: str) -> None:
    with pytest.raises(Undeliverable):
        check_url(url)


@given(st.integers(0, 2**32 - 1))
def test_an_embedded_private_address_is_blocked_too(number: int) -> None:
    """Mapped, NAT64 and 6to4 spellings are judged no milder than the IPv4 address itself."""
    plain = ipaddress.IPv4Address(number)
    try:
        check_address(str(plain))
    except Undeliverable:
        for prefix, shift in (("::ffff:0:0", 0), ("64:ff9b::", 0), ("2002::", 80), ("::", 0)):
            wrapped = ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) + (number << shift))
            with pytest.raises(Undeliverable):
                check_address(str(wrapped))


@pytest.mark.parametrize("prefix", ["::ffff:", "64:ff9b::", "::"])
def test_an_ipv4_address_inside_an_ipv6_address_is_called_only_if_it_is_allowed(
    prefix: str,
) -> None:
    with pytest.raises(Undeliverable, match=r"Use 93\.184\.216\.34"):
        check_address(f"{prefix}93.184.216.34")
    with pytest.raises(Undeliverable):
        check_address(f"{prefix}127.0.0.1", [ipaddress.ip_network("93.184.216.0/24")])
    check_address(f"{prefix}127.0.0.1", LOOPBACK)


def test_behind_nat64_an_allowed_network_leads_to_public_addresses_only() -> None:
    nat64 = [ipaddress.ip_network("64:ff9b::/96")]
    check_address("64:ff9b::93.184.216.34", nat64)
    with pytest.raises(Undeliverable):
        check_address("64:ff9b::10.0.0.1", nat64)


@given(st.text(max_size=40))
def test_any_text_is_either_a_url_or_rejected_with_a_sentence(text: str) -> None:
    for url in (text, "https://" + text, "https://example.com/" + text):
        try:
            parts = check_url(url)
        except Undeliverable as exc:
            assert exc.code == "blocked_address"
        else:
            encode(OutboundRequest("POST", url, (), b""), parts, origin_of(parts))


def test_a_name_in_another_script_is_resolved_in_its_ascii_form() -> None:
    place = origin_of(check_url("https://müller.example:8443/ü?q=ö"))
    assert (place.host, host_header(place)) == (
        "xn--mller-kva.example",
        "xn--mller-kva.example:8443",
    )


def test_a_public_address_is_allowed() -> None:
    assert check_url("https://hooks.example.com/a?b=c").hostname == "hooks.example.com"
    check_address("93.184.216.34")
    check_address("2606:2800:220:1:248:1893:25c8:1946")


@pytest.mark.parametrize(
    "answers",
    [["127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["::ffff:127.0.0.1"], ["10.0.0.1"]],
)
def test_a_name_that_resolves_to_a_private_address_is_not_called(
    answers: list[str], sink: Sink
) -> None:
    def resolver(host: str, port: int, **kw: Any) -> list[Any]:
        return [
            (
                socket.AF_INET6 if ":" in one else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (one, sink.port),
            )
            for one in answers
        ]

    reply = Transport(resolver=resolver).send(
        OutboundRequest("POST", f"https://rebinding.example:{sink.port}/", (), b"")
    )
    assert reply.error == "blocked_address"
    assert not sink.requests


def test_only_an_allowed_private_network_can_be_called(sink: Sink) -> None:
    opened = Transport(allowed_networks=LOOPBACK)
    assert opened.send(OutboundRequest("POST", f"{sink.url}/x", (), b"{}")).status == 200
    with pytest.raises(Undeliverable):
        check_address("10.0.0.1", LOOPBACK)


def test_a_public_address_is_not_called_without_tls() -> None:
    def resolver(host: str, port: int, **kw: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", port))]

    reply = Transport(allowed_networks=LOOPBACK, resolver=resolver).send(
        OutboundRequest("POST", "http://public.example/", (), b"")
    )
    assert reply.error == "blocked_address"
    assert "https://" in reply.sentence
