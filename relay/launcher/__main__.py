"""``python -m relay.launcher``: everything on this machine, until Ctrl-C."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import signal
import socket
import sys
import threading
import time
import urllib.request
from pathlib import Path

from cryptography.fernet import Fernet
from flask import Flask
from flask_migrate import upgrade
from redis.exceptions import RedisError
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from config import Config
from relay import create_app
from relay.errors import SettingsError
from relay.launcher import demonstration
from relay.launcher.processes import Child, end, kill, read_procfile
from relay.launcher.valkey import Valkey, socket_path
from relay.models import db

LARGEST_LOG = 10 * 1024 * 1024
START_LIMIT_S = 30.0
STOP_LIMIT_S = 10
LOCK_LIMIT_S = 15.0  # longer than a launcher that was ended needs to end what it started


def say(text: str) -> None:
    print(text, flush=True)


def lock(data_dir: Path, stop: threading.Event) -> int:
    """Hold the data directory for this launcher and all that it starts, which inherit the lock.

    One that is just stopping is waited for.  Raises SettingsError where one runs.
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
                    f"Relay runs already with the data in {data_dir}. Stop that one, "
                    "or set RELAY_DATA_DIR and PORT to others."
                ) from exc
            stop.wait(0.1)


def keep_secrets(data_dir: Path) -> None:
    """Make what the embedded default needs, once, readable by this user alone."""
    path, names = data_dir / "secrets.env", ("SECRET_KEY", "RELAY_ENCRYPTION_KEYS")
    given = all(os.environ.get(name) or os.environ.get(f"{name}_FILE") for name in names)
    if given or path.exists():
        return
    made = "".join(
        f"{name}={value}\n"
        for name, value in zip(
            names, (secrets.token_urlsafe(48), Fernet.generate_key().decode()), strict=True
        )
    )
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(made)


def check_port(port: int) -> None:
    """Raises SettingsError where something else listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as exc:
            raise SettingsError(
                f"Port {port} is taken. Stop what runs there, or start with another one: "
                f"PORT={port + 1} make run"
            ) from exc


def prepare(stop: threading.Event) -> tuple[Config, Valkey | None, int]:
    """Folders, the lock on them, secrets, broker.  Raises SettingsError."""
    data_dir = Path(os.environ.get("RELAY_DATA_DIR") or "instance").absolute()
    logs = data_dir / "logs"
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        logs.mkdir(exist_ok=True)
        held = lock(data_dir, stop)
        keep_secrets(data_dir)
    except OSError as exc:
        raise SettingsError(
            f"{data_dir} cannot be written ({exc.strerror}). Set RELAY_DATA_DIR to another folder."
        ) from exc
    os.environ["RELAY_DATA_DIR"] = str(data_dir)
    for log in logs.glob("*.log"):
        if log.stat().st_size > LARGEST_LOG:
            log.write_bytes(b"")
    shutil.rmtree(data_dir / "metrics", ignore_errors=True)
    valkey = None
    if not (os.environ.get("REDIS_URL") or os.environ.get("REDIS_URL_FILE")):
        valkey = Valkey(data_dir / "valkey", socket_path(data_dir), logs / "valkey.log")
        os.environ["REDIS_URL"] = valkey.url
    config = Config.from_env()
    check_port(config.port)
    return config, valkey, held


def migrate(config: Config) -> None:
    """Bring the database to the newest version.  Raises SettingsError where it does not answer."""
    try:
        upgrade()
    except DBAPIError as exc:
        where = make_url(config.database_url).render_as_string(hide_password=True)
        reason = str(exc.orig).strip().splitlines()[0]
        raise SettingsError(f"The database at {where} cannot be used: {reason}") from exc


def wait_for_web(base: str, child: Child, stop: threading.Event) -> None:
    """Raises SettingsError where the web process does not come up."""
    until = time.monotonic() + START_LIMIT_S
    while not stop.is_set():
        try:
            urllib.request.urlopen(f"{base}/healthz", timeout=2).close()  # noqa: S310 - our own
            return
        except OSError as exc:
            dead = child.process is None or child.process.poll() is not None
            if dead or time.monotonic() > until:
                raise SettingsError(
                    f"The web process did not start. {child.log} says why."
                ) from exc
            stop.wait(0.05)


def wait_for_worker(app: Flask, stop: threading.Event) -> None:
    """Until a worker has shown its first sign of life, but not for ever."""
    client = app.extensions["relay_broker"].broker.client
    until = time.monotonic() + START_LIMIT_S
    while not stop.wait(0.05) and time.monotonic() < until:
        try:
            if next(client.scan_iter("relay:heartbeat:worker:*"), None):
                return
        except RedisError:
            continue


def run(stop: threading.Event) -> None:
    """Start all, show the way, watch until ``stop``.  Raises SettingsError."""
    config, valkey, held = prepare(stop)
    base = config.public_url or f"http://127.0.0.1:{config.port}"
    children: list[Child] = []
    try:
        if valkey is not None:
            valkey.start(keep=(held,))
        app = create_app(config)
        with app.app_context():
            migrate(config)
            link = demonstration.first_run_url(base, config.data_dir)
            empty = demonstration.is_empty()
            db.session.remove()
        logs = config.data_dir / "logs"
        env = {**os.environ, "WORKER_SHUTDOWN_MS": str(STOP_LIMIT_S * 800)}
        children += [
            Child(name, command, logs / f"{name}.log", env, (held,))
            for name, command in read_procfile().items()
        ]
        children[0].start()  # the others would only slow down what a person waits for
        wait_for_web(f"http://127.0.0.1:{config.port}", children[0], stop)
        for child in children[1:]:
            child.start()
        say(f"Relay runs at {base}  (logs in {logs})")
        if empty and not stop.is_set():
            wait_for_worker(app, stop)
            with app.app_context():
                demonstration.show(f"http://127.0.0.1:{config.port}", say)
        if link:
            say(f"Make your account (the link works once): {link}")
        say("Ctrl-C stops everything.")
        while not stop.wait(0.3):
            for child in children:
                child.watch(say)
            if valkey is not None and not valkey.runs():
                say("The broker stopped; starting it again. Nothing is lost.")
                valkey.start(keep=(held,))
    finally:
        finish(children, valkey)


def finish(children: list[Child], valkey: Valkey | None) -> None:
    """Stop all; what a child left in its group is ended too."""
    running = [child.process for child in children if child.process is not None]
    end(running, STOP_LIMIT_S)
    for process in running:
        kill(process)
    if valkey is not None:
        valkey.stop()


def main() -> None:
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
