"""An upgrade of two hosts behind nginx, and the way back, while a site sends 50 events a second."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relay.launcher.processes import ROOT, child_env, standard_processes
from relay.launcher.valkey import Valkey
from tests.faults.figures import Figures, size
from tests.faults.load import arrivals, extras
from tests.faults.traffic import SETTINGS, Traffic, behind_nginx, listens
from tests.support.earlier_code import extract
from tests.support.network import wait_for
from tests.support.postgres import PostgresServer
from tests.support.sink import Sink
from tests.support.stack import Stack

# The oldest code of this minor version whose tables only got additions since (revision 0021).
OLD = "f4c8bc59e413abecae0fadfc3b38288b7213a155"
pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def old_code(tmp_path: Path) -> Path:
    return extract(OLD, tmp_path / "old-code")


class Host(Stack):
    """A host whose processes start with the code of ``folder``."""

    def use(self, folder: Path) -> None:
        for name, child in self.processes.items():
            child.command = f"env -C {folder} {standard_processes()[name]}"

    def flask_of(self, folder: Path, *words: str) -> dict[str, Any]:
        """The JSON of a command of that code."""
        done = subprocess.run(
            ["python", "-m", "flask", *words, "--json"],
            cwd=folder, env=child_env(self.env), check=True, capture_output=True, text=True,
        )  # fmt: skip
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@pytest.fixture
def hosts(
    old_code: Path, tmp_path: Path, postgres_server: PostgresServer, valkey: Valkey
) -> Iterator[list[Host]]:
    """Two hosts with the old code and the old tables.  The first has all processes, the other only web."""
    postgres_server.start()
    url = postgres_server.create_database(f"upgrade_{os.getpid()}")
    made = [Host(tmp_path / f"host-{n}", url, valkey.url, **SETTINGS) for n in (1, 2)]
    try:
        subprocess.run(
            ["python", "-m", "flask", "db", "upgrade"],
            cwd=old_code, env=child_env(made[0].env), check=True, capture_output=True,
        )  # fmt: skip
        for host in made:
            host.use(old_code)
            host.processes["web"].env = {**host.env, "WEB_CONCURRENCY": "1"}
        made[1].processes = {"web": made[1].processes["web"]}
        for host in made:
            host.start()
        yield made
    finally:
        for host in made:
            host.close()
        postgres_server.drop_database(f"upgrade_{os.getpid()}")


def revision(stack: Stack) -> str:
    return str(stack.rows("SELECT version_num FROM alembic_version")[0]["version_num"])


def restart(host: Host, folder: Path, traffic: Traffic, between: int) -> None:
    """Each process with other code, in the order of docs/upgrade.md, events in between."""
    host.use(folder)
    for name in ("scheduler", "worker", "web"):
        if name in host.processes:
            host.stop(name)
            host.processes[name].start()
    wait_for(lambda: listens(host), 30, "web")
    traffic.more(between)


def test_an_upgrade_behind_nginx_and_the_way_back_fail_lose_and_repeat_nothing(
    hosts: list[Host], old_code: Path, sink: Sink, tmp_path: Path, figures: Figures
) -> None:
    first = hosts[0]
    assert revision(first) == "0021"
    made = first.flask_of(
        old_code, "sources", "create", "Shop", "--url", "https://shop.example.com"
    )
    to = ("--set", f"url={sink.url}/in", "--set", "auth=none")
    first.flask_of(old_code, "destinations", "create", "webhook", "Sink", *to)
    between = size(25, 400)
    with behind_nginx(hosts, tmp_path):
        traffic = Traffic(first, made["secret"])
        try:
            traffic.more(between)
            first.flask("db", "upgrade")  # while the old processes receive and deliver
            assert revision(first) > "0021"
            traffic.more(between)
            for host in hosts:
                restart(host, ROOT, traffic, between)
            restart(first, old_code, traffic, between)  # the way back, on the new tables
        finally:
            sent = traffic.finish()
        assert traffic.answers == {"202": sent}
        wait_for(lambda: len(arrivals(sink)) == sent, 60, "all deliveries")
    assert (set(arrivals(sink)), extras(arrivals(sink))) == (traffic.accepted, 0)
    figures.note("U1", f"{sent} events, 2 hosts: 0, 0 and 0")
