"""The web server: ``python -m relay.web.server``, or with ``ingest`` for events and probes only.

One event loop per process reads whole requests before anything handles them, so slow clients cost
memory and no threads.  Events are handled in the loop's thread, pages and probes in threads.
WEB_CONCURRENCY processes share the port.  A parent process owns their sockets and restarts processes
that die.  On SIGTERM, Relay accepts no new connections and completes running requests.

systemd can own the sockets instead, see ``deploy/systemd/relay-web.socket``: connections then wait for
the next process while Relay restarts.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ipaddress
import os
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import uvloop
from werkzeug.middleware.proxy_fix import ProxyFix

from config import Config, env_int
from relay import create_app
from relay.errors import SettingsError
from relay.extensions import db
from relay.ingest import create_ingest_app
from relay.private_files import restrict_new_files, restrict_old_files
from relay.watch import Watcher
from relay.web.connections import TICK_S, Connections
from relay.web.dispatch import Dispatcher

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from flask import Flask

PROBE_THREADS = 4  # for probes and for requests about signing keys
# Each uses at most two connections of the pool, so they never take all of them: see engine_options.
DASHBOARD_THREADS = 12
INGEST_ONLY = "ingest"  # the argument of a process without the dashboard
SWITCH_S = 0.001
FILES = 8192
DRAIN_S = 7.0  # for running requests after a signal to stop
FIRST_PASSED = 3  # the descriptor of the first socket that systemd passes: sd_listen_fds(3)


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


def listen(config: Config, count: int) -> list[socket.socket]:
    """A listening socket for each of ``count`` processes.  Raises SettingsError if the port is in use.

    The kernel spreads new connections over the sockets.  One socket for all processes would give most
    of them to the process that is awake.
    """
    host = os.environ.get("HOST") or "127.0.0.1"
    try:
        first = bind(host, config.port, shared=False)
        if count == 1:
            listening = [first]
        else:  # the first one shows that no other program has the port: sockets that share it would not
            first.close()
            listening = [bind(host, config.port, shared=True) for _ in range(count)]
    except OSError as exc:
        raise SettingsError(
            f"Relay cannot listen on port {config.port} of {host} ({exc.strerror}). "
            "Set PORT to another port, or stop the program that uses it."
        ) from exc
    for one in listening:
        one.listen(1024)
    return listening


def passed_sockets() -> list[socket.socket]:
    """The listening sockets that systemd passed to this process.

    Raises SettingsError if it passed something else.
    """
    env = os.environ
    is_ours = env.get("LISTEN_PID") == str(os.getpid())
    passed = env_int(env, "LISTEN_FDS", 0, 0, 64) if is_ours else 0
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        env.pop(name, None)  # not for children of this process
    found = []
    for number in range(FIRST_PASSED, FIRST_PASSED + passed):
        os.set_inheritable(number, False)
        one = socket.socket(fileno=number)
        is_tcp = one.family in (socket.AF_INET, socket.AF_INET6)
        if not is_tcp or not one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise SettingsError(
                f"The service manager passed descriptor {number}, which is not a listening TCP socket. "
                "Use ListenStream=ADDRESS:PORT in the .socket unit."
            )
        found.append(one)
    return found


def shared_out(passed: list[socket.socket], count: int) -> list[socket.socket]:
    """A socket for each process: each that was passed, then the same ones again."""
    more = range(len(passed), count)
    return passed + [passed[number % len(passed)].dup() for number in more]


def bind(host: str, port: int, shared: bool) -> socket.socket:
    """Raises OSError."""
    one = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        one.bind((host, port))
    except OSError:
        one.close()
        raise
    return one


def process_count(config: Config) -> int:
    """How many processes serve requests: WEB_CONCURRENCY, by default 1 with SQLite and 2 otherwise."""
    default = 1 if config.database_url.startswith("sqlite") else 2
    return env_int(os.environ, "WEB_CONCURRENCY", default, 1, 64)


def serve(app: Flask, listening: socket.socket, stop: StopSignal, parent: int) -> None:
    """Serve requests until a stop signal arrives or the process ``parent`` ends (0: no parent)."""
    # The writer takes its group while the loop still reads other requests, so the two overlap.
    sys.setswitchinterval(SWITCH_S)
    with app.app_context():
        db.engine.dispose(close=False)  # a connection of the parent process, if any, is not ours
    watcher = Watcher(app, "web")
    watcher.start()
    uvloop.run(run(app, listening, stop, parent))
    watcher.stop()
    app.extensions["relay_ingest"].close()


async def run(app: Flask, listening: socket.socket, stop: StopSignal, parent: int) -> None:
    """The event loop of ``serve``."""
    loop = asyncio.get_running_loop()
    config: Config = app.extensions["relay_config"]
    gateway = app.extensions["relay_ingest"]
    ingest: WSGIApplication = create_ingest_app(app).wsgi_app
    if n := config.trusted_proxies:
        ingest = ProxyFix(ingest, x_for=n, x_proto=n, x_host=n)
    dispatcher = Dispatcher(
        ingest,
        app.wsgi_app,
        gateway.is_ready,
        PROBE_THREADS,
        0 if sys.argv[1:] == [INGEST_ONLY] else DASHBOARD_THREADS,
    )
    connections = Connections(
        dispatcher.handle, config.connections_per_address, config.max_body_bytes
    )
    connections.listen(listening)
    stopped = asyncio.Event()
    stop.callbacks.append(lambda: loop.call_soon_threadsafe(stopped.set))
    while not stop.received and (not parent or os.getppid() == parent):
        connections.tick()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), TICK_S)
    loop.remove_reader(listening)
    connections.accept(listening)  # closing it would reset those that wait
    listening.close()
    await connections.drain(DRAIN_S)
    dispatcher.close()


def supervise(app: Flask, listening: list[socket.socket], stop: StopSignal) -> None:
    """Keep a serving process running for each socket until a stop signal arrives, then stop them.

    The sockets stay open here, so connections wait for the successor of a process that died.
    """
    parent, children, started_at = os.getpid(), dict[int, socket.socket](), 0.0
    wake_reader, wake_writer = os.pipe()
    os.set_blocking(wake_writer, False)
    stop.callbacks.append(lambda: os.write(wake_writer, b"."))
    while not stop.received:
        if children and time.monotonic() - started_at < TICK_S:
            # Wait before the next start: a process that dies at once must not be started in a loop.
            select.select([wake_reader], [], [], TICK_S)
        for own in [one for one in listening if one not in children.values()]:
            if stop.received:
                break
            started_at = time.monotonic()
            if not (child := os.fork()):
                os.close(wake_writer)
                os.close(wake_reader)
                for other in listening:
                    if other is not own:
                        other.close()
                serve(app, own, StopSignal(), parent)
                os._exit(0)
            children[child] = own
        if not stop.received:
            select.select([wake_reader], [], [], TICK_S)
        forget_ended(children)
    for one in listening:
        one.close()
    for child in children:
        os.kill(child, signal.SIGTERM)
    until = time.monotonic() + DRAIN_S + 2
    while children and time.monotonic() < until:
        time.sleep(0.02)
        forget_ended(children)
    for child in children:
        os.kill(child, signal.SIGKILL)


def forget_ended(children: dict[int, socket.socket]) -> None:
    for child in list(children):
        if os.waitpid(child, os.WNOHANG)[0]:
            del children[child]


def check_public_url(config: Config, passed: list[socket.socket]) -> None:
    """Raises SettingsError if other hosts can connect and RELAY_PUBLIC_URL is not set.

    Without it, cookies are sent over plain HTTP too, and links and endpoints have any name that a
    visitor chooses.
    """
    host = str(passed[0].getsockname()[0]) if passed else os.environ.get("HOST") or "127.0.0.1"
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
    if sys.argv[1:] not in ([], [INGEST_ONLY]):
        sys.stderr.write(f"usage: python -m relay.web.server [{INGEST_ONLY}]\n")
        sys.exit(2)
    restrict_new_files()
    stop = StopSignal()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    try:
        config = Config.from_env()
        passed = passed_sockets()
        check_public_url(config, passed)
        count = process_count(config)
        listening = shared_out(passed, count) if passed else listen(config, count)
        app = create_app(config)
    except SettingsError as exc:
        sys.exit(str(exc))
    restrict_old_files(config.data_dir)
    # What exists now is never collected.  So the collector does not write to its memory, which the
    # processes share.
    gc.collect()
    gc.freeze()
    if len(listening) == 1:
        serve(app, listening[0], stop, 0)
    else:
        supervise(app, listening, stop)


if __name__ == "__main__":
    main()
