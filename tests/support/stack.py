"""A running Relay: its production processes, with their own database, broker and port."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import requests
from sqlalchemy import create_engine, text

from config import database_url as sqlalchemy_url
from relay.launcher.processes import ROOT, Child, end, kill, standard_processes
from tests.support.env import relay_env
from tests.support.network import free_port, wait_for

T = TypeVar("T")


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """The value of ``X-WP-Signature``, computed from the contract alone."""
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


@dataclass(frozen=True)
class MadeSource:
    """What ``flask sources create --json`` said."""

    slug: str
    secret: str
    key_id: str


class Stack:
    """``start`` brings up all processes and returns when the web answers."""

    def __init__(self, data_dir: Path, database_url: str, redis_url: str, **settings: str):
        self.data_dir, self.database_url, self.port = data_dir, database_url, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.logs_dir = data_dir / "logs"
        self.logs_dir.mkdir(parents=True, exist_ok=True)
        self.env = relay_env(
            data_dir,
            DATABASE_URL=database_url,
            REDIS_URL=redis_url,
            PORT=str(self.port),
            **settings,
        )
        self.start_limit_s = 30.0
        self.processes = {
            name: Child(name, command, self.logs_dir / f"{name}.log", self.env)
            for name, command in standard_processes().items()
        }
        self.engine = create_engine(sqlalchemy_url(database_url, data_dir), pool_pre_ping=True)
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=64))

    def start(self, *names: str) -> None:
        """Start the named processes, or all; wait until the web answers if it is among them."""
        for name in names or self.processes:
            self.processes[name].start()
        if not names or "web" in names:
            wait_for(self.is_up, self.start_limit_s, f"the web process: {self.log('web')[-3000:]}")

    def is_up(self) -> bool:
        process = self.processes["web"].process
        if process is None or process.poll() is not None:
            raise AssertionError(f"The web process ended: {self.log('web')[-3000:]}")
        try:
            return self.http.get(f"{self.url}/healthz", timeout=5).status_code == 200
        except (requests.ConnectionError, requests.Timeout):
            return False

    def stop(self, *names: str) -> None:
        """Ask the named processes, or all, to stop, and wait for it."""
        chosen = [self.processes[name] for name in names or self.processes]
        end([child.process for child in chosen if child.process is not None])
        for child in chosen:
            if child.process is not None:
                kill(child.process)  # whatever it left behind in its group
                child.process = None

    def kill(self, name: str) -> None:
        """Kill a process and its children, like a power failure."""
        process = self.processes[name].process
        assert process is not None, f"{name} does not run"
        kill(process)
        self.processes[name].process = None

    def signal(self, name: str, number: signal.Signals) -> None:
        process = self.processes[name].process
        assert process is not None, f"{name} does not run"
        process.send_signal(number)

    def restart(self, *names: str) -> None:
        self.stop(*names)
        self.start(*names)

    def log(self, name: str) -> str:
        """All that a process has said."""
        path = self.processes[name].log
        return path.read_text(errors="replace") if path.exists() else ""

    def flask(self, *words: str, input: str | None = None, code: int = 0) -> Any:
        """Run ``flask …``; with ``--json`` its answer as an object, else as text.

        Raises AssertionError if it does not exit with ``code``.
        """
        done = subprocess.run(
            [sys.executable, "-m", "flask", *words],
            cwd=ROOT,
            env=self.env,
            input=input,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == code, (
            f"flask {words}: {done.returncode} {done.stdout}{done.stderr}"
        )
        if code == 0 and "--json" in words:
            return json.loads(done.stdout)
        return done.stdout + done.stderr

    def python(self, code: str) -> str:
        """Run Python inside the application, with its settings.  -> what it printed"""
        begin = "from wsgi import app; app.app_context().push()\n"
        done = subprocess.run(
            [sys.executable, "-c", begin + code],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def make_source(self, name: str = "Shop", url: str = "https://shop.example.com") -> MadeSource:
        """A source, made by the command line."""
        made = self.flask("sources", "create", name, "--url", url, "--json")
        return MadeSource(made["slug"], made["secret"], made["keys"][0]["id"])

    def send(
        self,
        event: Mapping[str, Any] | bytes,
        secret: str,
        source: str | None = None,
        timestamp: int | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 20.0,
    ) -> requests.Response:
        """Sign and post one event, or raw bytes, as a site does."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        event_id = "evt-raw" if isinstance(event, bytes) else str(event.get("event_id", ""))
        moment = str(int(time.time()) if timestamp is None else timestamp)
        return self.http.post(
            f"{self.url}/webhooks/wp" + (f"/{source}" if source else ""),
            data=body,
            headers={
                "Content-Type": "application/json",
                "X-WP-Timestamp": moment,
                "X-Event-Id": event_id,
                "X-WP-Signature": sign(secret, moment, body),
                **(headers or {}),
            },
            timeout=timeout_s,
        )

    def rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        """What a SELECT on the stack's database gives."""
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(statement), values).mappings()]

    def states(self) -> dict[str, int]:
        """How many deliveries are in each state."""
        rows = self.rows("SELECT state, count(*) AS n FROM delivery GROUP BY state")
        return {row["state"]: row["n"] for row in rows}

    def change(self, statement: str, **values: Any) -> int:
        """Change rows behind Relay's back.  -> how many"""
        with self.engine.begin() as connection:
            return connection.execute(text(statement), values).rowcount

    def wait_for(self, condition: Callable[[], T], timeout_s: float = 20.0, what: str = "") -> T:
        return wait_for(condition, timeout_s, what)

    def close(self) -> None:
        """Stop all; what the processes said is printed, so that a failed test shows it."""
        self.stop()
        self.http.close()
        self.engine.dispose()
        for name in self.processes:
            print(f"---- {name}\n{self.log(name)[-6000:]}")
