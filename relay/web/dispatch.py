"""Runs the applications: events in the event loop's own thread, everything else in threads.

An event needs a moment of CPU and then waits for a commit, so it runs as a greenlet: while it waits, the
loop goes on, and no thread is involved.  Pages and probes may wait for the database in any
place, so they run in threads; each kind has its own, so they do not wait for each other.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TYPE_CHECKING, Any

from relay.dashboard.headers import PROBES
from relay.ingest.views import EVENT_PATH, WEBHOOKS
from relay.ingest.waiting import RequestGreenlet
from relay.observability.logging import log
from relay.web.connection import ClientConnection
from relay.web.framing import error_body
from relay.web.request import HttpRequest, environ_of

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

INGEST = "/webhooks"
BLOCK = 64 * 1024  # of a long response, sent at once
FIRST_EVENTS = 200  # that may wait for the database until the sources have been loaded
WRITE_S = 60.0  # how long a client may take to read a block
JSON = [("Content-Type", "application/json")]
NO_PAGES = (
    b'{"error": "not_found", "detail": "This process receives events only. The dashboard is on another '
    b'process: see the web process of the Procfile."}'
)


class LoopEnded(Exception):
    """The event loop does not run any more."""


class Dispatcher:
    """``ingest`` answers what begins with /webhooks, ``pages`` everything else; both are WSGI.

    ``is_ready``: whether events can be handled without waiting for anything except their commit.
    Without ``page_threads`` the process has the ingest endpoint and the probes only.
    """

    def __init__(
        self,
        ingest: WSGIApplication,
        pages: WSGIApplication,
        is_ready: Callable[[], bool],
        probe_threads: int,
        page_threads: int,
    ):
        self.ingest, self.pages, self.is_ready = ingest, pages, is_ready
        self.probe_threads = ThreadPoolExecutor(probe_threads, "probe")
        self.first_threads, self.first = ThreadPoolExecutor(8, "first"), 0
        self.page_threads = ThreadPoolExecutor(page_threads, "page") if page_threads else None
        self.loop = asyncio.get_running_loop()

    def handle(self, connection: ClientConnection, request: HttpRequest) -> None:
        """Answer a request.  Returns at once."""
        path = request.path
        environ = environ_of(request, path)
        if EVENT_PATH.fullmatch(path) or WEBHOOKS.fullmatch(path):
            self.handle_event(connection, request, environ)
        elif path.startswith(INGEST):
            self.probe_threads.submit(self.answer, self.ingest, connection, request, environ)
        elif path in PROBES:
            self.probe_threads.submit(self.answer, self.pages, connection, request, environ)
        elif self.page_threads is not None:
            self.page_threads.submit(self.answer, self.pages, connection, request, environ)
        else:
            respond(connection, request, "404 NOT FOUND", JSON, NO_PAGES)

    def handle_event(
        self, connection: ClientConnection, request: HttpRequest, environ: dict[str, Any]
    ) -> None:
        """In the loop's thread, once the sources are known.

        Before, the first events load them, in threads; beyond FIRST_EVENTS a 503 in the loop is better.
        """
        if self.is_ready() or self.first >= FIRST_EVENTS:
            RequestGreenlet(self.loop, self.answer_event).switch(connection, request, environ)
        else:
            self.first += 1
            self.first_threads.submit(self.answer_first, connection, request, environ)

    def answer_event(
        self, connection: ClientConnection, request: HttpRequest, environ: dict[str, Any]
    ) -> None:
        """In the loop's thread."""
        try:
            response = WsgiResponse(self.ingest, environ)
            body = b"".join(response.body)
            response.close()
        except Exception as exc:
            respond_error(connection, request, exc)
        else:
            respond(connection, request, response.status, response.headers, body)

    def answer_first(
        self, connection: ClientConnection, request: HttpRequest, environ: dict[str, Any]
    ) -> None:
        """In a thread: one of the first events of this process."""
        try:
            self.answer(self.ingest, connection, request, environ)
        finally:
            self.call(self.first_is_answered)

    def first_is_answered(self) -> None:
        self.first -= 1

    def answer(
        self,
        application: WSGIApplication,
        connection: ClientConnection,
        request: HttpRequest,
        environ: dict[str, Any],
    ) -> None:
        """In a thread."""
        try:
            response = WsgiResponse(application, environ)
        except Exception as exc:
            self.call(respond_error, connection, request, exc)
            return
        try:
            blocks = in_blocks(response.body)
            first = next(blocks, b"")
            second = next(blocks, None)
            if second is None:
                self.call(respond, connection, request, response.status, response.headers, first)
            else:
                self.stream(connection, request, response, chain((first, second), blocks))
        except LoopEnded:  # the process stops, and the connection has been closed
            return
        except Exception as exc:
            # The status may have been sent, so the client must see a broken response.
            log_failure(exc)
            self.call(connection.abort)
        finally:
            response.close()

    def stream(
        self,
        connection: ClientConnection,
        request: HttpRequest,
        response: WsgiResponse,
        blocks: Iterable[bytes],
    ) -> None:
        """Send a response that is longer than a block.  Waits for a client that reads slowly."""
        start = connection.start_response(request, response.status, response.headers)
        is_chunked = self.run(start)
        for block in blocks:
            if not self.run(connection.write(request, block, is_chunked)):
                return
        self.call(connection.finish_stream, request, is_chunked)

    def call(self, callback: Callable[..., object], *args: object) -> None:
        """Call in the loop, for a thread.  Raises LoopEnded."""
        try:
            self.loop.call_soon_threadsafe(callback, *args)
        except RuntimeError as exc:
            raise LoopEnded from exc

    def run(self, coroutine: Coroutine[Any, Any, bool]) -> bool:
        """Run in the loop, for a thread.  Raises LoopEnded."""
        try:
            future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        except RuntimeError as exc:
            coroutine.close()
            raise LoopEnded from exc
        return future.result(WRITE_S)

    def close(self) -> None:
        """End the threads."""
        for threads in filter(None, (self.probe_threads, self.first_threads, self.page_threads)):
            threads.shutdown(wait=False, cancel_futures=True)


class WsgiResponse:
    """Calls a WSGI application.  ``status`` and ``headers`` are known when it has been made."""

    def __init__(self, application: WSGIApplication, environ: dict[str, Any]):
        self.status, self.headers = "", list[tuple[str, str]]()
        self.body: Iterable[bytes] = application(environ, self._start)

    def _start(
        self, status: str, headers: list[tuple[str, str]], *_: Any
    ) -> Callable[[bytes], object]:
        self.status, self.headers = status, headers
        return self._write

    @staticmethod
    def _write(_: bytes) -> object:
        raise NotImplementedError("write() of PEP 3333 is not supported.")

    def close(self) -> None:
        close = getattr(self.body, "close", None)
        if close is not None:
            close()


def in_blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces, joined until they are as long as a block."""
    block: list[bytes] = []
    size = 0
    for piece in pieces:
        block.append(piece)
        size += len(piece)
        if size >= BLOCK:
            yield b"".join(block)
            block, size = [], 0
    if block:
        yield b"".join(block)


def respond(
    connection: ClientConnection,
    request: HttpRequest,
    status: str,
    headers: list[tuple[str, str]],
    body: bytes,
) -> None:
    """Send a whole response; a connection on which that fails ends."""
    try:
        connection.respond(request, status, headers, body)
    except Exception as exc:
        log_failure(exc)
        connection.abort()


def respond_error(connection: ClientConnection, request: HttpRequest, exc: BaseException) -> None:
    """500: the application failed before it had an answer."""
    log_failure(exc)
    request.keep_alive = False
    respond(connection, request, "500 INTERNAL SERVER ERROR", JSON, error_body(500))


def log_failure(exc: BaseException) -> None:
    trace = "".join(traceback.format_exception(exc))
    log("web.failed", level="error", reason=repr(exc), trace=trace)
