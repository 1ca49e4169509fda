"""The calls of one drain: groups of deliveries that wait, that have started and that have finished.

A sending thread takes one group after the other.  So a call costs no hand-over between threads, and
a fast destination keeps few threads busy; more are added while calls take long.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Condition, Event

from relay.delivery.attempt.outcome import GATHER_S
from relay.delivery.attempt.result import AttemptResult
from relay.delivery.plan import Group
from relay.rules.lifecycle import Accepted

MAX_THREADS = 4096  # all drains of a process together; threads are made when they are needed
# The threads of all drains of this process: an idle one waits for the next drain.
THREADS = ThreadPoolExecutor(MAX_THREADS, "send")
GROW_S = 0.003  # how often a drain with waiting calls considers another thread
FAST_S = 0.001  # a call that takes less is not worth a thread of its own
# While that many calls are finished and not written, no call starts by itself: after a crash, they are
# made again.  One at a time means that their order matters, so there it is few.
UNWRITTEN, UNWRITTEN_ALONE = 25, 3
Call = Callable[[Group], list[AttemptResult]]


@dataclass(frozen=True)
class FinishedCall:
    """``results`` has one entry for each delivery of ``group``.  It is empty where the thread failed
    with ``error``: then nobody knows whether the call was made.
    """

    group: Group
    results: Sequence[AttemptResult] = ()
    error: BaseException | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it succeeded, so that nothing has to be decided before the next call."""
        return self.error is None and all(isinstance(one.signal, Accepted) for one in self.results)


@dataclass
class PoolProgress:
    """What happened since the last wait: the ids of deliveries that started, and finished calls."""

    started: set[int] = field(default_factory=set)
    calls: list[FinishedCall] = field(default_factory=list)


class Pool:
    """``running`` are the groups with a call under way, as of the last ``wait`` or ``offer``.

    ``stopping`` ends a wait early while no call is under way.
    """

    def __init__(self, stopping: Event):
        self.running: list[Group] = []
        self._stopping = stopping
        self._changed = Condition()
        # Under its lock:
        self._ready: deque[tuple[Group, Call]] = deque()
        self._limit, self._until = 0, 0.0  # calls at the same time; no call starts after this
        self._low = 0  # with that few calls left, the drain brings more
        self._threads = 0
        self._started: list[Group] = []
        self._done: list[FinishedCall] = []
        self._done_at = 0.0
        self._unwritten = self._collected = 0  # finished calls; those that the drain has taken
        self._is_notified = False

    def offer(
        self, jobs: Iterable[tuple[Group, Call]], limit: int, until: float, low: int = 0
    ) -> set[int]:
        """Replace the calls that may start: up to ``limit`` at the same time, none after ``until``.

        The last is a time of the monotonic clock.  After a call without success none starts until
        the next offer.  -> the ids of deliveries that started since the last ``wait``; they are left
        out of ``jobs``
        """
        with self._changed:
            started = self._take_started()
            self._ready = deque(job for job in jobs if job[0][0].delivery_id not in started)
            self._limit, self._until, self._low = limit, until, low
            if any(not call.is_plain for call in self._done):
                self._ready.clear()  # the drain has not seen this result yet
            if self._ready and not self._threads:
                self._add_thread()
        return started

    def start(self, group: Group, call: Call) -> None:
        """Start a call now, in a thread of its own."""
        self.running.append(group)
        with self._changed:
            self._threads += 1
        THREADS.submit(self._run, group, call)

    def notify(self) -> None:
        """End the wait."""
        with self._changed:
            self._is_notified = True
            self._changed.notify()

    def wait(self, timeout_s: float) -> PoolProgress:
        """Wait until there are results to handle or calls are needed, at most ``timeout_s``."""
        with self._changed:
            is_idle = not (self._threads or self._done or self._ready)
        if is_idle:
            self._stopping.wait(timeout_s)
        until = time.monotonic() + timeout_s
        with self._changed:
            while not is_idle and not self._needs_drain():
                now = time.monotonic()
                left_s = until - now
                if self._done:
                    left_s = min(left_s, self._done_at + GATHER_S - now)
                if self._ready:
                    left_s = min(left_s, self._until - now)
                if left_s <= 0:
                    break
                if self._ready and self._threads < self._limit:
                    self._grow(min(left_s, GROW_S))
                else:
                    self._changed.wait(left_s)
            self._is_notified = False
            progress = PoolProgress(self._take_started(), self._done)
            self._collected += len(self._done)
            self._done = []
        finished = {id(call.group) for call in progress.calls}
        self.running = [group for group in self.running if id(group) not in finished]
        return progress

    def most_calls(self) -> int:
        """How many calls can be under way until the next offer."""
        with self._changed:
            return max(self._threads, self._limit)

    def waits_for_writes(self) -> bool:
        """Whether results should be written now, so that calls can go on."""
        with self._changed:
            return self._is_enough()

    def written(self) -> None:
        """The results of all calls that ``wait`` returned have been written."""
        with self._changed:
            self._unwritten, self._collected = self._unwritten - self._collected, 0
            if self._ready and not self._threads:
                self._add_thread()

    def close(self) -> None:
        """Wait for the calls under way."""
        with self._changed:
            self._ready.clear()
            while self._threads:
                self._changed.wait()

    # ---- under the lock --------------------------------------------------------------------------

    def _take_started(self) -> set[int]:
        self.running += self._started
        started = {claim.delivery_id for group in self._started for claim in group}
        self._started = []
        return started

    def _needs_drain(self) -> bool:
        if self._is_notified or not self._threads:
            return True
        if self._ready and time.monotonic() > self._until:
            return True
        if not self._done:
            return False
        is_enough = self._is_enough() or len(self._ready) <= self._low
        return is_enough or not self._done[-1].is_plain

    def _is_enough(self) -> bool:
        return self._unwritten >= self._most_unwritten() * 2 // 3

    def _most_unwritten(self) -> int:
        return UNWRITTEN if self._limit > 1 else UNWRITTEN_ALONE

    def _grow(self, for_s: float) -> None:
        """Wait, and add threads if calls take long: as many again, up to the limit."""
        before, began = len(self._done), time.monotonic()
        self._changed.wait(for_s)
        finished, took_s = len(self._done) - before, time.monotonic() - began
        if took_s < for_s / 2 or finished * FAST_S >= took_s * self._threads:
            return
        for _ in range(min(max(self._threads, 1), self._limit - self._threads, len(self._ready))):
            self._add_thread()

    def _add_thread(self) -> None:
        self._threads += 1
        THREADS.submit(self._serve)

    def _next(self) -> tuple[Group, Call] | None:
        if not self._ready or self._threads > self._limit or time.monotonic() > self._until:
            return None
        if self._unwritten >= self._most_unwritten():
            return None
        job = self._ready.popleft()
        self._started.append(job[0])
        return job

    # ---- in a sending thread ---------------------------------------------------------------------

    def _serve(self) -> None:
        """Make one call after the other while calls are ready."""
        with self._changed:
            job = self._next()
            if job is None:
                self._threads -= 1
                self._changed.notify()
        while job is not None:
            job = self._make(*job, self._next)

    def _run(self, group: Group, call: Call) -> None:
        self._make(group, call, lambda: None)

    def _make(
        self, group: Group, call: Call, following: Callable[[], tuple[Group, Call] | None]
    ) -> tuple[Group, Call] | None:
        """Make a call.  -> what this thread does next; None: it ends"""
        try:
            finished = FinishedCall(group, call(group))
        except BaseException as exc:
            finished = FinishedCall(group, (), exc)
        with self._changed:
            if not self._done:
                self._done_at = time.monotonic()
            self._done.append(finished)
            self._unwritten += 1
            if not finished.is_plain:
                self._ready.clear()
            job = following()
            if job is None:
                self._threads -= 1
            if len(self._done) == 1 or not self._threads or self._needs_drain():
                self._changed.notify()
        return job
