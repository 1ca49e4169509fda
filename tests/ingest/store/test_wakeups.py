"""Wake-ups of the router."""

from __future__ import annotations

import threading
import time

from relay.ingest.store.wakeups import RouterWakeup


def test_wakeups_return_at_once_and_become_one_while_the_broker_is_slow() -> None:
    began, go, calls = threading.Event(), threading.Event(), []

    def slow() -> None:
        calls.append(1)
        began.set()
        go.wait(10)

    wakeups = RouterWakeup(slow)
    wakeups.call()
    assert began.wait(5)
    at = time.monotonic()
    for _ in range(50):
        wakeups.call()
    assert time.monotonic() - at < 1
    go.set()
    wakeups.close()
    assert 2 <= len(calls) <= 3
