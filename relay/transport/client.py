"""The one guarded way out: every outbound call of Relay passes here.

Only checked addresses (``dialer``), no proxies from the environment, no redirects, no cookies, no
unpacking, certificates always verified, the whole call under one deadline, the answer cut at 64 KiB
(``connection``).  Plain ``http.client`` underneath: a third of what a call costs with requests.
"""

from __future__ import annotations

import re
import socket
import threading
import time
import weakref
from http.client import HTTPException
from urllib.parse import SplitResult, quote

from relay.errors import Undeliverable
from relay.transport import addresses
from relay.transport.addresses import Origin
from relay.transport.connection import BODY_CAP, Connection, Deadline, HttpResponse, NothingSent
from relay.transport.dialer import CONNECT_S, Dialer, Resolver
from relay.transport.errors import CallFailed, explain
from relay.transport.request import OutboundRequest, Reply

__all__ = ["BODY_CAP", "CONNECT_S", "Transport"]

# Below the shortest time that common servers keep a silent connection (2 s): so that a call and the
# server's hang-up seldom cross.
LONGEST_IDLE_S = 1.5
OLDEST_S = 60.0  # then the name is looked up again
OURS = frozenset({"host", "content-length", "transfer-encoding", "connection"})
METHOD = re.compile(r"[A-Z]{1,20}")
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}")
HEADER_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")


class Transport:
    """Sends requests.  Safe to share between threads; connections are kept alive between calls.

    ``allowed_networks`` are private networks that the operator opened, ``ca_file`` holds an
    operator's own authorities beside the public ones, ``resolver`` stands in for
    ``socket.getaddrinfo``, ``pool_size`` bounds the idle connections.
    """

    def __init__(
        self,
        allowed_networks: tuple[addresses.Network, ...] = (),
        ca_file: str | None = None,
        resolver: Resolver | None = None,
        pool_size: int = 64,
    ):
        self.allowed = tuple(allowed_networks)
        self.dialer = Dialer(self.allowed, ca_file, resolver or socket.getaddrinfo)
        self.pool_size = pool_size
        self.idle: list[Connection] = []
        self.lock = threading.Lock()
        weakref.finalize(self, close_all, self.idle)

    def send(self, request: OutboundRequest) -> Reply:
        """Make one call.  Never raises for trouble on the way: see ``Reply.error``."""
        deadline = Deadline(request.timeout_s)
        try:
            parts = addresses.check_url(request.url, self.allowed)
            origin = addresses.origin_of(parts)
            answer = self._exchange(origin, request, encode(request, parts, origin), deadline)
        except Undeliverable as exc:
            return Reply(
                error=exc.code,
                sentence=str(exc),
                permanent=True,
                elapsed_ms=deadline.elapsed_ms(),
            )
        except (CallFailed, OSError, HTTPException, ValueError) as exc:
            failed = explain(exc, request.timeout_s)
            return Reply(error=failed.code, sentence=str(failed), elapsed_ms=deadline.elapsed_ms())
        return Reply(answer.status, answer.headers, answer.body, deadline.elapsed_ms())

    def _exchange(
        self, origin: Origin, request: OutboundRequest, data: bytes, deadline: Deadline
    ) -> HttpResponse:
        """Over a kept connection where one is alive, else over a new one.

        Repeated only where no byte went out: whatever was sent may have been acted on.
        """
        while connection := self._take(origin):
            try:
                return self._over(connection, request, data, deadline)
            except NothingSent:
                continue
        return self._over(
            Connection(self.dialer.dial(origin, deadline.until), origin), request, data, deadline
        )

    def _over(
        self, connection: Connection, request: OutboundRequest, data: bytes, deadline: Deadline
    ) -> HttpResponse:
        try:
            return connection.exchange(request.method, data, deadline, request.most_bytes)
        finally:
            self._give_back(connection)

    def _take(self, origin: Origin) -> Connection | None:
        """A kept connection to that origin which the other side has not closed."""
        while True:
            now = time.monotonic()
            with self.lock:
                old = [
                    one
                    for one in self.idle
                    if now - one.idle_since > LONGEST_IDLE_S or now - one.born > OLDEST_S
                ]
                for one in old:
                    self.idle.remove(one)
                found = next((one for one in reversed(self.idle) if one.origin == origin), None)
                if found is not None:
                    self.idle.remove(found)
            for one in old:
                one.close()
            if found is None or found.is_quiet():
                return found
            found.close()

    def _give_back(self, connection: Connection) -> None:
        connection.idle_since = time.monotonic()
        with self.lock:
            kept = connection.reusable and len(self.idle) < self.pool_size
            if kept:
                self.idle.append(connection)
        if not kept:
            connection.close()

    def close(self) -> None:
        """Let go of the kept connections."""
        with self.lock:
            close_all(self.idle)


def close_all(connections: list[Connection]) -> None:
    while connections:
        connections.pop().close()


def host_header(origin: Origin) -> str:
    """The host, and the port unless it is the scheme's own.  Source: RFC 9110, section 7.2."""
    name = origin.host.rstrip(".")
    name = f"[{name}]" if ":" in name else name
    return name if origin.port == (443 if origin.secure else 80) else f"{name}:{origin.port}"


def encode(request: OutboundRequest, parts: SplitResult, origin: Origin) -> bytes:
    """The request as it goes over the wire.  Raises Undeliverable for what it may not hold."""
    if not METHOD.fullmatch(request.method):
        raise Undeliverable("bad_method", f"{request.method[:40]!r} is not an HTTP method.")
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._[]")
    if parts.query:
        target += "?" + quote(parts.query, safe="/?%:@!$&'()*+,;=~-._[]")
    lines = [f"{request.method} {target} HTTP/1.1", f"Host: {host_header(origin)}"]
    lines += [f"{name}: {value}" for name, value in checked(request.headers).values()]
    if request.body or request.method not in ("GET", "HEAD"):
        lines.append(f"Content-Length: {len(request.body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + request.body


def checked(headers: tuple[tuple[str, str], ...]) -> dict[str, tuple[str, str]]:
    """The headers to send, the last of a name wins.  Raises Undeliverable for smuggled ones."""
    sent = {"accept": ("Accept", "*/*")}
    for name, value in headers:
        if not HEADER_NAME.fullmatch(name) or name.lower() in OURS:
            raise Undeliverable(
                "bad_header",
                f"{name[:80]!r} is not a header that can be set. Change it in the settings.",
            )
        if not HEADER_VALUE.fullmatch(value):
            raise Undeliverable(
                "bad_header",
                f"The header {name} holds a line break or a sign that headers cannot carry.",
            )
        sent[name.lower()] = (name, value.strip())
    return sent | {"accept-encoding": ("Accept-Encoding", "identity")}
