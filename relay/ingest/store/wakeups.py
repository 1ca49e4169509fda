"""Tells the router that there is work, from a thread of its own: a slow broker delays no commit."""

from __future__ import annotations

import threading
from collections.abc import Callable


class RouterWakeup:
    """``call`` returns at once; calls that come while one is under way become one."""

    def __init__(self, wake: Callable[[], object]):
        self.wake = wake
        self.wanted = threading.Event()
        self.stopping = False
        self.lock = threading.Lock()
        self.thread: threading.Thread | None = None

    def call(self) -> None:
        if self.thread is None:
            with self.lock:
                if self.thread is None:
                    self.thread = threading.Thread(target=self._run, name="wakeups", daemon=True)
                    self.thread.start()
        self.wanted.set()

    def close(self) -> None:
        """Make the last call, then end the thread."""
        if self.thread is not None:
            self.stopping = True
            self.wanted.set()
            self.thread.join(5)

    def _run(self) -> None:
        while True:
            self.wanted.wait()
            last = self.stopping
            self.wanted.clear()
            self.wake()
            if last:
                return
