"""From a checked URL to a connected socket: look the name up once, check every answer, connect to one.

The connection is made to the checked address itself, so that a name which changes its mind between
the check and the connection (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any

import certifi

from relay.transport import addresses
from relay.transport.addresses import Origin
from relay.transport.errors import no_connection, no_name

CONNECT_S = 5.0
MOST_ADDRESSES = 4
Resolver = Callable[..., list[Any]]


class Dialer:
    """Makes connections.  Arguments as in ``client.Transport``."""

    def __init__(
        self, allowed: tuple[addresses.Network, ...], ca_file: str | None, resolver: Resolver
    ):
        self.allowed, self.ca_file, self.resolver = allowed, ca_file, resolver

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """For web servers."""
        context = self.context()
        context.set_alpn_protocols(["http/1.1"])
        return context

    def context(self) -> ssl.SSLContext:
        """Public authorities and the operator's own; TLS 1.2 at least; always verifying."""
        context = ssl.create_default_context(cafile=certifi.where())
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.ca_file:
            context.load_verify_locations(self.ca_file)
        return context

    def dial(
        self, origin: Origin, until: float, tls: ssl.SSLContext | None = None
    ) -> socket.socket:
        """A connected socket, with TLS where the origin wants it (``tls``: other than for the web).

        ``until`` is an instant of the monotonic clock.

        Raises CallFailed, and Undeliverable where any answer of the name service is blocked.
        """
        until = min(until, time.monotonic() + CONNECT_S)
        sock = self.reach(origin, until)
        if not origin.secure:
            return sock
        try:
            return self.wrap(sock, origin, until, tls or self.tls)
        except OSError as exc:
            sock.close()
            raise no_connection(exc, f"{origin.name}:{origin.port}", CONNECT_S) from exc
        except BaseException:
            sock.close()
            raise

    def reach(self, origin: Origin, until: float) -> socket.socket:
        """A connection to a checked address of the origin, still without TLS.  Raises as ``dial``."""
        try:
            found = self.look_up(origin, until)
            for target in found:
                self.check(str(target[4][0]), origin.secure)
            sock = connect(found[:MOST_ADDRESSES], until)
        except OSError as exc:
            raise no_connection(exc, f"{origin.name}:{origin.port}", CONNECT_S) from exc
        try:
            # Compared with what was checked: nothing between us and the kernel may divert it.
            self.check(str(sock.getpeername()[0]), origin.secure)
            return sock
        except OSError as exc:
            sock.close()
            raise no_connection(exc, f"{origin.name}:{origin.port}", CONNECT_S) from exc
        except BaseException:
            sock.close()
            raise

    def check(self, address: str, secure: bool) -> None:
        """Raises Undeliverable; without TLS, only networks that the operator opened will do."""
        addresses.check_address(address, self.allowed)
        plain = ipaddress.ip_address(address.split("%", 1)[0])
        if not secure and not addresses.is_allowed(plain, self.allowed):
            raise addresses.blocked(
                "The address must start with https://, so that nobody can listen in."
            )

    def look_up(self, origin: Origin, until: float) -> list[Any]:
        """The name service's answers.  Raises CallFailed where there are none in time."""
        if is_number(origin.host):
            return list(self.resolver(origin.host, origin.port, type=socket.SOCK_STREAM))
        answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answers.put(self.resolver(origin.host, origin.port, type=socket.SOCK_STREAM))
            except (OSError, UnicodeError) as exc:
                answers.put(exc)

        # The system's look-up cannot be given a time limit: a thread that hangs is left behind.
        threading.Thread(target=ask, name="look-up", daemon=True).start()
        try:
            found = answers.get(timeout=left_s(until))
        except queue.Empty as exc:
            raise no_name(origin.name) from exc
        if isinstance(found, Exception) or not found:
            raise no_name(origin.name) from (found or None)
        return list(found)

    def wrap(
        self, sock: socket.socket, origin: Origin, until: float, tls: ssl.SSLContext
    ) -> socket.socket:
        sock.settimeout(left_s(until))
        try:
            return tls.wrap_socket(sock, server_hostname=origin.name)
        except ConnectionError as exc:
            raise ssl.SSLError("the handshake was broken off") from exc


def left_s(until: float) -> float:
    """Seconds until an instant of the monotonic clock; after it so little that any wait times out."""
    return max(until - time.monotonic(), 0.001)


def is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def connect(found: list[Any], until: float) -> socket.socket:
    """The first address that takes the connection; a silent one leaves time for the next."""
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
