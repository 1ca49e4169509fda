"""The threads of one drain: each makes the call for one group of deliveries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Event

from relay.delivery.attempt.run import AttemptResult
from relay.delivery.plan import Group


@dataclass(frozen=True)
class FinishedCall:
    """``results`` has one entry for each delivery of ``group``.  It is empty where the thread failed
    with ``error``: then nobody knows whether the call was made.
    """

    group: Group
    results: Sequence[AttemptResult] = ()
    error: BaseException | None = None


class Pool:
    """Up to ``size`` calls at the same time.  ``running`` are the groups with a call under way.

    ``stopping`` ends a wait early while no call is under way.
    """

    def __init__(self, size: int, stopping: Event):
        self.running: dict[Future[list[AttemptResult]], Group] = {}
        self._threads = ThreadPoolExecutor(size, "send")
        self._stopping = stopping

    def submit(self, group: Group, call: Callable[..., list[AttemptResult]], *args: object) -> None:
        """Start ``call(*args)`` for a group in a thread."""
        self.running[self._threads.submit(call, *args)] = group

    def wait(self, timeout_s: float) -> list[FinishedCall]:
        """Wait until a call has finished, at most ``timeout_s``.  -> all that have finished."""
        if not self.running:
            self._stopping.wait(timeout_s)
            return []
        finished, _ = wait(self.running, timeout_s, FIRST_COMPLETED)
        calls = []
        for future in finished:
            group, error = self.running.pop(future), future.exception()
            calls.append(FinishedCall(group, [] if error else future.result(), error))
        return calls

    def close(self) -> None:
        """Wait for the calls under way."""
        self._threads.shutdown()
