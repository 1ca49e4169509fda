"""How a request waits for its commit: a thread blocks, a greenlet gives way to the event loop.

The web server handles events in one thread, each in a greenlet.  Other servers and the tests' client
call the application in threads.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import greenlet


class Wait(Protocol):
    """``wait`` returns when ``release`` has been called for it.  -> False after ``timeout_s``"""

    def wait(self, timeout_s: float) -> bool: ...


class ThreadWait:
    """A lock that is released when there is a result; it costs a third of a ``threading.Event``."""

    __slots__ = ("lock",)

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.lock.acquire()

    def wait(self, timeout_s: float) -> bool:
        return self.lock.acquire(timeout=timeout_s)


class RequestGreenlet(greenlet.greenlet):
    """Runs ``run`` in the thread of ``loop``, with an own context, until it waits or ends."""

    def __init__(self, loop: asyncio.AbstractEventLoop, run: Callable[..., None]):
        super().__init__(run)
        self.loop = loop


class LoopWait:
    """For the greenlet that makes it.  Everything except ``release`` runs in the loop's thread."""

    __slots__ = ("greenlet", "is_released", "is_waiting")

    def __init__(self, owner: RequestGreenlet):
        self.greenlet = owner
        self.is_released = self.is_waiting = False

    def wait(self, timeout_s: float) -> bool:
        if not self.is_released:
            timer = self.greenlet.loop.call_later(timeout_s, self.resume)
            self.is_waiting = True
            self.greenlet.parent.switch()  # type: ignore[union-attr]
            timer.cancel()
        return self.is_released

    def resume(self) -> None:
        """Go on with the greenlet, at its time limit or after its release."""
        if self.is_waiting:
            self.is_waiting = False
            self.greenlet.switch()


def is_in_loop() -> bool:
    """Whether this code runs in an event loop's thread, for a request."""
    return isinstance(greenlet.getcurrent(), RequestGreenlet)


def new_wait() -> Wait:
    """For the request that runs now."""
    current = greenlet.getcurrent()
    return LoopWait(current) if isinstance(current, RequestGreenlet) else ThreadWait()


def release(waits: Iterable[Any]) -> None:
    """Let the requests go on.  Called from any thread; a loop is woken once for all of its requests."""
    by_loop: dict[asyncio.AbstractEventLoop, list[LoopWait]] = {}
    for one in waits:
        if isinstance(one, LoopWait):
            by_loop.setdefault(one.greenlet.loop, []).append(one)
        else:
            one.lock.release()
    for loop, ours in by_loop.items():
        loop.call_soon_threadsafe(_resume_all, ours)


def _resume_all(waits: list[LoopWait]) -> None:
    for one in waits:
        one.is_released = True
        one.resume()
