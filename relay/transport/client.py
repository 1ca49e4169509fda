"""The HTTP client.  Every outbound HTTP call of Relay goes through it.

It calls only allowed addresses (``dialer``), always verifies certificates, has one deadline for the
whole call and keeps at most 64 KiB of a response (``connection``).  It uses a proxy only if the
operator set one (``proxy``), never one from the environment, and no cookies, and it neither follows redirects nor decompresses.  It is built on
``http.client``: a call costs a third of what it costs with ``requests``.
"""

from __future__ import annotations

import re
import socket
import threading
import time
import weakref
from functools import lru_cache, partial
from http.client import HTTPException
from urllib.parse import SplitResult, quote

from relay.errors import Undeliverable
from relay.i18n import _
from relay.transport import addresses
from relay.transport.addresses import Origin
from relay.transport.connection import BODY_CAP, Connection, Deadline, HttpResponse, NothingSent
from relay.transport.dialer import CONNECT_S, Dialer, Resolver
from relay.transport.errors import CallFailed, explain
from relay.transport.proxy import Proxy
from relay.transport.request import OutboundRequest, Reply

__all__ = ["BODY_CAP", "CONNECT_S", "Transport"]

# Common servers close an idle connection after 2 s at the earliest.  A shorter limit here avoids
# most races between a new call and the server's close.
MAX_IDLE_S = 1.5
MAX_TARGETS = 256  # checked URLs that are kept
MAX_AGE_S = 60.0  # a new connection then resolves the name again
RESERVED_HEADERS = frozenset({"host", "content-length", "transfer-encoding", "connection"})
METHOD = re.compile(r"[A-Z]{1,20}")
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}")
HEADER_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")


class Transport:
    """Sends requests and keeps connections alive between them.  Threads can share it.

    ``allowed_networks`` are private networks that Relay may call, ``ca_file`` has certificate
    authorities to trust in addition to the public ones, ``resolver`` replaces ``socket.getaddrinfo``,
    ``pool_size`` is the maximum of idle connections.  All HTTP calls go through ``proxy``, if there is
    one.
    """

    def __init__(
        self,
        allowed_networks: tuple[addresses.Network, ...] = (),
        ca_file: str | None = None,
        resolver: Resolver | None = None,
        pool_size: int = 64,
        proxy: Proxy | None = None,
    ):
        self.allowed = tuple(allowed_networks)
        self.dialer = Dialer(self.allowed, ca_file, resolver or socket.getaddrinfo)
        self.pool_size, self.proxy = pool_size, proxy
        self.idle: list[Connection] = []
        self.lock = threading.Lock()
        self.target_of = lru_cache(MAX_TARGETS)(partial(target_of, self.allowed))
        weakref.finalize(self, close_all, self.idle)

    def send(self, request: OutboundRequest) -> Reply:
        """Make one call.  A failure is not raised but returned in ``Reply.error``."""
        began = time.monotonic()
        try:
            parts, origin = self.target_of(request.url, request.ca_pem)
            deadline = Deadline(request.timeout_s)
            response = self._exchange(origin, request, encode(request, parts, origin), deadline)
        except Undeliverable as exc:
            return Reply(
                error=exc.code,
                sentence=str(exc),
                permanent=True,
                elapsed_ms=ms_since(began),
            )
        except (CallFailed, OSError, HTTPException, ValueError) as exc:
            failed = explain(exc, request.timeout_s)
            return Reply(error=failed.code, sentence=str(failed), elapsed_ms=ms_since(began))
        return Reply(response.status, response.headers, response.body, ms_since(began))

    def _exchange(
        self, origin: Origin, request: OutboundRequest, data: bytes, deadline: Deadline
    ) -> HttpResponse:
        """Use an idle connection if one is alive, else a new one.

        Only a request of which no byte was sent is sent again.  The server may have acted on
        anything else.
        """
        while True:
            idle = self._acquire(origin)
            if idle is None:
                sock = self.dialer.dial(origin, deadline.until, proxy=self.proxy)
            connection = idle or Connection(sock, origin)
            try:
                return connection.exchange(request.method, data, deadline, request.max_reply_bytes)
            except NothingSent:
                if idle is None:
                    raise
            finally:
                self._release(connection)

    def _acquire(self, origin: Origin) -> Connection | None:
        """An idle connection to ``origin`` that the server has not closed."""
        while True:
            now = time.monotonic()
            with self.lock:
                expired = [
                    connection
                    for connection in self.idle
                    if now - connection.idle_since > MAX_IDLE_S
                    or now - connection.opened_at > MAX_AGE_S
                ]
                for connection in expired:
                    self.idle.remove(connection)
                found = next((idle for idle in reversed(self.idle) if idle.origin == origin), None)
                if found is not None:
                    self.idle.remove(found)
            for connection in expired:
                connection.close()
            if found is None or found.is_silent():
                return found
            found.close()

    def _release(self, connection: Connection) -> None:
        connection.idle_since = time.monotonic()
        with self.lock:
            pooled = connection.reusable and len(self.idle) < self.pool_size
            if pooled:
                self.idle.append(connection)
        if not pooled:
            connection.close()

    def close(self) -> None:
        """Close the idle connections."""
        with self.lock:
            close_all(self.idle)


def ms_since(began: float) -> float:
    """The milliseconds since a time of the monotonic clock."""
    return (time.monotonic() - began) * 1000


def target_of(
    allowed: tuple[addresses.Network, ...], url: str, ca_pem: str
) -> tuple[SplitResult, Origin]:
    """The parts of a checked URL and its server.  Raises Undeliverable."""
    parts = addresses.check_url(url, allowed)
    return parts, addresses.origin_of(parts, ca_pem)


def close_all(connections: list[Connection]) -> None:
    while connections:
        connections.pop().close()


def host_header(origin: Origin) -> str:
    """The host, and the port unless it is the scheme's own.  Source: RFC 9110, section 7.2."""
    name = origin.host.rstrip(".")
    name = f"[{name}]" if ":" in name else name
    return name if origin.port == (443 if origin.secure else 80) else f"{name}:{origin.port}"


def encode(request: OutboundRequest, parts: SplitResult, origin: Origin) -> bytes:
    """The request as bytes.  Raises Undeliverable if its method or a header is not valid."""
    if not METHOD.fullmatch(request.method):
        raise Undeliverable(
            "bad_method", _("%(method)s is not an HTTP method.", method=repr(request.method[:40]))
        )
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._[]")
    if parts.query:
        target += "?" + quote(parts.query, safe="/?%:@!$&'()*+,;=~-._[]")
    lines = [
        f"{request.method} {target} HTTP/1.1",
        f"Host: {host_header(origin)}",
    ]
    lines += [f"{name}: {value}" for name, value in check_headers(request.headers).values()]
    if request.body or request.method not in ("GET", "HEAD"):
        lines.append(f"Content-Length: {len(request.body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + request.body


def check_headers(headers: tuple[tuple[str, str], ...]) -> dict[str, tuple[str, str]]:
    """The headers to send; of two with the same name, the last one.

    Raises Undeliverable for invalid headers and for those that only Relay sets.
    """
    sent = {"accept": ("Accept", "*/*")}
    for name, value in headers:
        if not HEADER_NAME.fullmatch(name) or name.lower() in RESERVED_HEADERS:
            raise Undeliverable(
                "bad_header",
                _(
                    "%(name)s is not a header that you can set. Change it in the settings.",
                    name=repr(name[:80]),
                ),
            )
        if not HEADER_VALUE.fullmatch(value):
            raise Undeliverable(
                "bad_header",
                _(
                    "The header %(name)s contains a line break or a character that HTTP headers "
                    "do not allow. Change it in the settings.",
                    name=name,
                ),
            )
        sent[name.lower()] = (name, value.strip())
    return sent | {"accept-encoding": ("Accept-Encoding", "identity")}
