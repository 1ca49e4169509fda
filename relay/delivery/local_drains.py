"""The drains of this process, so that the router here can notify them when more is due.

It saves a way through the broker.  A drain elsewhere finds the work without it, a little later.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask import current_app


class LocalDrains:
    """One for each application.  Threads can share it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.wake: dict[int, Callable[[], object]] = {}

    @classmethod
    def current(cls) -> LocalDrains:
        found: LocalDrains = current_app.extensions.setdefault("relay_local_drains", cls())
        return found

    def notify(self, destination_id: int) -> bool:
        """Notify the drain of a destination that more is due.  -> whether there is one

        A drain that was notified looks again before it ends, or wakes another drain.
        """
        with self.lock:
            wake = self.wake.get(destination_id)
            if wake is not None:
                wake()
            return wake is not None

    def has(self, destination_id: int) -> bool:
        """Whether this process has the drain of a destination."""
        with self.lock:
            return destination_id in self.wake

    @contextmanager
    def listening(self, destination_id: int, wake: Callable[[], object]) -> Iterator[None]:
        """Call ``wake`` when more is due.  After the block it is not called any more."""
        with self.lock:
            self.wake[destination_id] = wake
        try:
            yield
        finally:
            with self.lock:
                if self.wake.get(destination_id) is wake:
                    del self.wake[destination_id]
