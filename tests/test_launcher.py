"""``make run`` with real processes: the demo, a clean stop, a second start, and failures."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from relay.launcher.forks import fork_command
from relay.launcher.processes import ROOT, end, kill, spawn, standard_processes
from relay.launcher.valkey import MAX_SOCKET_PATH, Valkey, socket_path
from tests.support.env import foreign
from tests.support.network import free_port, wait_for

Launch = Callable[..., "Launched"]


class Launched:
    """One ``python -m relay.launcher``."""

    def __init__(self, data_dir: Path, said: Path, **settings: str):
        self.port, self.said, self.data_dir = free_port(), said, data_dir
        self.url = f"http://127.0.0.1:{self.port}"
        env = foreign(dict(os.environ)) | {
            "RELAY_DATA_DIR": str(data_dir),
            "PORT": str(self.port),
            **settings,
        }
        self.began = time.monotonic()
        with said.open("wb") as out:
            self.process = spawn([sys.executable, "-m", "relay.launcher"], out, env)

    def text(self) -> str:
        return self.said.read_text()

    def wait(self, pattern: str, timeout_s: float = 60) -> re.Match[str]:
        def found() -> re.Match[str] | None:
            ended = self.process.poll() is not None
            match = re.search(pattern, self.text())
            assert match or not ended, f"The launcher ended: {self.text()}"
            return match

        match = wait_for(found, timeout_s, pattern)
        assert match is not None
        return match

    def family(self) -> dict[int, str]:
        """Every living process that works on this data directory, but the launcher: pid -> command."""
        mark, found = str(self.data_dir).encode(), {}
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit() or int(folder.name) == self.process.pid:
                continue
            try:
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                if mark in command + (folder / "environ").read_bytes():  # the broker renames itself
                    found[int(folder.name)] = command.decode()
            except OSError:
                continue
        return {pid: command for pid, command in found.items() if command}

    def close(self) -> None:
        end([self.process], 15)
        for pid in self.family():
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    launched: list[Launched] = []

    def start(data_dir: Path = tmp_path / "instance", **settings: str) -> Launched:
        one = Launched(data_dir, tmp_path / f"said-{len(launched)}", **settings)
        launched.append(one)
        return one

    yield start
    for one in launched:
        print(one.text())
        one.close()


def test_the_first_start_shows_the_demo_and_ctrl_c_stops_all_processes(
    launch: Launch, tmp_path: Path
) -> None:
    relay = launch()
    relay.wait("Press Ctrl-C to stop")
    steps = re.findall(r"^ +(accepted|routed|delivered) .* ([\d.]+) ms ", relay.text(), re.M)
    assert [name for name, _ in steps] == ["accepted", "routed", "delivered"]
    assert "accepted   202" in relay.text()
    assert float(steps[2][1]) < 3000

    link = relay.wait(r"http://127\.0\.0\.1:\d+/first-run/\S+")[0]
    kept = relay.data_dir / "first-run-url"
    assert kept.read_text().strip() == link
    for name in ("first-run-url", "secrets.env"):
        assert stat.S_IMODE((relay.data_dir / name).stat().st_mode) == 0o600
    assert requests.get(link, timeout=10).status_code == 200

    assert len(relay.family()) >= 4, "web, worker, scheduler and the broker"
    began = time.monotonic()
    os.killpg(relay.process.pid, signal.SIGINT)  # as a terminal does
    assert relay.process.wait(15) == 0
    assert time.monotonic() - began < 12
    assert relay.family() == {}
    assert "Traceback" not in relay.text()

    again = launch()
    again.wait("Press Ctrl-C to stop")
    assert "Demo:" not in again.text()
    assert again.wait(r"/first-run/(\S+)")[1] not in link, "nobody has an account yet: a fresh link"
    assert requests.get(f"{again.url}/healthz", timeout=10).status_code == 200


def test_a_process_that_dies_is_reported_and_restarted(launch: Launch) -> None:
    relay = launch()
    relay.wait("Press Ctrl-C to stop")
    before = {pid: words for pid, words in relay.family().items() if "relay.scheduler" in words}
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    relay.wait(r"scheduler stopped \(by SIGKILL\). Restarting")
    after = wait_for(
        lambda: {p for p, words in relay.family().items() if "relay.scheduler" in words}, 20
    )
    assert not after & set(before)
    broker = next(pid for pid, words in relay.family().items() if "valkey" in words)
    os.kill(broker, signal.SIGKILL)
    relay.wait("The broker stopped. Restarting it")


def test_a_launcher_that_is_killed_leaves_nothing_running(launch: Launch) -> None:
    relay = launch()
    relay.wait("Press Ctrl-C to stop")
    relay.process.kill()
    relay.process.wait()
    next_one = launch(relay.data_dir)
    next_one.wait("Press Ctrl-C to stop")
    kill(next_one.process)
    wait_for(lambda: not next_one.family(), 20, "the end of all that it started")


def test_a_second_launcher_on_the_same_data_does_not_start(launch: Launch) -> None:
    relay = launch()
    relay.wait("Press Ctrl-C to stop")
    second = launch(relay.data_dir)
    assert second.process.wait(40) == 1
    assert "Relay is already running with the data in" in second.text()
    assert requests.get(f"{relay.url}/healthz", timeout=10).status_code == 200


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"RELAY_RETENTION_DAYS": "none"}, "RELAY_RETENTION_DAYS must be a whole number"),
        ({"DATABASE_URL": "postgresql://u:hidden@127.0.0.1:1/db"}, "Relay cannot use the database"),
    ],
)
def test_an_error_at_the_start_is_one_line(
    launch: Launch, settings: dict[str, str], sentence: str
) -> None:
    relay = launch(**settings)
    assert relay.process.wait(60) == 1
    assert sentence in relay.text()
    assert len(relay.text().strip().splitlines()) == 1
    assert "hidden" not in relay.text()


def test_a_port_in_use_is_one_line(launch: Launch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        relay = launch(PORT=str(taken.getsockname()[1]))
        assert relay.process.wait(60) == 1
    assert re.fullmatch(r"Another program uses port \d+\. .*PORT=\d+ make run\n", relay.text())


def test_the_launcher_forks_the_processes_of_the_procfile() -> None:
    env = {"WORKER_SHUTDOWN_MS": "8000"}
    found = {name: fork_command(line, env) for name, line in standard_processes().items()}
    assert all(found.values()), "each would load all of Relay again"
    worker = found["worker"]
    assert worker is not None
    assert worker.words[:2] == ("dramatiq", "relay.worker")
    assert worker.words[-1] == "8000"
    assert list(worker.settings) == ["dramatiq_worker_timeout"]
    for line in ("nginx -g x", "python -m other", "python -m relay.scheduler $MORE"):
        assert fork_command(line, env) is None


def test_a_long_path_gets_a_short_socket(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    path = socket_path(folder)
    assert len(os.fsencode(path)) <= MAX_SOCKET_PATH
    server = Valkey(folder, path, tmp_path / "valkey.log")
    server.start()
    try:
        assert server.send(b"CONFIG GET appendonly").endswith(b"yes\r\n")
    finally:
        server.stop()
        path.parent.rmdir()


def test_the_procfile_has_the_documented_processes() -> None:
    words = subprocess.run(["cat", "Procfile"], cwd=ROOT, capture_output=True, text=True).stdout
    assert re.findall(r"^(\w+):", words, re.M) == ["web", "worker", "scheduler", "ingest"]
