"""An endpoint that stores every request and gives the responses that a test chooses."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.network import wait_for


@dataclass(frozen=True)
class Seen:
    """One request.  ``at`` is on the monotonic clock; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    header_list: tuple[tuple[str, str], ...]
    body: bytes
    at: float

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """What to say.  ``hang_up`` closes without a word; ``delay_s`` comes before the status line."""

    status: int = 200
    body: bytes = b"ok"
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    hang_up: bool = False


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    sink: Sink

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that disconnects is expected here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    disable_nagle_algorithm = True
    server: _Server

    def _answer(self) -> None:
        sink = self.server.sink
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = sink.take(
            Seen(
                method=self.command,
                path=self.path,
                headers={name.lower(): value for name, value in self.headers.items()},
                header_list=tuple(self.headers.items()),
                body=body,
                at=time.monotonic(),
            )
        )
        if answer.delay_s:
            sink.closing.wait(answer.delay_s)
        sink.answered()
        if answer.hang_up:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if not {"content-length", "transfer-encoding"} & {name.lower() for name in answer.headers}:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

    def log_message(self, format: str, *args: Any) -> None:
        """The requests are kept, not printed."""


class Sink:
    """``sink.url`` takes everything.  Without other orders it answers 200 ``ok``.

    With ``tls`` it is an HTTPS server.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Seen] = []
        self.under_way = self.most = 0  # requests at the same time: now, and the most so far
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._plans: dict[str | None, list[Answer]] = {None: [Answer()]}
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.sink = self
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )
        self._thread.start()

    def take(self, seen: Seen) -> Answer:
        """Keep a request.  -> what to answer"""
        with self._lock:
            self.requests.append(seen)
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            path = seen.path.partition("?")[0]
            plan = self._plans.get(path) or self._plans[None]
            return plan.pop(0) if len(plan) > 1 else plan[0]

    def answered(self) -> None:
        """One request gets its answer now."""
        with self._lock:
            self.under_way -= 1

    def answer(
        self,
        status: int = 200,
        body: bytes | str | Any = b"ok",
        headers: dict[str, str] | None = None,
        delay_s: float = 0.0,
        hang_up: bool = False,
        path: str | None = None,
    ) -> None:
        """From now on answer so, on ``path`` or everywhere.  A body that is no text goes as JSON."""
        headers = dict(headers or {})
        if isinstance(body, str):
            body = body.encode()
        elif not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        self.answers([Answer(status, body, headers, delay_s, hang_up)], path)

    def answers(self, plan: Sequence[Answer], path: str | None = None) -> None:
        """Answer one after the other; the last one stays."""
        with self._lock:
            self._plans[path] = list(plan)

    def wait(self, count: int = 1, timeout_s: float = 20.0, path: str | None = None) -> list[Seen]:
        """The requests, once there are ``count`` of them (on ``path``)."""

        def enough() -> list[Seen]:
            with self._lock:
                found = [s for s in self.requests if path in (None, s.path.partition("?")[0])]
            return found if len(found) >= count else []

        return wait_for(
            enough, timeout_s, f"{count} requests at the sink, {len(self.requests)} came"
        )

    def forget(self) -> None:
        """Drop the kept requests."""
        with self._lock:
            self.requests.clear()

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
