"""The listening side of the web server: who may connect, and which threads handle a request."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

from relay.dashboard.headers import PROBES
from relay.ingest.request import plain_address
from relay.networks import network_of
from relay.web.channel import ClientChannel

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

CONNECTIONS = 2000
ACCEPT_AT_ONCE = 32
# With fewer connections, one is accepted per round, so that the processes of one socket share them.
FEW_CONNECTIONS = 100
EVENT_PATHS = "/webhooks"


class TwoQueues:
    """Events and probes have threads of their own, so they never wait for the dashboard."""

    def __init__(self, event_threads: int, dashboard_threads: int):
        self.events, self.dashboard = ThreadedTaskDispatcher(), ThreadedTaskDispatcher()
        self.events.set_thread_count(event_threads)
        self.dashboard.set_thread_count(dashboard_threads)

    def add_task(self, channel: ClientChannel) -> None:
        """Queue the first request of ``channel``.  Errors of the server itself count as events."""
        request = channel.requests[0]
        is_event = request.error or request.path.startswith(EVENT_PATHS) or request.path in PROBES
        (self.events if is_event else self.dashboard).add_task(channel)

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool:
        stopped = [
            queue.shutdown(cancel_pending, timeout) for queue in (self.events, self.dashboard)
        ]
        return all(stopped)


class WebServer(TcpWSGIServer):
    """Accepts connections up to a limit per address and in total.

    At a limit, the connection that has been idle or incomplete for the longest time is closed.  So
    connections that send nothing never keep out one that does.  An IPv6 address counts with its /64
    network.  ``per_address`` 0 means no limit.
    """

    channel_class = ClientChannel

    def __init__(
        self,
        application: WSGIApplication,
        listening: socket.socket,
        queues: TwoQueues,
        per_address: int,
        **settings: Any,
    ):
        self.per_address, self.total = per_address, 0
        self.groups: dict[str, dict[ClientChannel, None]] = {}
        super().__init__(
            application,
            {},
            True,
            listening,
            dispatcher=queues,
            # waitress would accept nothing more at its own limit, which is above this one
            adj=Adjustments(connection_limit=CONNECTIONS * 2, **settings),
            sockinfo=(listening.family, listening.type, listening.proto, listening.getsockname()),
            bind_socket=False,
        )

    def handle_accept(self) -> None:
        for _ in range(1 if self.total < FEW_CONNECTIONS else ACCEPT_AT_ONCE):
            try:
                accepted = self.accept()
                if accepted is None:
                    return
                self.set_socket_options(accepted[0])
            except OSError:  # the client has gone already, or no descriptor is left
                return
            self.admit(*accepted)

    def admit(self, client: socket.socket, address: Any) -> None:
        """Serve a new connection, or close it if a limit is reached and all are in use."""
        group = group_of(str(address[0]))
        members = self.groups.setdefault(group, {})
        if self.per_address and len(members) >= self.per_address and not self.evict(members):
            client.close()
            return
        if self.total >= CONNECTIONS:
            everyone = {one: None for group in self.groups.values() for one in group}
            if not self.evict(everyone):
                client.close()
                return
        channel = ClientChannel(self, client, address, self.adj, map=self._map)
        channel.group = group
        members[channel] = None
        self.groups[group] = members
        self.total += 1

    def evict(self, channels: dict[ClientChannel, None]) -> bool:
        """Let the one of ``channels`` go that has been idle the longest.  False if all are in use."""
        idle = [one for one in channels if not one.requests and not one.total_outbufs_len]
        if not idle:
            return False
        oldest = min(idle, key=lambda one: one.last_activity)
        self.forget(oldest)
        oldest.end_soon()
        return True

    def forget(self, channel: ClientChannel) -> None:
        """Count ``channel`` no longer."""
        members = self.groups.get(channel.group, {})
        if channel in members:
            del members[channel]
            self.total -= 1
            if not members:
                del self.groups[channel.group]


def group_of(address: str) -> str:
    """The connections that count together: those of an IPv4 address or the /64 network of an IPv6 address."""
    return network_of(plain_address(address)) or address
