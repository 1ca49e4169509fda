"""The one guarded way out: every outbound call of Relay passes here.

A name is looked up once a connection, every answer is checked, and the connection is made to the
checked address itself; no proxies from the environment, no redirects, certificates always verified,
the whole call under one deadline, the answer cut at 64 KiB.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from relay.destinations import addresses
from relay.destinations.base import OutboundRequest
from relay.destinations.deadline import Ticket, Watch
from relay.destinations.reply import Reply
from relay.errors import RelayError, Undeliverable

CONNECT_S = 5.0
BODY_CAP = 64 * 1024
OURS = frozenset({"host", "content-length", "transfer-encoding", "connection"})
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}")
Resolver = Callable[..., list[Any]]


class CallFailed(RelayError):
    """No HTTP answer.  ``code`` as in Reply.error."""

    def __init__(self, code: str, sentence: str, permanent: bool = False):
        self.code, self.permanent = code, permanent
        super().__init__(sentence)


current = threading.local()  # .ticket: the call that this thread is making


class Guarded:
    """What both connections share: look up, check all, connect to the checked one."""

    allowed: tuple[addresses.Network, ...] = ()
    resolver: Resolver = staticmethod(socket.getaddrinfo)
    host: str
    port: int

    def _new_conn(self) -> socket.socket:
        found = self._look_up()
        for _family, _type, _proto, _name, where in found:
            try:
                addresses.check_address(str(where[0]), self.allowed)
                self._check_plain(str(where[0]))
            except Undeliverable as exc:
                raise CallFailed(exc.code, str(exc), permanent=True) from exc
        refusal: OSError = OSError("no address")
        for family, kind, proto, _name, where in found[:4]:
            sock = socket.socket(family, kind, proto)
            try:
                sock.settimeout(min(CONNECT_S, current.ticket.left()))
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.connect(where)
                addresses.check_address(str(sock.getpeername()[0]), self.allowed)
                sock.settimeout(current.ticket.left())
                return sock
            except OSError as exc:
                sock.close()
                refusal = exc
        raise self._cannot_connect(refusal) from refusal

    def _look_up(self) -> list[Any]:
        try:
            return self.resolver(self.host, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as exc:
            raise CallFailed(
                "dns_failed",
                f"The name {self.host} could not be looked up. Check the address for a typing mistake; "
                "if it is right, the name service has trouble and Relay tries again.",
            ) from exc

    def _check_plain(self, address: str) -> None:
        """Without TLS only into networks that the operator opened."""
        if isinstance(self, HTTPSConnection):
            return
        if not addresses.is_allowed(ipaddress.ip_address(address.split("%", 1)[0]), self.allowed):
            raise addresses.blocked(
                "The address must start with https://, so that nobody can listen in."
            )

    def _cannot_connect(self, exc: OSError) -> CallFailed:
        where = f"{self.host}:{self.port}"
        if isinstance(exc, TimeoutError):
            return CallFailed(
                "connect_timeout",
                f"{where} did not take the connection within {CONNECT_S:.0f} s. "
                "The destination's server is down or unreachable; Relay tries again.",
            )
        if isinstance(exc, ConnectionRefusedError):
            return CallFailed(
                "connection_refused",
                f"{where} refused the connection: nothing listens there now. "
                "That is on the destination's side; Relay tries again.",
            )
        return CallFailed(
            "unreachable",
            f"{where} cannot be reached ({exc.strerror or exc}). Relay tries again.",
        )

    def request(self, *args: Any, **kw: Any) -> None:
        current.ticket.connection = self
        super().request(*args, **kw)  # type: ignore[misc]
        current.ticket.sock = self.sock  # type: ignore[attr-defined]


class Adapter(HTTPAdapter):
    """requests' adapter whose pools make guarded connections."""

    def __init__(self, plain: type[HTTPConnectionPool], tls: type[HTTPSConnectionPool], size: int):
        self.pools = {"http": plain, "https": tls}
        super().__init__(pool_connections=50, pool_maxsize=size, pool_block=False, max_retries=0)

    def init_poolmanager(self, *args: Any, **kw: Any) -> None:
        super().init_poolmanager(*args, **kw)
        self.poolmanager.pool_classes_by_scheme = self.pools


class Transport:
    """Sends requests.  Safe to share between threads; connections are kept alive between calls.

    ``allowed_networks`` are private networks that the operator opened, ``ca_file`` a bundle with
    an operator's own authority, ``resolver`` stands in for ``socket.getaddrinfo``.
    """

    def __init__(
        self,
        allowed_networks: tuple[addresses.Network, ...] = (),
        ca_file: str | None = None,
        resolver: Resolver | None = None,
        pool_size: int = 64,
    ):
        shared = {
            "allowed": tuple(allowed_networks),
            "resolver": staticmethod(resolver or socket.getaddrinfo),
        }
        plain = type("GuardedHTTP", (Guarded, HTTPConnection), shared)
        tls = type("GuardedHTTPS", (Guarded, HTTPSConnection), shared)
        self.allowed = tuple(allowed_networks)
        self.verify: str | bool = ca_file or True
        self.watch = Watch()
        self.adapter = Adapter(
            type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            type("TlsPool", (HTTPSConnectionPool,), {"ConnectionCls": tls}),
            pool_size,
        )

    def send(self, request: OutboundRequest) -> Reply:
        """Make one call.  Never raises for trouble on the way: see ``Reply.error``."""
        ticket = self.watch.begin(request.timeout_s)
        current.ticket = ticket
        began = ticket.until - request.timeout_s
        try:
            addresses.check_url(request.url, self.allowed)
            status, headers, body = self._exchange(request, ticket)
            if ticket.expired:
                raise TimeoutError
            return Reply(status, headers, body, elapsed(began))
        except Undeliverable as exc:
            return Reply(
                error=exc.code, sentence=str(exc), permanent=True, elapsed_ms=elapsed(began)
            )
        except Exception as exc:
            failed = explain(exc, ticket, request)
            return Reply(
                error=failed.code,
                sentence=str(failed),
                permanent=failed.permanent,
                elapsed_ms=elapsed(began),
            )
        finally:
            ticket.finish()

    def _exchange(
        self, request: OutboundRequest, ticket: Ticket
    ) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
        prepared = requests.PreparedRequest()
        prepared.prepare(method=request.method, url=request.url, headers=checked(request.headers))
        prepared.body = request.body
        prepared.headers["Content-Length"] = str(len(request.body))
        answer = self.adapter.send(
            prepared, stream=True, timeout=(CONNECT_S, ticket.left()), verify=self.verify
        )
        raw = answer.raw
        body = b""
        try:
            # until an empty piece: only then does the library notice a body that broke off
            while len(body) <= BODY_CAP:
                piece = raw.read(BODY_CAP + 1 - len(body), decode_content=False)
                if not piece:
                    break
                body += piece
        except BaseException:
            raw.close()
            raise
        if len(body) > BODY_CAP:
            raw.close()  # more would come: do not reuse this connection
        else:
            raw.release_conn()
        headers = tuple((str(name), str(value)) for name, value in raw.headers.items())
        return answer.status_code, headers, body[:BODY_CAP]


def elapsed(began: float) -> float:
    return (time.monotonic() - began) * 1000


def checked(headers: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """The headers to send.  Raises Undeliverable for what could smuggle a second one in."""
    sent = {"Accept": "*/*", "Accept-Encoding": "identity"}
    for name, value in headers:
        if not HEADER_NAME.fullmatch(name) or name.lower() in OURS:
            raise Undeliverable(
                "bad_header",
                f"{name[:80]!r} is not a header that can be set. Change it in the settings.",
            )
        if re.search(r"[\r\n\x00]", value) or not value.isprintable() or not _latin1(value):
            raise Undeliverable(
                "bad_header",
                f"The header {name} holds a line break or a sign that headers cannot carry.",
            )
        sent[name] = value.strip()
    return sent


def _latin1(text: str) -> bool:
    return all(ord(sign) < 256 for sign in text)


def explain(exc: BaseException, ticket: Ticket, request: OutboundRequest) -> CallFailed:
    """What went wrong, in a sentence."""
    if ticket.expired or isinstance(exc, requests.Timeout | TimeoutError):
        return CallFailed(
            "timeout",
            f"The destination did not answer within {request.timeout_s:.0f} s. "
            "It may still have taken the message; Relay tries again with the same key.",
        )
    if isinstance(exc, CallFailed):
        return exc
    if isinstance(exc, requests.exceptions.SSLError | ssl.SSLError):
        return tls_trouble(str(exc))
    if isinstance(exc, requests.exceptions.InvalidURL | UnicodeError):
        return CallFailed(
            "bad_url", "The destination's address is broken. Check it.", permanent=True
        )
    if "header" in str(exc).lower() or "BadStatusLine" in repr(exc) or "LineTooLong" in repr(exc):
        return CallFailed(
            "bad_answer",
            "The destination answered with something that is not proper HTTP. "
            "That is on the destination's side; Relay tries again.",
        )
    return CallFailed(
        "connection_lost",
        "The connection broke before the destination had answered. "
        "It may still have taken the message; Relay tries again with the same key.",
    )


def tls_trouble(text: str) -> CallFailed:
    """Each cause of a failed handshake by its name."""
    for mark, code, sentence in (
        ("has expired", "tls_expired", "has expired"),
        ("not yet valid", "tls_not_yet_valid", "is not valid yet"),
        ("ostname mismatch", "tls_wrong_host", "is for another name"),
        ("IP address mismatch", "tls_wrong_host", "is for another name"),
        ("self-signed", "tls_self_signed", "is self-signed, so nobody vouches for it"),
        ("self signed", "tls_self_signed", "is self-signed, so nobody vouches for it"),
        ("unable to get local issuer", "tls_unknown_issuer", "comes from an unknown authority"),
    ):
        if mark in text:
            return CallFailed(
                code,
                f"The destination's certificate {sentence}, so nothing was sent. "
                "Whoever runs the destination has to renew it; Relay tries again.",
            )
    return CallFailed(
        "tls_failed",
        "A secure connection (TLS 1.2 or newer) could not be agreed on, so nothing was sent. "
        "That is on the destination's side; Relay tries again.",
    )
