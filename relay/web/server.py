"""The web server: ``python -m relay.web.server``.

Waitress reads a whole request before it passes it to a thread, so slow clients do not block threads.
Events and probes have threads of their own, beside those of the dashboard.
WEB_CONCURRENCY processes share one listening socket.  A parent process owns it and restarts
processes that die.  On SIGTERM, Relay accepts no new connections and completes running requests.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Callable

from config import Config, env_int
from relay import create_app
from relay.errors import SettingsError
from relay.extensions import db
from relay.private_files import restrict_new_files, restrict_old_files
from relay.watch import Watcher
from relay.web.connections import TwoQueues, WebServer
from relay.web.parser import MAX_HEADER_BYTES

EVENT_THREADS = 32  # many: each can wait for the commit of a group of events
# Each uses at most two connections of the pool, so they never take all of them: see engine_options.
DASHBOARD_THREADS = 12
FILES = 8192
DRAIN_S = 7.0  # for running requests after a signal to stop
# Up to this many times the limit, the application itself responds 413 and records the rejection.
BODY_MARGIN = 4
TICK_S = 1.0


class StopSignal:
    """``received`` is true after a SIGTERM or SIGINT.  The signal also calls all ``callbacks``."""

    def __init__(self) -> None:
        self.received = False
        self.callbacks: list[Callable[[], object]] = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._receive)

    def _receive(self, *_: object) -> None:
        self.received = True
        for callback in self.callbacks:
            callback()


def listen(config: Config) -> socket.socket:
    """The listening socket that all processes share.  Raises SettingsError if the port is in use."""
    host = os.environ.get("HOST") or "127.0.0.1"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, config.port))
    except OSError as exc:
        raise SettingsError(
            f"Relay cannot listen on port {config.port} of {host} ({exc.strerror}). "
            "Set PORT to another port, or stop the program that uses it."
        ) from exc
    listening.listen(1024)
    return listening


def process_count(config: Config) -> int:
    """How many processes serve requests: WEB_CONCURRENCY, by default 1 with SQLite and 2 otherwise."""
    default = 1 if config.database_url.startswith("sqlite") else 2
    return env_int(os.environ, "WEB_CONCURRENCY", default, 1, 64)


def serve(config: Config, listening: socket.socket, stop: StopSignal, parent: int) -> None:
    """Serve requests until a stop signal arrives or the process ``parent`` ends (0: no parent)."""
    app = create_app(config)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # short queues are normal
    with app.app_context():
        db.engine.dispose()
    server = WebServer(
        app,
        listening,
        TwoQueues(EVENT_THREADS, DASHBOARD_THREADS),
        config.connections_per_address,
        channel_timeout=30,
        cleanup_interval=10,
        asyncore_use_poll=True,
        max_request_header_size=MAX_HEADER_BYTES,
        max_request_body_size=config.max_body_bytes * BODY_MARGIN,
        inbuf_overflow=131_072,
        ident=None,
        clear_untrusted_proxy_headers=False,
    )
    stop.callbacks.append(server.pull_trigger)
    watcher = Watcher(app, "web")
    watcher.start()
    tick_at = 0.0
    while not stop.received and (not parent or os.getppid() == parent):
        poll_connections(server, TICK_S)
        if (now := time.monotonic()) >= tick_at:
            tick_at = now + TICK_S
            for connection in list(server.active_channels.values()):
                connection.tick(now)
    watcher.stop()
    drain(server)
    app.extensions["relay_ingest"].close()


def poll_connections(server: WebServer, wait_s: float) -> None:
    """Wait up to ``wait_s`` for sockets that are ready, then read and write once on each."""
    server.asyncore.loop(timeout=wait_s, use_poll=True, map=server._map, count=1)


def drain(server: WebServer) -> None:
    """Accept no new connections, complete the running requests and close."""
    server.del_channel()
    server.socket.close()
    until = time.monotonic() + DRAIN_S
    while time.monotonic() < until:
        connections = list(server.active_channels.values())
        for connection in connections:
            if not connection.busy():
                connection.handle_close()
        if not any(connection.busy() for connection in connections):
            break
        poll_connections(server, 0.05)
    server.task_dispatcher.shutdown(timeout=1)
    server.asyncore.close_all(server._map)


def supervise(config: Config, listening: socket.socket, count: int, stop: StopSignal) -> None:
    """Keep ``count`` serving processes running until a stop signal arrives, then stop them."""
    parent, children, started_at = os.getpid(), set[int](), 0.0
    wake_reader, wake_writer = os.pipe()
    os.set_blocking(wake_writer, False)
    stop.callbacks.append(lambda: os.write(wake_writer, b"."))
    while not stop.received:
        if children and time.monotonic() - started_at < TICK_S:
            # Wait before the next start: a process that dies at once must not be started in a loop.
            select.select([wake_reader], [], [], TICK_S)
        while len(children) < count and not stop.received:
            started_at = time.monotonic()
            if not (child := os.fork()):
                os.close(wake_writer)
                os.close(wake_reader)
                serve(config, listening, StopSignal(), parent)
                os._exit(0)
            children.add(child)
        if not stop.received:
            select.select([wake_reader], [], [], TICK_S)
        children -= ended(children)
    listening.close()
    for child in children:
        os.kill(child, signal.SIGTERM)
    until = time.monotonic() + DRAIN_S + 2
    while children and time.monotonic() < until:
        time.sleep(0.02)
        children -= ended(children)
    for child in children:
        os.kill(child, signal.SIGKILL)


def ended(children: set[int]) -> set[int]:
    """The child processes that have ended."""
    return {child for child in children if os.waitpid(child, os.WNOHANG)[0]}


def check_public_url(config: Config) -> None:
    """Raises SettingsError if other hosts can connect and RELAY_PUBLIC_URL is not set.

    Without it, cookies are sent over plain HTTP too, and links and endpoints have any name that a
    visitor chooses.
    """
    host = os.environ.get("HOST") or "127.0.0.1"
    if not config.public_url and not is_loopback(host):
        raise SettingsError(
            f"HOST is {host}, so other hosts can connect, but RELAY_PUBLIC_URL is not set. Set it to the "
            "URL that people and sites use, such as https://relay.example.com."
        )


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def main() -> None:
    restrict_new_files()
    stop = StopSignal()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    try:
        config = Config.from_env()
        check_public_url(config)
        count = process_count(config)
        listening = listen(config)
    except SettingsError as exc:
        sys.exit(str(exc))
    restrict_old_files(config.data_dir)
    if count == 1:
        serve(config, listening, stop, 0)
    else:
        supervise(config, listening, count, stop)


if __name__ == "__main__":
    main()
