"""The connection of one client: reads requests, writes responses.

Errors below the application are JSON as in the API.  After an error the connection closes so that
the client can still read it.  Everything here runs in the thread of the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Sequence
from email.utils import formatdate
from http import HTTPStatus
from typing import Protocol, cast

import httptools

from relay.web.framing import error_body
from relay.web.head import (
    INCOMPLETE,
    MAX_HEADER_BYTES,
    MAX_HEADERS,
    NOT_HTTP,
    Headers,
    parser_sentence,
    problem,
    target_of,
)
from relay.web.request import HttpRequest

# From the connection, or the first byte of a later request, to the end of its headers.
HEAD_S = 10.0
WHOLE_REQUEST_S = 20.0  # from the first byte of a request to its last; a slow client gets no more
IDLE_S = 30.0  # between two requests
LINGER_S = 5.0
# While the process stops, a connection that was used a moment ago is kept this long: its next request
# may be in transit, and a client cannot know whether a request without a response was handled.
PARTING_S = 1.0
STALL_S = 30.0  # how long a client may read nothing while a response waits for it
BUFFER = 1024 * 1024  # bytes of responses that wait for a slow client, before a thread waits
HEAD_MARGIN = 64 * 1024
WITH_BODY = ("POST", "PUT", "PATCH")
QUEUED_REQUESTS = 8  # of one connection; a client that sends more waits


class Owner(Protocol):
    """What a connection needs of the object that accepted it.

    ``max_body_bytes`` is the largest body that is read, ``kept_body_bytes`` how much of it is kept.
    """

    max_body_bytes: int
    kept_body_bytes: int

    def handle(self, connection: ClientConnection, request: HttpRequest) -> None:
        """Answer a complete request."""

    def forget(self, connection: ClientConnection) -> None:
        """The connection is closed."""


class StopParsing(Exception):
    """Raised in a callback of the parser: nothing after this byte is read as a request."""


class ClientConnection(asyncio.Protocol):
    """``requests`` are complete and wait for their response, the first one is being handled."""

    transport: asyncio.Transport

    def __init__(self, owner: Owner, group: str):
        self.owner, self.group = owner, group
        self.parser = httptools.HttpRequestParser(self)
        self.requests: deque[HttpRequest] = deque()
        self.reading: HttpRequest | None = None
        self.has_answered = False
        # The first refusal: status and sentence.  Nothing is parsed after it.
        self.refusal: tuple[int, str] | None = None
        self.is_last = False  # no request is read after the one that is handled
        self.is_parting = False  # the next request is the last one
        self.lingers_until = 0.0
        self.client = self.server = ("", 0)
        self.request_bytes = self.trailer_bytes = 0  # of the request that is read
        self.writable: asyncio.Event | None = None
        self.unread, self.stalled_at = 0, time.monotonic()
        self.is_answering = False  # whether a request is with the applications
        self.changed_at = time.monotonic()  # when the connection was last used
        self.began_at = self.changed_at  # when the request that is read began
        self.in_head = self.in_request = False
        self.url = b""
        self.headers: Headers = []
        self.opened = False

    # ---- the transport ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=BUFFER)
        self.opened = True
        peer = transport.get_extra_info("peername")
        here = transport.get_extra_info("sockname")
        self.client = (str(peer[0]), peer[1]) if isinstance(peer, tuple) else ("", 0)
        self.server = (str(here[0]), here[1]) if isinstance(here, tuple) else ("", 0)

    def connection_lost(self, exc: Exception | None) -> None:
        self.owner.forget(self)
        if self.writable is not None:
            self.writable.set()

    def data_received(self, data: bytes) -> None:
        self.changed_at = time.monotonic()
        if self.refusal is not None or self.is_last:
            return  # what follows is never read as a request
        if not self.in_request:
            self.begin()
        self.request_bytes += len(data)
        self.parse(data)
        if self.in_head and self.request_bytes > MAX_HEADER_BYTES:
            self.refuse(431)
        elif self.in_request and self.request_bytes > 2 * self.owner.max_body_bytes + HEAD_MARGIN:
            self.refuse(413)  # chunks of a byte each, or endless trailers

    def parse(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except StopParsing:
            pass
        except httptools.HttpParserUpgrade as exc:
            self.parse_without_upgrade(data[exc.args[0] :])
        except httptools.HttpParserCallbackError as exc:
            if not isinstance(exc.__context__, StopParsing):
                raise
        except httptools.HttpParserError as exc:
            self.refuse(400, parser_sentence(exc))

    def parse_without_upgrade(self, rest: bytes) -> None:
        """Read a request again that asks for another protocol: a server may ignore that.

        The parser stops after such headers.  ``rest`` is what follows them.
        Source: https://www.rfc-editor.org/rfc/rfc9110#section-7.8
        """
        lines = [b"%b %b HTTP/1.1" % (self.parser.get_method(), self.url)]
        lines += [
            b"%b: %b" % (name, value)
            for name, value in self.headers
            if name not in (b"upgrade", b"connection", b"http2-settings")
        ]
        self.parser = httptools.HttpRequestParser(self)
        self.in_head, self.url, self.headers = True, b"", []
        self.parse(b"\r\n".join([*lines, b"Connection: close", b"", b""]) + rest)

    def eof_received(self) -> bool:
        """-> whether the connection stays open, because a response is still to be sent."""
        if self.lingers_until:
            return False
        if self.in_request and not self.is_last:
            self.refuse(400, INCOMPLETE)
        self.is_last = True
        return bool(self.requests) or self.refusal is not None

    def pause_writing(self) -> None:
        self.writable = asyncio.Event()

    def resume_writing(self) -> None:
        if self.writable is not None:
            self.writable.set()
            self.writable = None
            if self.requests and not self.is_answering:
                self.handle_next()

    # ---- the parser ------------------------------------------------------------------------------

    def begin(self) -> None:
        self.in_request = self.in_head = True
        self.began_at = self.changed_at
        self.request_bytes = self.trailer_bytes = 0
        self.url, self.headers = b"", []

    def on_message_begin(self) -> None:
        if self.is_last or self.refusal is not None:
            raise StopParsing
        if not self.in_request:  # a second request in the same piece of data
            self.begin()

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.in_head:
            self.headers.append((name.lower(), value))
            return
        # A trailer: never a header.  Source: https://www.rfc-editor.org/rfc/rfc9110#section-6.5.1
        self.trailer_bytes += len(name) + len(value) + 4
        if self.trailer_bytes > MAX_HEADER_BYTES:
            self.stop(431)

    def on_headers_complete(self) -> None:
        self.in_head = False
        headers, version = self.headers, self.parser.get_http_version()
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in headers)
        if len(headers) > MAX_HEADERS or size > MAX_HEADER_BYTES:
            self.stop(431)
        if sentence := problem(version, headers):
            self.stop(400, sentence)
        target, sentence = target_of(self.url, headers)
        if sentence:
            self.stop(400, sentence)
        method = self.parser.get_method().decode("ascii")
        if self.parser.should_upgrade():
            return  # it is read again: see parse_without_upgrade
        request = HttpRequest(
            method,
            target,
            version,
            headers,
            self.client,
            self.server,
            self.parser.should_keep_alive(),
        )
        length, is_chunked, expects_continue = None, False, False
        for name, value in headers:
            if name == b"content-length":
                length = int(value)
            elif name == b"transfer-encoding":
                is_chunked = True
            elif name == b"expect":
                expects_continue = value.lower() == b"100-continue"
        if length is None and not is_chunked and method in WITH_BODY:
            # What follows may be a body without a length, so it is never read as a request.
            request.keep_alive = False
        self.reading = request
        if length is not None and length > self.owner.max_body_bytes:
            self.stop(413)
        waits = expects_continue and (length or is_chunked) and not self.requests
        if waits and version != "1.0":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        request = self.reading
        assert request is not None
        request.size += len(body)
        if request.size > self.owner.max_body_bytes:
            self.stop(413)
        room = self.owner.kept_body_bytes - request.size + len(body)
        if room > 0:
            request.body.append(body if len(body) <= room else body[:room])

    def on_message_complete(self) -> None:
        request, self.reading = self.reading, None
        if request is None:  # refused, or read again without its Upgrade header
            return
        self.in_request = False
        self.is_last = self.is_parting or not request.keep_alive
        self.requests.append(request)
        if len(self.requests) == 1:
            self.is_answering = True
            self.owner.handle(self, request)
        elif len(self.requests) >= QUEUED_REQUESTS:
            self.transport.pause_reading()

    def stop(self, status: int, sentence: str = "") -> None:
        """Refuse the request that is parsed.  Raises StopParsing."""
        self.refuse(status, sentence)
        raise StopParsing

    # ---- responses -------------------------------------------------------------------------------

    def refuse(self, status: int, sentence: str = "") -> None:
        """Refuse an incomplete or invalid request, after the responses to those before it."""
        if self.refusal is not None:
            return
        self.refusal, self.reading = (status, sentence), None
        if not self.requests:
            self.end_with_refusal()

    def end_with_refusal(self) -> None:
        """Bytes that are no request, or an incomplete one, get an answer only as the first on a connection:
        after another request they may be the rest of a body that was longer than declared.
        """
        assert self.refusal is not None
        status, sentence = self.refusal
        if self.has_answered and sentence in (INCOMPLETE, NOT_HTTP, ""):
            self.transport.close()
            return
        self.transport.write(refusal_bytes(status, sentence))
        self.linger()

    def linger(self) -> None:
        """After an error, read on for a moment.

        Closing a socket with unread bytes resets the connection, and the client could not read the
        response.
        """
        self.lingers_until = time.monotonic() + LINGER_S
        with contextlib.suppress(OSError, RuntimeError):
            self.transport.write_eof()

    def respond(
        self, request: HttpRequest, status: str, headers: Sequence[tuple[str, str]], body: bytes
    ) -> None:
        """Send a whole response.  ``status`` is such as ``200 OK``."""
        head, _ = self.head_of(request, status, headers, len(body))
        self.transport.write(head if request.method == "HEAD" else head + body)
        self.finish(request)

    async def start_response(
        self, request: HttpRequest, status: str, headers: Sequence[tuple[str, str]]
    ) -> bool:
        """Send the status and the headers.  -> whether the body must be sent in chunks."""
        head, is_chunked = self.head_of(request, status, headers, None)
        self.transport.write(head)
        return is_chunked

    def head_of(
        self,
        request: HttpRequest,
        status: str,
        headers: Sequence[tuple[str, str]],
        length: int | None,
    ) -> tuple[bytes, bool]:
        """-> the status and headers as bytes, and whether the body must be sent in chunks

        ``length`` is that of the body, None if it is not known yet.
        """
        if request.keep_alive and (self.refusal is not None or self.is_last):
            request.keep_alive = False
        lines = [f"HTTP/1.1 {status}"]
        names = set()
        for name, value in headers:
            names.add(name.lower())
            lines.append(f"{name}: {value}")
        is_chunked = False
        if "content-length" not in names and not status.startswith(("204", "304", "1")):
            if length is not None:
                lines.append(f"Content-Length: {length}")
            elif request.version == "1.1":
                is_chunked = True
                lines.append("Transfer-Encoding: chunked")
            else:
                request.keep_alive = False
        if "date" not in names:
            lines.append(date_line(int(time.time())))
        if not request.keep_alive:
            lines.append("Connection: close")
        elif request.version == "1.0":
            lines.append("Connection: keep-alive")
        return "\r\n".join([*lines, "", ""]).encode("latin-1"), is_chunked

    async def write(self, request: HttpRequest, block: bytes, is_chunked: bool) -> bool:
        """Send a part of the body; returns when the client can take more.  -> False if it has gone"""
        if self.transport.is_closing():
            return False
        if request.method != "HEAD" and block:
            self.transport.write(b"%x\r\n%b\r\n" % (len(block), block) if is_chunked else block)
        if self.writable is not None:
            await self.writable.wait()
        return True

    def finish_stream(self, request: HttpRequest, is_chunked: bool) -> None:
        """All parts of the body have been sent."""
        if is_chunked and request.method != "HEAD" and not self.transport.is_closing():
            self.transport.write(b"0\r\n\r\n")
        self.finish(request)

    def finish(self, request: HttpRequest) -> None:
        """The response to ``request`` has been written: handle the next one, or close."""
        if not self.requests or self.requests[0] is not request:
            return  # the connection was closed meanwhile
        self.requests.popleft()
        self.is_answering = False
        self.has_answered = True
        self.changed_at = time.monotonic()
        if self.transport.is_closing():
            return
        if not request.keep_alive and not self.requests and self.refusal is None:
            self.linger() if self.in_request else self.transport.close()
        elif self.requests:
            # In a turn of its own: responses that are ready at once must not nest.
            asyncio.get_running_loop().call_soon(self.handle_next)
        elif self.refusal is not None:
            self.end_with_refusal()

    def handle_next(self) -> None:
        """Handle the first waiting request, when the client has read most of the responses before it."""
        if not self.requests or self.transport.is_closing() or self.writable is not None:
            return
        if len(self.requests) < QUEUED_REQUESTS:
            self.transport.resume_reading()
        self.is_answering = True
        self.owner.handle(self, self.requests[0])

    def abort(self) -> None:
        """The response cannot be completed."""
        self.transport.abort()

    # ---- time limits -----------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Called about once a second.  Close a connection that lingers, is idle or sends too slowly."""
        unread = self.transport.get_write_buffer_size()
        if not unread or unread != self.unread:
            self.unread, self.stalled_at = unread, now
        if now - self.stalled_at > (LINGER_S if self.transport.is_closing() else STALL_S):
            self.transport.abort()
        elif self.transport.is_closing() or (unread and not self.lingers_until):
            return
        elif self.lingers_until:
            if now > self.lingers_until:
                self.transport.close()
        elif self.requests:
            return
        elif self.in_request or not self.has_answered:
            limit_s = HEAD_S if self.in_head or not self.in_request else WHOLE_REQUEST_S
            if now - self.began_at > limit_s:
                self.refuse(408)
        elif now - self.changed_at > IDLE_S:
            self.transport.close()

    def is_idle(self) -> bool:
        """Whether it can be closed for a newer connection: no request is being answered."""
        return not self.requests or self.transport.is_closing()

    def is_busy(self) -> bool:
        """Whether a request is in progress or partly received, or a response partly sent."""
        if self.lingers_until or self.transport.is_closing():
            return self.transport.get_write_buffer_size() > 0
        return bool(self.requests or self.in_request)

    def close_when_done(self, now: float) -> bool:
        """Read at most one more request; close if none is in progress or expected.  -> is it still open?"""
        self.is_parting = True
        if self.is_busy():
            self.is_last = self.is_last or not self.in_request
            return True
        if now - self.changed_at < PARTING_S and not (self.is_last or self.transport.is_closing()):
            return True
        self.transport.close()
        return False


def refusal_bytes(status: int, sentence: str = "") -> bytes:
    """The whole response to a request that the application does not see."""
    body = error_body(status, sentence)
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{date_line(int(time.time()))}\r\nConnection: close\r\n\r\n"
    )
    return head.encode("latin-1") + body


_date: tuple[int, str] = (0, "")


def date_line(now: int) -> str:
    """The Date header, formatted once a second."""
    global _date
    if _date[0] != now:
        _date = (now, f"Date: {formatdate(now, usegmt=True)}")
    return _date[1]
