"""Limits of connections, and the threads of events beside those of the dashboard."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from relay.web.connections import group_of
from relay.web.server import DASHBOARD_THREADS
from tests.support.events import comment
from tests.support.network import wait_for
from tests.support.stack import MadeSource, Stack

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
PASSWORD = "correct horse battery staple"


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9%eth0", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::9", "2001:db8:1:3::/64"),
        ("", ""),
    ],
)
def test_ipv6_addresses_count_by_their_network(address: str, group: str) -> None:
    assert group_of(address) == group


@pytest.fixture
def one_process(database_url: str, tmp_path: Path) -> Iterator[Stack]:
    """A web process with all requests in one process."""
    stack = Stack(
        tmp_path / "web", database_url, f"unix://{tmp_path}/none.sock", WEB_CONCURRENCY="1"
    )
    try:
        stack.start("web")
        yield stack
    finally:
        stack.close()


def via(address: str) -> requests.Session:
    """A session whose connections come from ``address``."""

    class From(requests.adapters.HTTPAdapter):
        def init_poolmanager(self, *args: object, **more: object) -> None:
            super().init_poolmanager(*args, source_address=(address, 0), **more)  # type: ignore[no-untyped-call]

    session = requests.Session()
    session.trust_env = False
    session.mount("http://", From(pool_maxsize=64))
    return session


def post_comment(stack: Stack, source: MadeSource, address: str) -> float:
    """Send one event from ``address``.  -> seconds until its 202"""
    plain, stack.http = stack.http, via(address)
    try:
        began = time.monotonic()
        assert stack.send(comment(), source.secret, timeout_s=10).status_code == 202
        return time.monotonic() - began
    finally:
        stack.http.close()
        stack.http = plain


@SQLITE
def test_1500_idle_connections_from_one_address_do_not_delay_an_event_from_another(
    one_process: Stack,
) -> None:
    source = one_process.make_source()
    post_comment(one_process, source, "127.0.0.2")
    with contextlib.ExitStack() as held:
        for _ in range(1500):
            client = held.enter_context(socket.socket())
            client.settimeout(10)
            client.connect(("127.0.0.1", one_process.port))
        assert post_comment(one_process, source, "127.0.0.2") < 1
        assert post_comment(one_process, source, "127.0.0.1") < 1
        child = one_process.processes["web"].process
        assert child is not None
        # every connection beyond the limit of this address made room
        wait_for(lambda: len(list(Path(f"/proc/{child.pid}/fd").iterdir())) < 350, 5)


@SQLITE
def test_unfinished_headers_take_no_memory_and_end_after_ten_seconds(one_process: Stack) -> None:
    child = one_process.processes["web"].process
    assert child is not None
    before = memory_mb(child.pid)
    start = b"GET / HTTP/1.1\r\nHost: a\r\nX: "
    with contextlib.ExitStack() as held:
        first = held.enter_context(socket.create_connection(("127.0.0.1", one_process.port), 20))
        first.sendall(start)
        began = time.monotonic()
        for _ in range(200):
            client = held.enter_context(
                socket.create_connection(("127.0.0.1", one_process.port), 10)
            )
            with contextlib.suppress(OSError):
                client.sendall(start + b"y" * 250_000)
        assert client.recv(100).startswith(b"HTTP/1.1 431")
        assert memory_mb(child.pid) - before < 40
        assert first.recv(100).startswith(b"HTTP/1.1 408")
        assert 9 < time.monotonic() - began < 13


def memory_mb(pid: int) -> float:
    found = re.search(r"VmRSS:\s+([0-9]+)", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) / 1024


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_events_are_accepted_while_every_thread_of_the_dashboard_waits(one_process: Stack) -> None:
    stack = one_process
    source = stack.make_source()
    stack.flask(
        "users", "create", "ada@example.com", "--role", "admin", "--password-stdin", input=PASSWORD
    )
    form = stack.http.get(f"{stack.url}/sign-in").text
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form)
    assert token
    stack.http.post(
        f"{stack.url}/sign-in",
        data={"email": "ada@example.com", "password": PASSWORD, "csrf_token": token[1]},
        headers={"Origin": stack.url},
    )
    assert stack.http.get(f"{stack.url}/events").url.endswith("/events")
    cookies = stack.http.cookies.get_dict()
    pages = [
        threading.Thread(
            target=lambda: requests.get(f"{stack.url}/events", cookies=cookies, timeout=60),
            daemon=True,
        )
        for _ in range(DASHBOARD_THREADS * 3)
    ]
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with stack.engine.connect() as lock:
        lock.exec_driver_sql("LOCK TABLE user_account IN ACCESS EXCLUSIVE MODE")
        for page in pages:
            page.start()
        wait_for(lambda: len(stack.rows(waiting)) == DASHBOARD_THREADS, 10, "blocked pages")
        with ThreadPoolExecutor(20) as pool:
            answers = pool.map(
                lambda _: stack.send(comment(), source.secret, timeout_s=5), range(100)
            )
            assert {answer.status_code for answer in answers} == {202}
        assert stack.http.get(f"{stack.url}/readyz", timeout=5).status_code == 200
        assert len(stack.rows(waiting)) == DASHBOARD_THREADS
        lock.rollback()
    for page in pages:
        page.join(20)
