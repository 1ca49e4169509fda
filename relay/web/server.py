"""The web server: ``python -m relay.web.server``.

Waitress reads a whole request before it gives it to a thread, so clients that send slowly or not at
all hold no thread up.  WEB_CONCURRENCY processes share one listening socket; a first process holds
it and starts again what dies.  SIGTERM: no new connections, running requests get their answers.
"""

from __future__ import annotations

import logging
import os
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Callable

from waitress.server import create_server

from config import Config, env_int
from relay import create_app
from relay.errors import SettingsError
from relay.extensions import db
from relay.web.channel import ClientChannel

THREADS = 32  # each may wait for a group's commit
CONNECTIONS = 2000
FILES = 8192
DRAIN_S = 7.0  # for running requests, once asked to stop
BODY_MARGIN = 4  # up to so many times the limit the application itself says 413, and keeps it
TICK_S = 1.0


class Stop:
    """Set by the first SIGTERM or SIGINT; ``wakes`` are called then."""

    def __init__(self) -> None:
        self.asked = False
        self.wakes: list[Callable[[], object]] = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def _ask(self, *_: object) -> None:
        self.asked = True
        for wake in self.wakes:
            wake()


def listen(config: Config) -> socket.socket:
    """The socket that all processes share.  Raises SettingsError where the port is taken."""
    host = os.environ.get("HOST") or "127.0.0.1"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    one = socket.socket(family, socket.SOCK_STREAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        one.bind((host, config.port))
    except OSError as exc:
        raise SettingsError(
            f"Port {config.port} of {host} cannot be used ({exc.strerror}). "
            "Set PORT to another one, or stop what runs there."
        ) from exc
    one.listen(1024)
    return one


def processes_for(config: Config) -> int:
    """How many processes serve: WEB_CONCURRENCY, else one on SQLite and two elsewhere."""
    usual = 1 if config.database_url.startswith("sqlite") else 2
    return env_int(os.environ, "WEB_CONCURRENCY", usual, 1, 64)


def serve(config: Config, listening: socket.socket, stop: Stop, parent: int) -> None:
    """Serve until asked to stop, or until the process ``parent`` is gone."""
    app = create_app(config)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a short queue is no news
    with app.app_context():
        db.engine.dispose()
    server = create_server(
        app,
        sockets=[listening],
        threads=THREADS,
        connection_limit=CONNECTIONS,
        channel_timeout=30,
        cleanup_interval=10,
        asyncore_use_poll=True,
        max_request_body_size=config.max_body_bytes * BODY_MARGIN,
        inbuf_overflow=131_072,
        ident=None,
        clear_untrusted_proxy_headers=False,
    )
    server.channel_class = ClientChannel
    stop.wakes.append(server.pull_trigger)
    tick_at = 0.0
    while not stop.asked and (not parent or os.getppid() == parent):
        turn(server, TICK_S)
        if (now := time.monotonic()) >= tick_at:
            tick_at = now + TICK_S
            for connection in list(server.active_channels.values()):
                connection.tick(now)
    drain(server)
    app.extensions["relay_ingest"].close()


def turn(server: object, wait_s: float) -> None:
    """One round of reading and writing on all connections."""
    server.asyncore.loop(timeout=wait_s, use_poll=True, map=server._map, count=1)  # type: ignore[attr-defined]


def drain(server) -> None:  # type: ignore[no-untyped-def]
    """Take no new connections, answer what was asked, close."""
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
        turn(server, 0.05)
    server.task_dispatcher.shutdown(timeout=1)
    server.asyncore.close_all(server._map)


def keep_serving(config: Config, listening: socket.socket, count: int, stop: Stop) -> None:
    """Hold ``count`` serving processes up until asked to stop, then stop them."""
    me, children, begun = os.getpid(), set[int](), 0.0
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    stop.wakes.append(lambda: os.write(waker, b"."))
    while not stop.asked:
        if children and time.monotonic() - begun < TICK_S:
            select.select([woken], [], [], TICK_S)  # one that dies at its start is not hurried
        while len(children) < count and not stop.asked:
            begun = time.monotonic()
            if not (child := os.fork()):
                os.close(waker)
                os.close(woken)
                serve(config, listening, Stop(), me)
                os._exit(0)
            children.add(child)
        if not stop.asked:
            select.select([woken], [], [], TICK_S)
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
    """Those of our children that have ended."""
    return {child for child in children if os.waitpid(child, os.WNOHANG)[0]}


def main() -> None:
    stop = Stop()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    try:
        config = Config.from_env()
        count = processes_for(config)
        listening = listen(config)
    except SettingsError as exc:
        sys.exit(str(exc))
    if count == 1:
        serve(config, listening, stop, 0)
    else:
        keep_serving(config, listening, count, stop)


if __name__ == "__main__":
    main()
