"""The addresses that an outbound call may reach.  Saving, testing and sending all use this rule.

Pure.  Sources: the IANA special-purpose address registries (RFC 6890 and its successors) and the
metadata addresses of the large cloud providers.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

import idna

from relay.errors import Undeliverable
from relay.i18n import _

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

BLOCKED: tuple[Network, ...] = tuple(
    ipaddress.ip_network(cidr)
    for cidr in """0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 168.63.129.16/32 169.254.0.0/16
    172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15
    198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4
    ::/128 ::1/128 ::/96 100::/64 64:ff9b::/96 64:ff9b:1::/48 2001::/23 2001:db8::/32 2002::/16
    3fff::/20 5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8""".split()
)
# An address in these IPv6 networks ends in an IPv4 address: mapped, compatible (obsolete) and NAT64.
WITH_IPV4 = tuple(map(ipaddress.IPv6Network, ("::ffff:0:0/96", "::/96", "64:ff9b::/96")))
SERVICE_PORTS = frozenset(
    {1433, 1521, 2049, 2375, 2376, 2379, 2380, 3306, 3389, 4369, 5432, 5672, 5900, 5984, 6379, 6443}
    | {7001, 8500, 9042, 9092, 9200, 9300, 10250, 11211, 15672, 27017, 27018, 50070}
)
LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
NUMERIC_HOST = re.compile(r"(0x[0-9a-f]*|[0-9]+)\Z", re.IGNORECASE)


def blocked(sentence: str) -> Undeliverable:
    return Undeliverable("blocked_address", sentence)


def unwrap(address: Address) -> Address:
    """The IPv4 address within an IPv6 address (mapped, compatible or NAT64); any other unchanged.

    ``::`` and ``::1`` are addresses of their own.
    """
    if int(address) > 1 and is_in(address, WITH_IPV4):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def is_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def is_allowed(address: Address, allowed: Iterable[Network]) -> bool:
    """Whether the address is in a network of RELAY_ALLOWED_PRIVATE_NETWORKS.

    For an IPv6 address with an IPv4 address in it, that one counts: the network that such an address
    is in says nothing about where a call to it ends.
    """
    return is_in(unwrap(address), allowed)


def check_address(text: str, allowed: Iterable[Network] = ()) -> None:
    """Raises Undeliverable unless the address is public or in an allowed network.

    An IPv6 address with an IPv4 address in it is never public: a public service has a plain one.  An
    operator behind NAT64 allows its network; the IPv4 address must then be public or allowed, too.
    """
    allowed = tuple(allowed)
    try:
        address = ipaddress.ip_address(text.split("%", 1)[0])
    except ValueError as exc:
        raise blocked(_("%(text)s is not an address that Relay can call.", text=text)) from exc
    if is_allowed(address, allowed):
        return
    plain = unwrap(address)
    if plain is not address and is_in(address, allowed):
        check_address(str(plain), allowed)
        return
    if plain is not address or is_in(address, BLOCKED) or not address.is_global:
        raise blocked(
            _(
                "%(plain)s is a blocked address in a private or reserved network, so Relay "
                "does not call it. Use a public address, or ask the operator to add the "
                "network to RELAY_ALLOWED_PRIVATE_NETWORKS.",
                plain=plain,
            )
            if plain is address
            else _(
                "%(address)s is an IPv4 address in the form of an IPv6 address, so Relay "
                "does not call it. Use %(plain)s, or a name with that address.",
                address=address,
                plain=plain,
            )
        )


def check_url(url: str, allowed: Iterable[Network] = ()) -> SplitResult:
    """Check a URL without resolving its name.  -> its parts

    ``http`` is accepted only if some private networks are allowed.  The dialer then checks, when it
    connects, that the address is in one of them.  Raises Undeliverable.
    """
    allowed = tuple(allowed)
    if len(url) > 2000:
        raise blocked(_("The URL is longer than 2,000 characters. Copy it again."))
    if re.search(r"[\x00-\x20\x7f\\]", url):
        raise blocked(
            _("The URL contains spaces, backslashes or control characters. Copy it again.")
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise blocked(_("This is not a URL such as https://example.com/hook.")) from exc
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise blocked(_("The URL must start with https://."))
    if "@" in parts.netloc:
        raise blocked(_("The URL must not contain a user or password. Use the login fields."))
    if "#" in url:
        raise blocked(_("The URL must not contain a # part."))
    check_port(port)
    check_host(parts.hostname, allowed)
    if parts.scheme == "http" and not allowed:
        raise blocked(_("The URL must start with https://, so that the data is encrypted."))
    return parts


def check_port(port: int | None) -> None:
    if port is not None and port not in (80, 443) and (port < 1024 or port in SERVICE_PORTS):
        raise blocked(
            _(
                "Port %(port)s is used by other kinds of services. Use port 443 for HTTPS.",
                port=port,
            )
        )


def check_host(host: str, allowed: tuple[Network, ...]) -> None:
    """Raises Undeliverable for a blocked IP address, also in hexadecimal or octal, and for localhost."""
    if ":" in host:
        check_address(host, allowed)
        return
    name = ascii_host(host)
    last = name.rstrip(".").rsplit(".", 1)[-1].lower()
    if NUMERIC_HOST.fullmatch(last):
        check_address(name, allowed)
    elif last == "localhost" and not allowed:
        raise blocked(_("localhost is a blocked address: it is the server that Relay runs on."))


def ascii_host(host: str) -> str:
    """The host name in its ASCII form for DNS (IDNA 2008).  Raises Undeliverable if it is not valid."""
    try:
        name = host if host.isascii() else idna.encode(host).decode()
    except idna.IDNAError as exc:
        raise blocked(_("%(host)s is not a valid host name.", host=host)) from exc
    labels = name.removesuffix(".").split(".")
    if ":" not in name and (len(name) > 253 or not all(map(LABEL.fullmatch, labels))):
        raise blocked(_("%(host)s is not a valid host name.", host=host))
    return name


@dataclass(frozen=True)
class Origin:
    """The server of a connection.  Calls to the same origin can share connections.

    ``ca_pem`` are authorities that this origin may be certified by in addition to the usual ones: a
    connection that was made with them is not used by calls without them.
    """

    secure: bool
    host: str  # as DNS takes it: ASCII
    port: int
    ca_pem: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """The host as in certificates and in the Host header."""
        return self.host.rstrip(".")


def origin_of(parts: SplitResult, ca_pem: str = "") -> Origin:
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    return Origin(secure, ascii_host(parts.hostname or ""), port, ca_pem)
