"""``/metrics`` on RELAY_METRICS_PORT, for a host without a web process, and who may read it.

One process of the host listens; when it ends, another one takes over.  The counters are those of all
processes of the host.
"""

from __future__ import annotations

import errno
import hmac
import ipaddress
import os
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from config import Config
from relay.observability.exposition import CONTENT_TYPE_LATEST, build_info, exposition
from relay.observability.logging import log

TRY_AGAIN_S = 5.0
FORWARDING_HEADERS = ("X-Forwarded-For", "Forwarded", "X-Real-Ip")
FORBIDDEN = (
    "Metrics are open to requests from the same host. From elsewhere, send "
    "Authorization: Bearer with the value of RELAY_METRICS_TOKEN."
)


def may_read(
    header: Callable[[str], str | None], address: str, token: str | None, behind_proxy: bool
) -> bool:
    """Whether a request has the token or comes from this host, and not through an unknown proxy.

    ``header`` gives the value of a header by its name in any case.
    """
    scheme, _, sent = (header("Authorization") or "").partition(" ")
    if token and scheme.lower() == "bearer":
        return hmac.compare_digest(sent.strip().encode(), token.encode())
    if not behind_proxy and any(header(name) is not None for name in FORWARDING_HEADERS):
        return False
    return is_loopback(address)


def is_loopback(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return (getattr(parsed, "ipv4_mapped", None) or parsed).is_loopback


class MetricsServer(threading.Thread):
    """Serves the counters of this host at ``http://host:port/metrics``."""

    def __init__(self, host: str, port: int, token: str | None, version: str):
        super().__init__(name="metrics", daemon=True)
        self.host, self.port, self.token, self.version = host, port, token, version
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.is_set():
            try:
                server = self._listen()
            except OSError as exc:
                if exc.errno != errno.EADDRINUSE:  # else another process of this host listens
                    log("metrics.cannot_listen", level="warning", reason=str(exc), port=self.port)
                self.stopped.wait(TRY_AGAIN_S)
                continue
            log("metrics.listening", host=self.host, port=self.port)
            server.serve_forever()

    def _listen(self) -> ThreadingHTTPServer:
        token, version = self.token, self.version

        class Handler(BaseHTTPRequestHandler):
            timeout = 5

            def do_GET(self) -> None:  # noqa: N802 - the library's name
                if self.path.partition("?")[0] != "/metrics":
                    return self.answer(404, b"Not found\n", "text/plain")
                if not may_read(self.headers.get, self.client_address[0], token, False):
                    return self.answer(403, FORBIDDEN.encode() + b"\n", "text/plain")
                text = exposition([build_info(version)])
                return self.answer(200, text, CONTENT_TYPE_LATEST)

            def answer(self, status: int, body: bytes, content_type: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Cache-Control", "no-store")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Scrapes are no events."""

        class Server(ThreadingHTTPServer):
            address_family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
            daemon_threads = True

        return Server((self.host, self.port), Handler)


def serve_metrics(config: Config, version: str) -> None:
    """Start it if RELAY_METRICS_PORT is set."""
    if config.metrics_port:
        host = os.environ.get("HOST") or "127.0.0.1"
        MetricsServer(host, config.metrics_port, config.metrics_token, version).start()
