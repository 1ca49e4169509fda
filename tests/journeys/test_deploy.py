"""The commands of the systemd units, run as they are written, with the limits that can be had without systemd:
/opt/relay and the root are read-only, only /var/lib/relay is writable, there is no capability, and memory is never
writable and executable.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from relay.launcher.processes import ROOT, end, kill, read_procfile, spawn
from relay.launcher.valkey import Valkey
from scripts.image_steps import inside
from tests.support.network import wait_for

UNITS = ROOT / "deploy" / "systemd"
PR_SET_MDWE = 65  # MemoryDenyWriteExecute of the units; kernels before 6.3 do not know it
DENY = f"import ctypes, os, sys; ctypes.CDLL(None).prctl({PR_SET_MDWE}, 1, 0, 0, 0); os.execvp(sys.argv[1], sys.argv[1:])"


def command_of(unit: str) -> str:
    (found,) = re.findall(r"(?m)^ExecStart=(.+)$", (UNITS / unit).read_text(encoding="utf-8"))
    return str(found)


def test_units_containers_and_the_chart_start_what_the_procfile_starts() -> None:
    def plain(words: str) -> list[str]:
        words = words.replace("${WORKER_SHUTDOWN_MS:-45000}", "45000").replace(
            "/opt/relay/.venv/bin/", ""
        )
        return shlex.split(words.replace("/usr/bin/env", "env"))

    procfile = read_procfile()
    services = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"]
    (image,) = re.findall(r"(?m)^CMD (\[.+\])$", (ROOT / "deploy/Dockerfile").read_text())
    for name in ("web", "worker", "scheduler"):
        expected = plain(procfile[name])
        assert plain(command_of(f"relay-{name}.service")) == expected
        assert services[name].get("command", json.loads(image)) == expected
        chart = (ROOT / f"deploy/helm/relay/templates/{name}.yaml").read_text()
        (found,) = re.findall(r"(?s) command: (\[.+?\])\n", chart)
        assert yaml.safe_load(found) == expected


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount /opt/relay")
def test_the_commands_of_the_units_run_as_they_are_written(valkey: Valkey, tmp_path: Path) -> None:
    data, backups = tmp_path / "data", tmp_path / "data" / "backups"
    data.mkdir(mode=0o700)
    log = tmp_path / "log"
    env = {"PATH": "/opt/relay/.venv/bin:/usr/bin:/bin"}

    def limited(command: str) -> list[str]:
        return inside(f"python -c {shlex.quote(DENY)} {command}", ROOT, data, read_only=True)

    def run(command: str) -> str:
        done = subprocess.run(
            limited(command), env=env, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        made = json.loads(
            run(
                "flask init --env-file /var/lib/relay/relay.env --data-dir /var/lib/relay --json "
                f"--redis-url {valkey.url} --public-url http://127.0.0.1:{port}"
            )
        )
        assert made["first_run_url"]
        lines = (data / "relay.env").read_text().splitlines()
        env |= dict(line.split("=", 1) for line in lines)
        env |= {"RELAY_BACKUP_TO": "/var/lib/relay/backups", "RELAY_CANARY_MINUTES": "0"}

        def answer() -> dict[str, Any]:
            try:
                with urllib.request.urlopen(
                    f"http://127.0.0.1:{port}/readyz", timeout=30
                ) as response:
                    return {**json.load(response), "status": response.status}
            except urllib.error.HTTPError as exc:
                return {**json.load(exc), "status": exc.code}

        with log.open("wb") as file:
            number = listening.fileno()
            web = command_of("relay-web.service")
            line = f"exec 3<&{number}; LISTEN_FDS=1 LISTEN_PID=$$ exec {web}"
            passed = f"bash -c {shlex.quote(line)}"
            processes = [
                spawn(limited(passed), file, env, keep=(number,)),
                *(
                    spawn(limited(command_of(f"relay-{name}.service")), file, env)
                    for name in ("worker", "scheduler")
                ),
            ]
            try:
                seen: dict[str, Any] = {}

                def all_run() -> bool:
                    seen.update(answer())
                    return seen["status"] == 200 and not seen.get("warnings")

                with contextlib.suppress(AssertionError):
                    wait_for(all_run, 60)
                assert seen["status"] == 200 and not seen.get("warnings"), (
                    f"{seen} {log.read_text()}"
                )
                run(command_of("relay-backup.service"))
                assert len(list(backups.glob("relay-*.backup.gz"))) == 1
                end(processes, 60)
                assert [process.returncode for process in processes] == [0, 0, 0], log.read_text()[
                    -3000:
                ]
            finally:
                for process in processes:
                    if process.poll() is None:
                        kill(process)
    assert {path.stat().st_mode & 0o077 for path in data.rglob("*") if path.is_file()} == {0}
