"""Connects to the server of a checked URL: resolves the name once, checks every address, connects.

It connects to a checked address and does not resolve the name again.  So a name that resolves to
another address after the check (DNS rebinding) has no effect.
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any

import certifi

from relay.errors import Undeliverable
from relay.i18n import N_, _
from relay.transport import addresses
from relay.transport.addresses import Origin
from relay.transport.errors import CallFailed, connection_error, dns_error
from relay.transport.proxy import Proxy

CONNECT_S = 5.0
MAX_ADDRESSES = 4
MAX_CONTEXTS = 50  # kept TLS settings, one for each set of own authorities
BAD_CA = N_(
    "The certificate authority in the destination's settings cannot be read. Paste its certificate again, "
    "from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----."
)
Resolver = Callable[..., list[Any]]


class Dialer:
    """Makes connections.  Arguments as in ``client.Transport``."""

    def __init__(
        self, allowed: tuple[addresses.Network, ...], ca_file: str | None, resolver: Resolver
    ):
        self.allowed, self.ca_file, self.resolver = allowed, ca_file, resolver
        self.contexts: dict[str, ssl.SSLContext] = {}

    def tls_for_http(self, ca_pem: str) -> ssl.SSLContext:
        """The TLS settings for HTTP, which also trust the authorities in ``ca_pem``.

        Loading the public authorities takes long, so the settings are kept.  Raises Undeliverable.
        """
        found = self.contexts.get(ca_pem)
        if found is None:
            found = self.tls_context()
            found.set_alpn_protocols(["http/1.1"])
            try:
                if ca_pem:
                    found.load_verify_locations(cadata=ca_pem)
            except (ssl.SSLError, ValueError) as exc:
                raise Undeliverable("bad_ca", BAD_CA) from exc
            if len(self.contexts) >= MAX_CONTEXTS:
                self.contexts.clear()
            self.contexts[ca_pem] = found
        return found

    def tls_context(self) -> ssl.SSLContext:
        """Trusts the public authorities and those of ``ca_file``; TLS 1.2 or newer; always verifies."""
        context = ssl.create_default_context(cafile=certifi.where())
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.ca_file:
            context.load_verify_locations(self.ca_file)
        return context

    def dial(
        self,
        origin: Origin,
        until: float,
        tls: ssl.SSLContext | None = None,
        proxy: Proxy | None = None,
    ) -> socket.socket:
        """A connected socket, with TLS if the origin is secure.  ``tls`` replaces the HTTP settings.

        ``until`` is a time of the monotonic clock.  Raises CallFailed, and Undeliverable if the name
        resolves to any blocked address.
        """
        until = min(until, time.monotonic() + CONNECT_S)
        if origin.secure and tls is None:
            tls = self.tls_for_http(origin.ca_pem)
        sock = self.connect(origin, until, proxy)
        if tls is None or not origin.secure:
            return sock
        try:
            return self.wrap(sock, origin, until, tls)
        except OSError as exc:
            sock.close()
            raise connection_error(exc, f"{origin.name}:{origin.port}", CONNECT_S) from exc
        except BaseException:
            sock.close()
            raise

    def connect(self, origin: Origin, until: float, proxy: Proxy | None = None) -> socket.socket:
        """A TCP connection to an allowed address of the origin.  Raises like ``dial``.

        A proxy is asked for the checked address, not for the name, so that it does not resolve the name
        again to another address.
        """
        try:
            found = self.resolve(origin, until)
            for target in found:
                self.check(str(target[4][0]), origin.secure)
            if proxy is not None:
                return self.connect_through(proxy, found[:MAX_ADDRESSES], until)
            sock = connect_to_first(found[:MAX_ADDRESSES], until)
        except OSError as exc:
            raise connection_error(exc, f"{origin.name}:{origin.port}", CONNECT_S) from exc
        try:
            # The peer's address is checked again, so that the rule holds for the connection as it is.
            self.check(str(sock.getpeername()[0]), origin.secure)
            return sock
        except OSError as exc:
            sock.close()
            raise connection_error(exc, f"{origin.name}:{origin.port}", CONNECT_S) from exc
        except BaseException:
            sock.close()
            raise

    def connect_through(self, proxy: Proxy, found: list[Any], until: float) -> socket.socket:
        """A connection to the first of these addresses that the proxy reaches.  Raises CallFailed.

        The proxy's own address is the operator's choice and is not checked.
        """
        failed = proxy.unreachable()
        for number, target in enumerate(found):
            until_now = time.monotonic() + left_s(until) / (len(found) - number)
            try:
                at = self.resolve(Origin(False, proxy.host, proxy.port), until, socket.getaddrinfo)
                sock = connect_to_first(at[:MAX_ADDRESSES], until_now)
            except (OSError, CallFailed) as exc:
                raise proxy.unreachable() from exc
            try:
                proxy.open_tunnel(sock, str(target[4][0]), int(target[4][1]), until_now)
                return sock
            except CallFailed as exc:
                sock.close()
                if exc.code != proxy.NO_CONNECTION:
                    raise
                failed = exc
            except BaseException:
                sock.close()
                raise
        raise failed

    def check(self, address: str, secure: bool) -> None:
        """Raises Undeliverable for a blocked address, and without TLS for any outside ``allowed``."""
        addresses.check_address(address, self.allowed)
        plain = ipaddress.ip_address(address.split("%", 1)[0])
        if not secure and not addresses.is_allowed(plain, self.allowed):
            raise addresses.blocked(
                _("The URL must start with https://, so that the data is encrypted.")
            )

    def resolve(self, origin: Origin, until: float, resolver: Resolver | None = None) -> list[Any]:
        """The addresses of the origin's host.  Raises CallFailed if there are none in time."""
        resolver = resolver or self.resolver
        if is_number(origin.host):
            return list(resolver(origin.host, origin.port, type=socket.SOCK_STREAM))
        answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answers.put(resolver(origin.host, origin.port, type=socket.SOCK_STREAM))
            except (OSError, UnicodeError) as exc:
                answers.put(exc)

        # getaddrinfo has no timeout.  If it hangs, its thread is abandoned.
        threading.Thread(target=ask, name="resolve", daemon=True).start()
        try:
            found = answers.get(timeout=left_s(until))
        except queue.Empty as exc:
            raise dns_error(origin.name) from exc
        if isinstance(found, Exception) or not found:
            raise dns_error(origin.name) from (found or None)
        return list(found)

    def wrap(
        self, sock: socket.socket, origin: Origin, until: float, tls: ssl.SSLContext
    ) -> socket.socket:
        sock.settimeout(left_s(until))
        try:
            return tls.wrap_socket(sock, server_hostname=origin.name)
        except ConnectionError as exc:
            raise ssl.SSLError("the server closed the connection in the handshake") from exc


def left_s(until: float) -> float:
    """The seconds until a time of the monotonic clock.  After it, a minimum with which a wait times out."""
    return max(until - time.monotonic(), 0.001)


def is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def connect_to_first(found: list[Any], until: float) -> socket.socket:
    """Connect to the first address that accepts.  The time left is shared among the addresses."""
    last: OSError = OSError("the name has no address")
    for number, (family, kind, proto, _name, where) in enumerate(found):
        sock = socket.socket(family, kind, proto)
        try:
            sock.settimeout(left_s(until) / (len(found) - number))
            sock.connect(where)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        except OSError as exc:
            sock.close()
            last = exc
    raise last
