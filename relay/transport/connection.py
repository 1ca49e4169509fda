"""One HTTP/1.1 connection: calls one after the other, each under its deadline and its size caps.

Source: RFC 9112.  Parsing is ``http.client``'s; what it may read, and for how long, is decided here.
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
WIRE_CAP = 1024 * 1024  # a body's bytes on the wire, with the frames of its chunks
BUFFER = 8 * 1024
CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Deadline:
    """The time limit of a whole call, ``seconds`` from now, however many reads and writes it takes.

    ``began`` and ``until`` are on the monotonic clock.
    """

    def __init__(self, seconds: float):
        self.began = time.monotonic()
        self.until = self.began + seconds

    def left_s(self) -> float:
        """Seconds left, more than 0.  Raises TimeoutError once the time is up."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time for this call is up")
        return left

    def elapsed_ms(self) -> float:
        return (time.monotonic() - self.began) * 1000


class NothingSent(ConnectionError):
    """The connection was gone before the first byte went out: repeating cannot be a second time."""


@dataclass(frozen=True)
class HttpResponse:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes  # cut at the cap


class BoundedSocket(io.RawIOBase):
    """What a socket receives, with a deadline on the whole and an allowance of bytes."""

    def __init__(self, sock: socket.socket, deadline: Deadline):
        self.sock, self.deadline = sock, deadline
        self.allowance = HEAD_CAP + BUFFER

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.sock.settimeout(self.deadline.left_s())
        count = self.sock.recv_into(buffer)
        self.allowance -= count
        if self.allowance < 0:
            raise HTTPException("more than an answer may have")
        return count

    def makefile(self, *_: Any) -> io.BufferedReader:
        """What ``HTTPResponse`` asks of a socket.  Closing it leaves the socket open."""
        return io.BufferedReader(self, BUFFER)


class FinalResponse(HTTPResponse):
    """Passes over every interim answer (103 Early Hints and its like), not only over 100."""

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 100 < status < 200:
                return version, status, reason
            parse_headers(self.fp)


class Connection:
    """A connected socket.  For one thread at a time."""

    def __init__(self, sock: socket.socket, origin: Any):
        self.sock, self.origin = sock, origin
        self.born = self.idle_since = time.monotonic()
        self.reusable = False

    def exchange(
        self, method: str, request: bytes, deadline: Deadline, cap: int = BODY_CAP
    ) -> HttpResponse:
        """Send ``request`` and read the answer, its body cut at ``cap``.

        Raises NothingSent, TimeoutError, other OSErrors, HTTPException, ValueError.
        """
        self.reusable = False
        whole = self.send(request, deadline)
        wire = BoundedSocket(self.sock, deadline)
        response = FinalResponse(wire, method=method)  # type: ignore[arg-type]
        try:
            response.begin()
            wire.allowance = max(WIRE_CAP, 2 * cap)
            body = response.read(cap + 1)
            cut = len(body) > cap
            if response.length and not cut:
                raise IncompleteRead(body, response.length)
            ended = response.isclosed() and not cut
            self.reusable = whole and ended and not response.will_close
        finally:
            response.close()
        headers = tuple((clean(name), clean(value)) for name, value in response.headers.items())
        return HttpResponse(response.status, headers, body[:cap])

    def send(self, request: bytes, deadline: Deadline) -> bool:
        """Whether all of it went out.

        Where the other side hangs up halfway, its answer may be there to read: not an error yet.
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

    def is_quiet(self) -> bool:
        """Whether nothing came since the last answer: neither a hang-up nor anything else."""
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        self.sock.close()


def clean(text: str) -> str:
    """A header's text as any database can hold it."""
    return CONTROLS.sub("\ufffd", text)
