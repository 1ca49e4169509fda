"""A site that sends 50 events a second through nginx, and nginx in front of some hosts."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests

from tests.support.authority import Authority
from tests.support.events import comment
from tests.support.network import free_port, wait_for
from tests.support.nginx import nginx
from tests.support.stack import Stack

PER_SECOND = 50
CERTIFICATES = "/etc/letsencrypt/live/relay.example.com"
# What hosts behind nginx are started with.
SETTINGS = {
    "RELAY_TRUSTED_PROXIES": "1",
    "RELAY_PUBLIC_URL": "https://localhost",
    "RELAY_CANARY_MINUTES": "0",
}


@dataclass
class Traffic:
    """One event every 20 ms through nginx, each sent once.  ``answers`` counts what came back."""

    stack: Stack
    secret: str
    answers: Counter[str] = field(default_factory=Counter)
    accepted: set[str] = field(default_factory=set)
    stopped: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.pool = ThreadPoolExecutor(16, "traffic")
        self.futures: list[Future[None]] = []
        self.clock = threading.Thread(target=self._run)
        self.clock.start()

    def _run(self) -> None:
        began = time.monotonic()
        while not self.stopped.wait(
            max(0.0, began + len(self.futures) / PER_SECOND - time.monotonic())
        ):
            self.futures.append(self.pool.submit(self._send, f"e-{len(self.futures)}"))

    def _send(self, event_id: str) -> None:
        try:
            answer = str(self.stack.send(comment(event_id=event_id), self.secret).status_code)
        except requests.RequestException as exc:
            answer = repr(exc)
        self.answers[answer] += 1
        if answer == "202":
            self.accepted.add(event_id)

    def more(self, count: int) -> None:
        """Wait until so many more are answered."""
        enough = self.answers.total() + count
        wait_for(lambda: self.answers.total() >= enough, 120, f"{count} more answers")

    def finish(self) -> int:
        """-> how many were sent"""
        self.stopped.set()
        self.clock.join()
        for future in self.futures:
            future.result()
        self.pool.shutdown()
        return len(self.futures)


@contextmanager
def behind_nginx(hosts: Sequence[Stack], folder: Path) -> Iterator[Stack]:
    """The first host, reached through nginx by HTTPS."""
    authority = Authority(folder)
    authority.server("localhost")
    pem = str(folder / "localhost.server.pem")
    plain, secure = free_port(), free_port()
    changes = {
        "server 127.0.0.1:8000 max_fails=0;": "\n".join(
            f"server 127.0.0.1:{host.port} max_fails=0;" for host in hosts
        ),
        f"{CERTIFICATES}/fullchain.pem": pem,
        f"{CERTIFICATES}/privkey.pem": pem,
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "listen [::]:80;": f"listen [::1]:{plain};",
        "listen 443 ssl": f"listen 127.0.0.1:{secure} ssl",
        "listen [::]:443 ssl": f"listen [::1]:{secure} ssl",
        "relay.example.com": "localhost",
    }
    with nginx(folder, "relay.conf", changes):
        first = hosts[0]
        first.url = f"https://localhost:{secure}"
        first.http.verify = str(authority.path)
        first.http.mount("https://", requests.adapters.HTTPAdapter(pool_maxsize=64))
        wait_for(lambda: answers(first), 15, "nginx")
        yield first


def answers(stack: Stack) -> bool:
    try:
        return stack.http.get(f"{stack.url}/healthz", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


def listens(host: Stack) -> bool:
    """Whether a host takes connections."""
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", host.port)) == 0
