"""Wakes the router from its own thread, so that a slow broker does not delay a commit."""

from __future__ import annotations

import threading
from collections.abc import Callable


class RouterWakeup:
    """``call`` returns at once.  Calls during a running wake-up become one more wake-up."""

    def __init__(self, wake: Callable[[], object]):
        self.wake = wake
        self.requested = threading.Event()
        self.stopping = False
        self.lock = threading.Lock()
        self.thread: threading.Thread | None = None

    def call(self) -> None:
        if self.thread is None:
            with self.lock:
                if self.thread is None:
                    self.thread = threading.Thread(target=self._run, name="wakeups", daemon=True)
                    self.thread.start()
        self.requested.set()

    def close(self) -> None:
        """Wake once more, then end the thread."""
        if self.thread is not None:
            self.stopping = True
            self.requested.set()
            self.thread.join(5)

    def _run(self) -> None:
        while True:
            self.requested.wait()
            last = self.stopping
            self.requested.clear()
            self.wake()
            if last:
                return
