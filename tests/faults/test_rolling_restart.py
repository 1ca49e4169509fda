"""Each process restarts in turn behind nginx while a site sends 50 events a second."""

from __future__ import annotations

import shlex
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from relay.launcher.valkey import Valkey
from tests.faults.conftest import add
from tests.faults.figures import FULL, Figures, size
from tests.faults.load import arrivals, extras
from tests.support.authority import Authority
from tests.support.events import comment
from tests.support.network import free_port, wait_for
from tests.support.nginx import nginx
from tests.support.sink import Sink
from tests.support.stack import Stack

PER_SECOND = 50
pytestmark = pytest.mark.timeout(300)


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


def activate_by_socket(stack: Stack, sockets: list[socket.socket]) -> None:
    """Web gets the listening sockets of the service manager: see deploy/systemd/relay-web.socket."""
    web, numbers = stack.processes["web"], tuple(one.fileno() for one in sockets)
    moves = " ".join(f"{3 + n}<&{number}" for n, number in enumerate(numbers))
    line = f"exec {moves}; LISTEN_FDS={len(numbers)} LISTEN_PID=$$ exec {web.command}"
    web.command, web.keep = f"bash -c {shlex.quote(line)}", numbers


@pytest.fixture
def hosts(
    request: pytest.FixtureRequest, postgres_url: str, valkey: Valkey, tmp_path: Path
) -> Iterator[list[Stack]]:
    """One host with socket activation, or two without, as the test says.  The first has all processes."""
    settings = {"RELAY_TRUSTED_PROXIES": "1", "RELAY_PUBLIC_URL": "https://localhost"}
    settings |= {"RELAY_CANARY_MINUTES": "0"}
    made = [
        Stack(tmp_path / f"host-{n}", postgres_url, valkey.url, **settings)
        for n in range(request.param)
    ]
    with ExitStack() as stack:
        for host in made:
            stack.callback(host.close)
        if len(made) == 1:
            sockets = [
                stack.enter_context(
                    socket.create_server(("127.0.0.1", made[0].port), reuse_port=True, backlog=1024)
                )
                for _ in range(2)
            ]
            activate_by_socket(made[0], sockets)
        else:
            for host in made:
                host.processes["web"].env = {**host.env, "WEB_CONCURRENCY": "1"}
            made[1].start("web")
        made[0].start()
        yield made


@pytest.fixture
def proxied(hosts: list[Stack], tmp_path: Path) -> Iterator[Stack]:
    """The first host, reached through nginx by HTTPS."""
    authority = Authority(tmp_path)
    authority.server("localhost")
    pem = str(tmp_path / "localhost.server.pem")
    plain, secure = free_port(), free_port()
    folder = "/etc/letsencrypt/live/relay.example.com"
    changes = {
        "server 127.0.0.1:8000 max_fails=0;": "\n".join(
            f"server 127.0.0.1:{host.port} max_fails=0;" for host in hosts
        ),
        f"{folder}/fullchain.pem": pem,
        f"{folder}/privkey.pem": pem,
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "listen [::]:80;": f"listen [::1]:{plain};",
        "listen 443 ssl": f"listen 127.0.0.1:{secure} ssl",
        "listen [::]:443 ssl": f"listen [::1]:{secure} ssl",
        "relay.example.com": "localhost",
    }
    with nginx(tmp_path, "relay.conf", changes):
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


# A restart with the sockets of the service manager is tested without a proxy too: tests/web/test_server.py.
@pytest.mark.parametrize("hosts", [1, 2] if FULL else [2], indirect=True)
def test_a_restart_of_each_process_behind_nginx_fails_loses_and_repeats_nothing(
    hosts: list[Stack], proxied: Stack, sink: Sink, figures: Figures
) -> None:
    secret = proxied.make_source().secret
    add(proxied, sink, "Sink", "/in")
    between = size(25, 400)
    traffic = Traffic(proxied, secret)
    try:
        for host in hosts:
            traffic.more(between)
            web = host.processes["web"].process
            assert web is not None
            host.stop("web")
            assert web.returncode == 0, host.log("web")[-2000:]
            host.processes["web"].start()
            if len(hosts) > 1:  # the next one restarts when this one serves again
                wait_for(lambda host=host: listens(host), 30, "web")
        for name in ("scheduler", "worker"):
            traffic.more(between)
            proxied.stop(name)
            proxied.start(name)
        traffic.more(between)
    finally:
        sent = traffic.finish()
    assert traffic.answers == {"202": sent}
    wait_for(lambda: len(arrivals(sink)) == sent, 60, "all deliveries")
    assert (set(arrivals(sink)), extras(arrivals(sink))) == (traffic.accepted, 0)
    figures.note("U2", f"{sent} events, {len(hosts)} host(s): 0, 0 and 0")


def listens(host: Stack) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", host.port)) == 0
