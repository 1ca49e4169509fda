"""One HTTP/1.1 connection.  It makes one call at a time, each with a deadline and size limits.

A short response that arrives in one piece, as most do, is parsed here; ``http.client`` parses all
others, and this module limits how much it reads and for how long.  Source: RFC 9112.
"""

from __future__ import annotations

import io
import re
import select
import socket
import time
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse, IncompleteRead, parse_headers
from typing import Any

BODY_CAP = 64 * 1024
HEAD_CAP = 64 * 1024
WIRE_CAP = 1024 * 1024  # received bytes of a body, including the chunk headers
BUFFER = 8 * 1024
PLAIN_STATUS = re.compile(rb"HTTP/1\.1 ([2-5][0-9]{2})(?: [\t\x20-\x7e]*)?")
PLAIN_HEADER = re.compile(rb"([A-Za-z0-9!#$%&'*+.^_`|~-]+):[ \t]*([\t\x20-\x7e]*)")
PLAIN_LINES = 60  # more are left to http.client
CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Deadline:
    """The time limit of a whole call, for all its reads and writes together: ``seconds`` from now.

    ``started_at`` and ``until`` are on the monotonic clock.
    """

    def __init__(self, seconds: float):
        self.started_at = time.monotonic()
        self.until = self.started_at + seconds

    def left_s(self) -> float:
        """The seconds left, always more than 0.  Raises TimeoutError after the deadline."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline of this call has passed")
        return left


class NothingSent(ConnectionError):
    """The connection closed before the first byte was sent.  The request can be sent again safely."""


@dataclass(frozen=True)
class HttpResponse:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes  # at most as long as the cap


class BoundedSocket(io.RawIOBase):
    """A readable stream over a socket, with a deadline and a maximum of bytes (``allowance``)."""

    def __init__(self, sock: socket.socket, deadline: Deadline):
        self.sock, self.deadline = sock, deadline
        self.allowance = HEAD_CAP + BUFFER
        self.first = b""  # what was read and is read again

    def read_first(self) -> bytes:
        """What arrives first.  The stream then begins with it."""
        self.sock.settimeout(self.deadline.left_s())
        self.first = self.sock.recv(BUFFER)
        self.allowance -= len(self.first)
        return self.first

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.first:
            count = min(len(buffer), len(self.first))
            buffer[:count] = self.first[:count]
            self.first = self.first[count:]
            return count
        self.sock.settimeout(self.deadline.left_s())
        count = self.sock.recv_into(buffer)
        self.allowance -= count
        if self.allowance < 0:
            raise HTTPException("the response is too large")
        return count

    def makefile(self, *_: Any) -> io.BufferedReader:
        """For ``HTTPResponse``.  Closing the result leaves the socket open."""
        return io.BufferedReader(self, BUFFER)


class FinalResponse(HTTPResponse):
    """Skips every interim response, such as 103 Early Hints; the base class skips only 100."""

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 100 < status < 200:
                return version, status, reason
            parse_headers(self.fp)


class Connection:
    """A connected socket.  Only one thread at a time can use it."""

    def __init__(self, sock: socket.socket, origin: Any):
        self.sock, self.origin = sock, origin
        self.opened_at = self.idle_since = time.monotonic()
        self.reusable = False

    def exchange(
        self, method: str, request: bytes, deadline: Deadline, cap: int = BODY_CAP
    ) -> HttpResponse:
        """Send ``request`` and read the response, with at most ``cap`` bytes of its body.

        Raises NothingSent, TimeoutError, other OSErrors, HTTPException, ValueError.
        """
        self.reusable = False
        sent_all = self.send(request, deadline)
        wire = BoundedSocket(self.sock, deadline)
        plain = plain_response(wire.read_first(), cap) if method != "HEAD" else None
        if plain is not None:
            found, closes = plain
            self.reusable = sent_all and not closes
            return found
        response = FinalResponse(wire, method=method)  # type: ignore[arg-type]
        try:
            response.begin()
            wire.allowance = max(WIRE_CAP, 2 * cap)
            body = response.read(cap + 1)
            cut = len(body) > cap
            if response.length and not cut:
                raise IncompleteRead(body, response.length)
            ended = response.isclosed() and not cut
            self.reusable = sent_all and ended and not response.will_close
        finally:
            response.close()
        headers = tuple((clean(name), clean(value)) for name, value in response.headers.items())
        return HttpResponse(response.status, headers, body[:cap])

    def send(self, request: bytes, deadline: Deadline) -> bool:
        """Send the request.  -> whether all of it was sent

        A server may respond and close before it has read everything.  That is not an error here:
        its response may be ready to read.
        """
        view, sent = memoryview(request), 0
        try:
            while sent < len(request):
                self.sock.settimeout(deadline.left_s())
                sent += self.sock.send(view[sent:])
        except ConnectionError as exc:
            if not sent:
                raise NothingSent(str(exc)) from exc
        return sent == len(request)

    def is_silent(self) -> bool:
        """Whether the server has sent nothing since its last response and has not closed."""
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        self.sock.close()


def plain_response(data: bytes, cap: int) -> tuple[HttpResponse, bool] | None:
    """A complete response of a length that it declares once, and whether the server closes after it.

    None for anything else, such as another transfer coding, an interim response, a part of a response
    or more than one, and a status that has no body.
    """
    head, found, body = data.partition(b"\r\n\r\n")
    if not found or len(body) > cap:
        return None
    first, *lines = head.split(b"\r\n")
    status = PLAIN_STATUS.fullmatch(first)
    if status is None or status[1] in (b"204", b"205", b"304") or len(lines) > PLAIN_LINES:
        return None
    length, closes = None, False
    headers = []
    for line in lines:
        parts = PLAIN_HEADER.fullmatch(line)
        if parts is None:
            return None
        name, value = parts[1].decode("ascii"), parts[2].decode("ascii")
        headers.append((name, value))
        lower = name.lower()
        if lower == "content-length":
            if length is not None or value != str(len(body)):
                return None
            length = len(body)
        elif lower == "transfer-encoding":
            return None
        elif lower == "connection":
            closes = closes or "keep-alive" not in value.lower()
    if length is None:
        return None
    return HttpResponse(int(status[1]), tuple(headers), body), closes


def clean(text: str) -> str:
    """A header's text without control characters, which not every database can store."""
    return CONTROLS.sub("\ufffd", text)
