"""Ports, waiting, and the guard that stops tests from reaching the outside network."""

from __future__ import annotations

import ipaddress
import itertools
import os
import random
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


class OutsideNetwork(BaseException):
    """A test tried to leave this machine.  Not an Exception, so that no retry rule swallows it."""


def _ports() -> Iterator[int]:
    """Ports of this test process's own, below those that the system gives to outgoing connections:
    so nobody takes one between our finding it free and its server listening there.
    """
    name = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    first = 12_000 + 2_000 * (int(name.removeprefix("gw")) % 8) + random.randrange(1_000)
    return itertools.cycle(range(first, first + 1_000))


_PORTS = _ports()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on; each call gives another one."""
    for port in _PORTS:
        with socket.socket() as one, suppress(OSError):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(("127.0.0.1", port))
            return port
    raise AssertionError("unreachable")


def wait_for(condition: Callable[[], T], timeout_s: float = 20.0, what: str = "") -> T:
    """The first true answer of ``condition``.  Raises AssertionError after ``timeout_s`` seconds."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(
                f"Not within {timeout_s:g} s: {what or condition}; last: {found!r}"
            )
        time.sleep(0.02)


def is_here(address: Any) -> bool:
    """Whether a socket address is a unix socket or on the loopback."""
    if not isinstance(address, tuple):
        return True
    host = str(address[0])
    if host in ("localhost", ""):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def guard() -> Callable[[], None]:
    """From now on a connection that leaves this machine raises OutsideNetwork.  -> the way back."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def check(address: Any) -> None:
        if not is_here(address):
            raise OutsideNetwork(f"A test tried to reach {address}.")

    def guarded(self: socket.socket, address: Any) -> None:
        check(address)
        connect(self, address)

    def guarded_ex(self: socket.socket, address: Any) -> int:
        check(address)
        return connect_ex(self, address)

    socket.socket.connect, socket.socket.connect_ex = guarded, guarded_ex  # type: ignore[method-assign,assignment]

    def undo() -> None:
        socket.socket.connect, socket.socket.connect_ex = connect, connect_ex  # type: ignore[method-assign,assignment]

    return undo
