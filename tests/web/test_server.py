"""The web server with real sockets: errors, slow clients, several processes, a clean stop."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from relay.launcher.processes import ROOT, end, spawn
from relay.web.server import is_loopback
from tests.support.env import relay_env
from tests.support.events import comment
from tests.support.network import free_port, wait_for
from tests.support.postgres import PostgresServer
from tests.support.stack import Stack

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
POSTGRES = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


def dial(web: Stack) -> socket.socket:
    return socket.create_connection(("127.0.0.1", web.port), timeout=10)


def hear(client: socket.socket) -> tuple[int, dict[str, str]]:
    """-> status and body of the one answer before the server closes"""
    said = b""
    while piece := client.recv(65536):
        said += piece
    head, _, body = said.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def children_of(pid: int) -> list[int]:
    said = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(word) for word in said.stdout.split()]


@SQLITE
def test_a_far_too_large_body_gets_413_while_it_is_still_sent(web: Stack) -> None:
    with dial(web) as client:
        client.sendall(b"POST /webhooks/wp HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n")
        with contextlib.suppress(OSError):
            for _ in range(90):
                client.sendall(b"x" * 100_000)
        code, body = hear(client)
    assert (code, body["error"]) == (413, "too_large")


@SQLITE
@pytest.mark.parametrize("size", [300_000, 2_000_000])
def test_a_chunked_body_over_the_limit_gets_413(web: Stack, size: int) -> None:
    with dial(web) as client:
        client.sendall(
            b"POST /webhooks/wp HTTP/1.1\r\nHost: a\r\nX-WP-Timestamp: 1\r\nX-Event-Id: e\r\n"
            b"X-WP-Signature: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        )
        with contextlib.suppress(OSError):
            for _ in range(size // 10_000):
                client.sendall(b"2710\r\n" + b"x" * 10_000 + b"\r\n")
            client.sendall(b"0\r\n\r\n")
        code, body = hear(client)
    assert code in (401, 413)
    assert (size == 300_000 and code == 401) or body["error"] == "too_large"


@SQLITE
@pytest.mark.parametrize(
    "lines",
    [
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Content-Length: 3\r\nContent-Length: 4\r\n",
        b"Content-Length: nonsense\r\n",
        b"Broken\r\n",
    ],
)
def test_invalid_http_gets_a_4xx_in_json(web: Stack, lines: bytes) -> None:
    with dial(web) as client:
        client.sendall(b"POST /webhooks/wp HTTP/1.1\r\nHost: a\r\n" + lines + b"\r\n")
        client.shutdown(socket.SHUT_WR)
        code, body = hear(client)
    assert 400 <= code < 500
    assert body["error"]


@SQLITE
def test_header_bytes_outside_ascii_get_a_response(web: Stack) -> None:
    with dial(web) as client:
        client.sendall(
            b"POST /webhooks/wp HTTP/1.1\r\nHost: a\r\nX-Event-Id: \xff\xc3\xa4\r\n"
            b"Connection: close\r\nContent-Length: 0\r\n\r\n"
        )
        assert 400 <= hear(client)[0] < 500


@SQLITE
def test_a_client_that_sends_byte_by_byte_is_disconnected(web: Stack) -> None:
    with dial(web) as client:
        client.sendall(b"POST /webhooks/wp HTTP/1.1\r\n")
        client.settimeout(0.5)
        began, cut_off = time.monotonic(), False
        while not cut_off and time.monotonic() - began < 60:
            try:
                client.sendall(b"x")
                cut_off = client.recv(1) == b""
            except TimeoutError:
                continue
            except OSError:
                cut_off = True
    assert cut_off
    assert time.monotonic() - began > 9


@SQLITE
@pytest.mark.parametrize("count", [40, 200])
@pytest.mark.parametrize("half", ["head", "body"])
def test_incomplete_requests_do_not_block_others(web: Stack, half: str, count: int) -> None:
    head = b"POST /webhooks/wp HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n"
    part = head[:30] if half == "head" else head + b"x" * 500
    with contextlib.ExitStack() as held:
        for _ in range(count):
            held.enter_context(dial(web)).sendall(part)
        began = time.monotonic()
        for _ in range(20):
            assert web.http.get(f"{web.url}/healthz", timeout=5).status_code == 200
        assert time.monotonic() - began < 3


@POSTGRES
def test_a_running_request_is_completed_after_sigterm(
    web: Stack, postgres_server: PostgresServer
) -> None:
    source = web.make_source()
    assert web.send(comment(), source.secret).status_code == 202
    process = web.processes["web"].process
    assert process is not None
    lock = web.engine.connect()
    with ThreadPoolExecutor(8) as pool:
        lock.exec_driver_sql("LOCK TABLE event IN ACCESS EXCLUSIVE MODE")
        answers = [pool.submit(web.send, comment(), source.secret) for _ in range(8)]
        wait_for(
            lambda: web.rows("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"),
            10,
            "a request that waits",
        )
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        wait_for(lambda: not listens(web.port), 5, "no new connections")
        lock.rollback()
        assert {answer.result().status_code for answer in answers} == {202}
    lock.close()
    assert process.wait(10) == 0
    assert time.monotonic() - began < 10
    assert web.rows("SELECT count(*) AS n FROM event") == [{"n": 9}]


def listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@POSTGRES
def test_a_process_that_dies_is_replaced_and_all_stop_with_the_parent(web: Stack) -> None:
    process = web.processes["web"].process
    assert process is not None
    before = wait_for(lambda: two(process.pid), 10, "two processes")
    os.kill(before[0], signal.SIGKILL)
    after = wait_for(lambda: (now := two(process.pid)) != before and now, 10, "a new process")
    wait_for(lambda: web.http.get(f"{web.url}/healthz", timeout=5).status_code == 200, 10)
    process.kill()
    process.wait()
    wait_for(lambda: not any(alive(pid) for pid in after), 10, "the end of the others")


def two(pid: int) -> list[int]:
    found = children_of(pid)
    return found if len(found) == 2 else []


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


@SQLITE
def test_a_port_in_use_is_one_error_line(database_url: str, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "relay.web.server"],
            cwd=ROOT,
            env=relay_env(tmp_path, DATABASE_URL=database_url, PORT=str(port)),
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert done.returncode == 1
    assert re.fullmatch(rf"Relay cannot listen on port {port} of 127\.0\.0\.1 .*\n", done.stderr)


def test_which_hosts_are_inside() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.0.0.2", "::1", "[::1]", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.0.2.1", "relay")))  # noqa: S104


@SQLITE
def test_other_hosts_can_connect_only_with_a_public_url(database_url: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "relay.web.server"],
        cwd=ROOT,
        env=relay_env(tmp_path, DATABASE_URL=database_url, PORT=str(free_port()), HOST="0.0.0.0"),  # noqa: S104
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert re.fullmatch(r"HOST is 0\.0\.0\.0, .* RELAY_PUBLIC_URL is not set\. .*\n", done.stderr)


@SQLITE
def test_it_listens_on_the_configured_host(database_url: str, tmp_path: Path) -> None:
    port = free_port()
    env = relay_env(tmp_path, DATABASE_URL=database_url, PORT=str(port), HOST="::1")
    with (tmp_path / "log").open("wb") as log:
        process = spawn("python -m relay.web.server", log, env)
    try:
        wait_for(lambda: reaches("::1", port), 20, (tmp_path / "log").read_text())
        assert not listens(port)
    finally:
        end([process])


def reaches(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6) as one:
        return one.connect_ex((host, port)) == 0


def cpu_s(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@SQLITE
def test_concurrent_requests_cost_no_more_cpu_than_sequential_ones(web: Stack) -> None:
    """Threads that wait for the same commit answer together, and nothing turns idly meanwhile."""
    source = web.make_source()
    process = web.processes["web"].process
    assert process is not None

    def spent(connections: int) -> float:
        before = cpu_s(process.pid)
        with ThreadPoolExecutor(connections) as pool:
            answers = list(pool.map(lambda _: post(), range(320)))
        assert set(answers) == {202}
        return cpu_s(process.pid) - before

    def post() -> int:
        return web.send(comment(), source.secret).status_code

    post()
    alone, together = spent(1), spent(32)
    assert together < alone * 1.5 + 0.1


def start_with(web: Stack, passed: list[socket.socket]) -> subprocess.Popen[bytes]:
    """Start web as systemd does for a socket unit: with listening sockets from descriptor 3 on."""
    numbers = [one.fileno() for one in passed]
    moves = "; ".join(f"exec {99 - n}<&{number}" for n, number in enumerate(numbers))
    moves += "; " + "; ".join(f"exec {3 + n}<&{99 - n}" for n in range(len(numbers)))
    line = f"{moves}; LISTEN_FDS={len(numbers)} LISTEN_PID=$$ exec python -m relay.web.server"
    with (web.logs_dir / "web.log").open("ab") as log:
        return spawn(["bash", "-c", line], log, web.env, keep=tuple(numbers))


@POSTGRES
def test_with_the_sockets_of_the_service_manager_a_restart_refuses_no_request(web: Stack) -> None:
    web.stop("web")
    with contextlib.ExitStack() as stack:
        passed = [
            stack.enter_context(socket.create_server(("127.0.0.1", web.port), reuse_port=True))
            for _ in range(2)
        ]
        stop, failed, answered = threading.Event(), list[str](), list[float]()

        def ask() -> None:
            while not stop.is_set():
                try:  # a new connection for each request
                    with urllib.request.urlopen(f"{web.url}/healthz", timeout=60) as response:
                        assert response.status == 200
                    answered.append(time.monotonic())
                except Exception as exc:
                    failed.append(repr(exc))

        process = start_with(web, passed)
        with ThreadPoolExecutor(4) as pool:
            clients = [pool.submit(ask) for _ in range(4)]
            try:
                wait_for(lambda: len(answered) > 50, 60, "answers")
                assert len(children_of(process.pid)) == 2
                end([process])
                assert process.returncode == 0, web.log("web")[-2000:]
                answered.clear()
                process = start_with(web, passed)
                wait_for(lambda: len(answered) > 50, 60, "answers after the restart")
            finally:
                stop.set()
                for client in clients:
                    client.result()
                end([process])
    assert failed == []


@SQLITE
def test_a_passed_descriptor_that_does_not_listen_is_one_error_line(web: Stack) -> None:
    web.stop("web")
    with socket.socket() as unbound:
        process = start_with(web, [unbound])
        assert process.wait(30) == 1
    assert "descriptor 3, which is not a listening TCP socket" in web.log("web")
