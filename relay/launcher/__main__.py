"""``python -m relay.launcher``: runs all processes on this machine until Ctrl-C."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import sys
import threading
import time
import urllib.request
from pathlib import Path

from flask import Flask

from config import Config
from relay import create_app
from relay.broker import heartbeat_key
from relay.errors import SettingsError
from relay.launcher import demo, forks
from relay.launcher.processes import Child, end, kill, standard_processes
from relay.launcher.valkey import Valkey, socket_path
from relay.lean_redis import RedisError
from relay.models import db
from relay.private_files import restrict_new_files, restrict_old_files
from relay.services.operations import installation

MAX_LOG_BYTES = 10 * 1024 * 1024
# The libraries of macOS do not work in a fork that runs no other program.
MAY_FORK = sys.platform.startswith("linux")
START_LIMIT_S = 30.0
STOP_LIMIT_S = 10
LOCK_LIMIT_S = 15.0  # longer than another launcher needs to stop its processes


def say(text: str) -> None:
    print(text, flush=True)


def lock(data_dir: Path, stop: threading.Event) -> int:
    """Lock the data directory for this launcher and its processes, which inherit the lock.

    Waits for another launcher that is stopping.  Raises SettingsError if one keeps running.
    """
    handle = os.open(data_dir / "running.lock", os.O_RDWR | os.O_CREAT, 0o600)
    until = time.monotonic() + LOCK_LIMIT_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        except BlockingIOError as exc:
            if stop.is_set() or time.monotonic() > until:
                raise SettingsError(
                    f"Relay is already running with the data in {data_dir}. Stop it, "
                    "or set RELAY_DATA_DIR and PORT to other values."
                ) from exc
            stop.wait(0.1)


def store_secrets(data_dir: Path) -> None:
    """Generate the secrets that are not set, once.  Only this user can read the file."""
    path, generated = data_dir / "secrets.env", installation.generate_secrets()
    are_set = all(os.environ.get(name) or os.environ.get(f"{name}_FILE") for name in generated)
    if not are_set and not path.exists():
        installation.write_env_file(path, generated)


def check_port(port: int) -> None:
    """Raises SettingsError if another program uses the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as exc:
            raise SettingsError(
                f"Another program uses port {port}. Stop it, or start Relay on another port: "
                f"PORT={port + 1} make run"
            ) from exc


def prepare(stop: threading.Event) -> tuple[Config, Valkey | None, int]:
    """Prepare the folders, the lock, the secrets and the broker.  Raises SettingsError.

    -> the settings, the embedded broker (None with a REDIS_URL), and the lock's file descriptor
    """
    data_dir = Path(os.environ.get("RELAY_DATA_DIR") or "instance").absolute()
    logs = data_dir / "logs"
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        logs.mkdir(exist_ok=True)
        restrict_old_files(data_dir)
        lock_handle = lock(data_dir, stop)
        store_secrets(data_dir)
    except OSError as exc:
        raise SettingsError(
            f"Relay cannot write to {data_dir} ({exc.strerror}). Set RELAY_DATA_DIR to another folder."
        ) from exc
    os.environ["RELAY_DATA_DIR"] = str(data_dir)
    for log in logs.glob("*.log"):
        if log.stat().st_size > MAX_LOG_BYTES:
            log.write_bytes(b"")
    valkey = None
    if not (os.environ.get("REDIS_URL") or os.environ.get("REDIS_URL_FILE")):
        valkey = Valkey(data_dir / "valkey", socket_path(data_dir), logs / "valkey.log")
        os.environ["REDIS_URL"] = valkey.url
    config = Config.from_env()
    check_port(config.port)
    return config, valkey, lock_handle


def wait_for_web(base: str, child: Child, stop: threading.Event) -> None:
    """Wait until the web process responds.  Raises SettingsError if it does not start."""
    until = time.monotonic() + START_LIMIT_S
    while not stop.is_set():
        try:
            urllib.request.urlopen(f"{base}/healthz", timeout=2).close()  # noqa: S310 - our own
            return
        except OSError as exc:
            dead = child.process is None or child.process.poll() is not None
            if dead or time.monotonic() > until:
                raise SettingsError(
                    f"The web process did not start. See {child.log} for the reason."
                ) from exc
            stop.wait(0.05)


def wait_for_worker(app: Flask, stop: threading.Event) -> None:
    """Wait until a worker has sent its first heartbeat, at most START_LIMIT_S."""
    client = app.extensions["relay_broker"].client
    until = time.monotonic() + START_LIMIT_S
    while not stop.wait(0.05) and time.monotonic() < until:
        try:
            if next(client.scan_iter(heartbeat_key("worker", "*")), None):
                return
        except RedisError:
            continue


def disconnect(app: Flask) -> None:
    """Close the connections to the database and the broker: a fork must not share them."""
    with app.app_context():
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()
    app.extensions["relay_broker"].client.close()


def run(stop: threading.Event) -> None:
    """Start all processes and restart those that die, until ``stop``.  Raises SettingsError."""
    config, valkey, lock_handle = prepare(stop)
    base = config.base_url
    children: list[Child] = []
    try:
        if valkey is not None:
            valkey.start(keep=(lock_handle,))
        app = create_app(config)
        with app.app_context():
            installation.migrate(config)
            link = installation.first_run_url(base, config.data_dir)
            empty = demo.is_empty()
        disconnect(app)
        forks.preload()
        logs = config.data_dir / "logs"
        env = {**os.environ, "WORKER_SHUTDOWN_MS": str(STOP_LIMIT_S * 800)}
        children += [
            Child(name, command, logs / f"{name}.log", env, (lock_handle,), may_fork=MAY_FORK)
            for name, command in standard_processes().items()
        ]
        children[0].start()  # the web process first: a person waits for it
        wait_for_web(f"http://127.0.0.1:{config.port}", children[0], stop)
        for child in children[1:]:
            child.start()
        say(f"Relay is running at {base}  (logs in {logs})")
        if empty and not stop.is_set():
            wait_for_worker(app, stop)
            with app.app_context():
                demo.show(f"http://127.0.0.1:{config.port}", say)
            disconnect(app)
        if link:
            say(f"Create your account (the link works once): {link}")
        say("Press Ctrl-C to stop.")
        while not stop.wait(0.3):
            for child in children:
                child.watch(say)
            if valkey is not None and not valkey.runs():
                say("The broker stopped. Restarting it. No data is lost.")
                valkey.start(keep=(lock_handle,))
    finally:
        finish(children, valkey)


def finish(children: list[Child], valkey: Valkey | None) -> None:
    """Stop all processes, including those that a child has left in its process group."""
    running = [child.process for child in children if child.process is not None]
    end(running, STOP_LIMIT_S)
    for process in running:
        kill(process)
    if valkey is not None:
        valkey.stop()


def main() -> None:
    restrict_new_files()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        run(stop)
    except SettingsError as exc:
        sys.exit(str(exc))
    say("Stopped.")


if __name__ == "__main__":
    main()
