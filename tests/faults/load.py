"""A load of events, sent as sites do: each is repeated until it is accepted."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.support.events import comment
from tests.support.network import wait_for
from tests.support.sink import Seen, Sink
from tests.support.stack import Stack


class Load:
    """``count`` events over ``connections``; each is sent until it is answered 202 or 200.

    ``accepted`` are the ids that were, ``codes`` counts all answers, ``sent_at`` and ``waited`` are in
    seconds of the monotonic clock.
    """

    def __init__(
        self, stack: Stack, secret: str, count: int, connections: int = 8, name: str = "e"
    ):
        self.stack, self.secret, self.count, self.name = stack, secret, count, name
        self.accepted: set[str] = set()
        self.codes: Counter[int] = Counter()
        self.broken: list[str] = []  # requests without an answer
        self.sent_at: dict[str, float] = {}
        self.waited: list[float] = []
        self.numbers = itertools.count()
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self.pool = ThreadPoolExecutor(connections, "load")
        self.futures = [self.pool.submit(self._work) for _ in range(connections)]

    def _work(self) -> None:
        while not self.stopped.is_set() and (number := next(self.numbers)) < self.count:
            self._send(f"{self.name}-{number}")

    def _send(self, event_id: str) -> None:
        event = comment(event_id=event_id)
        while not self.stopped.is_set():
            began = time.monotonic()
            try:
                code = self.stack.send(
                    event, self.secret, headers={"Connection": "close"}
                ).status_code
            except requests.RequestException as exc:
                with self.lock:
                    self.broken.append(repr(exc))
                self.stopped.wait(0.1)
                continue
            with self.lock:
                self.codes[code] += 1
                if code in (200, 202):
                    self.accepted.add(event_id)
                    self.sent_at[event_id] = began
                    self.waited.append(time.monotonic() - began)
                    return
            self.stopped.wait(0.1)

    def reach(self, count: int) -> None:
        """Wait until so many are accepted."""
        wait_for(lambda: len(self.accepted) >= count, 120, f"{count} events to be accepted")

    def finish(self) -> None:
        """Wait for all; a failed sender fails the test."""
        for future in self.futures:
            future.result()
        self.pool.shutdown()

    def stop(self) -> None:
        self.stopped.set()
        self.finish()


def arrivals(sink: Sink, path: str = "/in") -> dict[str, list[Seen]]:
    """The requests at the sink, by event id, in order."""
    found: dict[str, list[Seen]] = defaultdict(list)
    for seen in list(sink.requests):
        if seen.path == path:
            found[seen.json()["event_id"]].append(seen)
    return found


def extras(by_event: dict[str, list[Seen]]) -> int:
    """How many calls were more than one an event.  Each event's calls carry one and the same key."""
    for calls in by_event.values():
        assert len({seen.headers["idempotency-key"] for seen in calls}) == 1
        assert len({seen.body for seen in calls}) == 1
    return sum(len(calls) - 1 for calls in by_event.values())


def busiest(times: list[float], window_s: float) -> int:
    """The most arrivals in any window of that length."""
    ordered, begin, most = sorted(times), 0, 0
    for end, at in enumerate(ordered):
        while at - ordered[begin] >= window_s:
            begin += 1
        most = max(most, end - begin + 1)
    return most
