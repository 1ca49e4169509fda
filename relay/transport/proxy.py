"""An outbound HTTP proxy: it opens a tunnel to an address that Relay has resolved and checked.

Relay asks for an IP address and makes the TLS handshake through the tunnel, for the name of the
destination.  So the proxy can neither choose another address nor read the call.
Source: RFC 9110, section 9.3.6 (CONNECT) and section 11.7 (Proxy-Authorization).
"""

from __future__ import annotations

import base64
import re
import socket
import time
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from relay.i18n import N_, _
from relay.transport.errors import CallFailed

MAX_HEAD = 16 * 1024
STATUS_LINE = re.compile(rb"HTTP/1\.[0-9] ([0-9]{3})(?: [^\r\n]*)?\r\n")
OPERATOR = N_("The operator of this Relay must check RELAY_OUTBOUND_PROXY; Relay retries.")
REFUSED = {
    403: N_(
        "The outbound proxy %(proxy)s does not allow connections to this address (%(status)s)."
    ),
    405: N_("The outbound proxy %(proxy)s does not open tunnels (CONNECT) (%(status)s)."),
    407: N_("The outbound proxy %(proxy)s does not accept its user and password (%(status)s)."),
}


@dataclass(frozen=True)
class Proxy:
    """``authorization`` is the value of Proxy-Authorization, or empty."""

    host: str
    port: int
    authorization: str = field(default="", repr=False)
    NO_CONNECTION: ClassVar[str] = "proxy_no_connection"  # it cannot reach that address

    @classmethod
    def of(cls, url: str) -> Proxy | None:
        """From a checked URL such as ``http://user:password@proxy.example:3128``; None if empty."""
        if not url:
            return None
        parts = urlsplit(url)
        assert parts.hostname is not None and parts.port is not None
        login = ""
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            login = "Basic " + base64.b64encode(pair.encode()).decode()
        return cls(parts.hostname, parts.port, login)

    def _sentence(self, text: str, **said: object) -> str:
        happened = _(text, proxy=f"{self.host}:{self.port}", **said)
        return f"{happened} {_(OPERATOR)}"

    def unreachable(self) -> CallFailed:
        return CallFailed(
            "proxy_unreachable",
            self._sentence(
                N_("The outbound proxy %(proxy)s cannot be reached, so nothing was sent.")
            ),
        )

    def open_tunnel(self, sock: socket.socket, address: str, port: int, until: float) -> None:
        """Ask for a tunnel to ``address``.  ``until`` is on the monotonic clock.  Raises CallFailed."""
        authority = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
        if self.authorization:
            lines.append(f"Proxy-Authorization: {self.authorization}")
        try:
            sock.settimeout(max(until - time.monotonic(), 0.001))
            sock.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
            status = read_status(sock, until)
        except (OSError, ValueError) as exc:
            raise CallFailed(
                self.NO_CONNECTION,
                self._sentence(N_("The outbound proxy %(proxy)s gave no valid answer.")),
            ) from exc
        if 200 <= status < 300:
            return
        if status in REFUSED:
            raise CallFailed(
                "proxy_refused",
                self._sentence(REFUSED[status], status=status),
            )
        raise CallFailed(
            self.NO_CONNECTION,
            _(
                "The outbound proxy %(proxy)s could not connect to the destination "
                "(%(status)s). The destination is down, or the proxy blocks it; Relay "
                "retries.",
                proxy=f"{self.host}:{self.port}",
                status=status,
            ),
        )


def read_status(sock: socket.socket, until: float) -> int:
    """The status of the proxy's answer; everything after its head belongs to the tunnel.

    Raises ValueError if it is not HTTP, and OSError.
    """
    while True:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            sock.settimeout(max(until - time.monotonic(), 0.001))
            byte = sock.recv(1)  # a larger read could take bytes of the tunnel
            if not byte or len(head) >= MAX_HEAD:
                raise ValueError("the answer ends in its head, or is too long")
            head += byte
        found = STATUS_LINE.match(head)
        if found is None:
            raise ValueError("this is not HTTP")
        if not 100 <= int(found[1]) < 200:
            return int(found[1])
