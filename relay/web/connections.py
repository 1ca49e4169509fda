"""All connections of one process: who may connect, and which application handles a request."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable
from typing import Any

from relay.ingest.request import plain_address
from relay.networks import network_of
from relay.web.connection import ClientConnection
from relay.web.request import HttpRequest

CONNECTIONS = 2000
ACCEPT_AT_ONCE = 32
ACCEPT_AGAIN_S = 0.5
# Up to this many times the limit, the application itself responds 413 and records the rejection.
BODY_MARGIN = 4
TICK_S = 1.0
DRAIN_CHECK_S = 0.02
Handle = Callable[[ClientConnection, HttpRequest], None]


class Connections:
    """Accepts connections up to a limit per address and in total.

    At a limit, the connection that has been idle or incomplete for the longest time is closed.  So
    connections that send nothing never keep out one that does.  An IPv6 address counts with its /64
    network.  ``per_address`` 0 means no limit.
    """

    def __init__(self, handle: Handle, per_address: int, max_body_bytes: int):
        self.handle, self.per_address, self.total = handle, per_address, 0
        self.max_body_bytes = max_body_bytes * BODY_MARGIN
        # The application refuses a body of this size without reading it.
        self.kept_body_bytes = max_body_bytes + 1
        self.groups: dict[str, dict[ClientConnection, None]] = {}
        self.opening: set[asyncio.Task[Any]] = set()

    def listen(self, listening: socket.socket) -> None:
        """Accept the connections of a listening socket from now on."""
        if listening.fileno() < 0:  # closed meanwhile
            return
        listening.setblocking(False)
        asyncio.get_running_loop().add_reader(listening, self.accept, listening)

    def accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(ACCEPT_AT_ONCE):
            try:
                client, address = listening.accept()
            except BlockingIOError:
                return
            except OSError:  # no descriptor is left, for instance: not again at once
                loop.remove_reader(listening)
                loop.call_later(ACCEPT_AGAIN_S, self.listen, listening)
                return
            with contextlib.suppress(OSError):
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.setblocking(False)
            connection = self.admit(str(address[0]))
            if connection is None:
                client.close()
                continue
            task = loop.create_task(self.open(connection, client))
            self.opening.add(task)
            task.add_done_callback(self.opening.discard)

    async def open(self, connection: ClientConnection, client: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, client)
        except OSError:  # the client has gone already
            self.forget(connection)
            client.close()

    def admit(self, address: str) -> ClientConnection | None:
        """A new connection; None if a limit is reached and all are in use."""
        group = group_of(address)
        members = self.groups.setdefault(group, {})
        if self.per_address and len(members) >= self.per_address and not self.evict(members):
            return None
        if self.total >= CONNECTIONS:
            everyone = {one: None for group in self.groups.values() for one in group}
            if not self.evict(everyone):
                return None
        connection = ClientConnection(self, group)
        members[connection] = None
        self.groups[group] = members
        self.total += 1
        return connection

    def evict(self, connections: dict[ClientConnection, None]) -> bool:
        """Close the one that has been idle the longest.  False if all are in use."""
        idle = [one for one in connections if one.opened and one.is_idle()]
        if not idle:
            return False
        oldest = min(idle, key=lambda one: one.changed_at)
        self.forget(oldest)
        oldest.transport.abort()
        return True

    def forget(self, connection: ClientConnection) -> None:
        """Count ``connection`` no longer."""
        members = self.groups.get(connection.group, {})
        if connection in members:
            del members[connection]
            self.total -= 1
            if not members:
                del self.groups[connection.group]

    def all(self) -> list[ClientConnection]:
        """Those with a transport; some of them are closing."""
        return [one for group in self.groups.values() for one in group if one.opened]

    def tick(self) -> None:
        """Called about once a second."""
        now = time.monotonic()
        for connection in self.all():
            connection.tick(now)

    async def drain(self, timeout_s: float) -> None:
        """Let the running requests end, then close all connections."""
        until = time.monotonic() + timeout_s
        while (now := time.monotonic()) < until:
            open_ones = [one for one in self.all() if one.close_when_done(now)]
            if not open_ones and not self.opening:
                break
            await asyncio.sleep(DRAIN_CHECK_S)
        for connection in self.all():
            connection.abort()
        await asyncio.sleep(DRAIN_CHECK_S)  # so that threads that write to them notice


def group_of(address: str) -> str:
    """The connections that count together: those of an IPv4 address or the /64 network of an IPv6 address."""
    return network_of(plain_address(address)) or address
