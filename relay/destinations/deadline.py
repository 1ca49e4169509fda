"""Ends calls whose time is up, whatever they wait for: a timeout for the whole, not for one read."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import socket
import threading
import time
from typing import Any


class Ticket:
    """One call under watch.  ``connection`` is set once there is one; ``expired`` tells afterwards.

    ``sock`` is kept apart: a connection lets go of it when the answer's end is the connection's.
    """

    def __init__(self, until: float):
        self.until = until
        self.connection: Any = None
        self.sock: socket.socket | None = None
        self.expired = False
        self.over = False
        self.lock = threading.Lock()

    def left(self) -> float:
        """Seconds left, never below a millisecond."""
        return max(0.001, self.until - time.monotonic())

    def expire(self) -> None:
        with self.lock:
            if self.over:
                return
            self.expired = True
            sock = self.sock or getattr(self.connection, "sock", None)
            if sock is not None:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def finish(self) -> None:
        with self.lock:
            self.over = True


class Watch:
    """One thread for all calls of a process; starts with the first."""

    def __init__(self) -> None:
        self.heap: list[tuple[float, int, Ticket]] = []
        self.count = itertools.count()
        self.changed = threading.Condition()
        self.thread: threading.Thread | None = None

    def begin(self, seconds: float) -> Ticket:
        ticket = Ticket(time.monotonic() + seconds)
        with self.changed:
            if self.thread is None or not self.thread.is_alive():
                self.thread = threading.Thread(target=self._run, name="deadlines", daemon=True)
                self.thread.start()
            heapq.heappush(self.heap, (ticket.until, next(self.count), ticket))
            if self.heap[0][2] is ticket:
                self.changed.notify()
        return ticket

    def _run(self) -> None:
        while True:
            with self.changed:
                while self.heap and self.heap[0][2].over:
                    heapq.heappop(self.heap)
                if not self.heap:
                    self.changed.wait()
                    continue
                wait = self.heap[0][0] - time.monotonic()
                if wait > 0:
                    self.changed.wait(min(wait, 1.0))
                    continue
                ticket = heapq.heappop(self.heap)[2]
            ticket.expire()
