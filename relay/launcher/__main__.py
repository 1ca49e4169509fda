"""``python -m relay.launcher``: everything on this machine, until Ctrl-C."""

from __future__ import annotations

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

from config import Config
from relay import create_app
from relay.errors import SettingsError
from relay.launcher import demonstration
from relay.launcher.processes import Child, end, kill, read_procfile
from relay.launcher.valkey import Valkey, socket_path
from relay.models import db

LARGEST_LOG = 10 * 1024 * 1024
START_LIMIT_S = 30.0


def say(text: str) -> None:
    print(text, flush=True)


def keep_secrets(data_dir: Path) -> None:
    """Make what the embedded default needs, once, readable by this user alone."""
    data_dir.mkdir(parents=True, exist_ok=True)
    path = data_dir / "secrets.env"
    if path.exists():
        return
    made = f"SECRET_KEY={secrets.token_urlsafe(48)}\nRELAY_ENCRYPTION_KEYS={Fernet.generate_key().decode()}\n"
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


def prepare() -> tuple[Config, Valkey | None]:
    """Secrets, folders, broker.  Raises SettingsError."""
    data_dir = Path(os.environ.get("RELAY_DATA_DIR") or "instance").absolute()
    keep_secrets(data_dir)
    os.environ["RELAY_DATA_DIR"] = str(data_dir)
    logs = data_dir / "logs"
    logs.mkdir(exist_ok=True)
    for log in logs.glob("*.log"):
        if log.stat().st_size > LARGEST_LOG:
            log.write_bytes(b"")
    shutil.rmtree(data_dir / "metrics", ignore_errors=True)
    valkey = None
    if not os.environ.get("REDIS_URL"):
        valkey = Valkey(data_dir / "valkey", socket_path(data_dir), logs / "valkey.log")
        os.environ["REDIS_URL"] = valkey.url
    config = Config.from_env()
    check_port(config.port)
    return config, valkey


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
    config, valkey = prepare()
    base = config.public_url or f"http://127.0.0.1:{config.port}"
    children: list[Child] = []
    try:
        if valkey is not None:
            valkey.start()
        app = create_app(config)
        with app.app_context():
            upgrade()
            link = demonstration.first_run_url(base, config.data_dir)
            empty = demonstration.is_empty()
            db.session.remove()
        logs = config.data_dir / "logs"
        children += [
            Child(name, command, logs / f"{name}.log", dict(os.environ))
            for name, command in read_procfile().items()
        ]
        for child in children:
            child.start()
        wait_for_web(f"http://127.0.0.1:{config.port}", children[0], stop)
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
            if valkey is not None:
                valkey.start()
    finally:
        finish(children, valkey)


def finish(children: list[Child], valkey: Valkey | None) -> None:
    """Stop all; what a child left in its group is ended too."""
    running = [child.process for child in children if child.process is not None]
    end(running, patience_s=10)
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
