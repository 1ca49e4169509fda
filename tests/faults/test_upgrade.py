"""An upgrade under load: the code of an earlier commit and today's run side by side while the tables change."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relay.launcher.processes import ROOT, child_env
from relay.launcher.valkey import Valkey
from tests.faults.figures import Figures, size
from tests.faults.load import Load, arrivals, extras
from tests.support.network import wait_for
from tests.support.postgres import PostgresServer
from tests.support.sink import Sink
from tests.support.stack import Stack

# The oldest code of this minor version whose tables only got additions since (revision 0021).
OLD = "f4c8bc59e413abecae0fadfc3b38288b7213a155"
pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def old_code(tmp_path: Path) -> Path:
    folder = tmp_path / "old-code"
    folder.mkdir()
    git = subprocess.run(["git", "archive", OLD], cwd=ROOT, capture_output=True)
    if git.returncode:
        pytest.skip("The history of this clone does not go back far enough.")
    subprocess.run(["tar", "-x", "-C", str(folder)], input=git.stdout, check=True)
    shutil.copytree(ROOT / "relay/static/gen", folder / "relay/static/gen")
    return folder


@pytest.fixture
def pair(
    old_code: Path, tmp_path: Path, postgres_server: PostgresServer, valkey: Valkey
) -> Iterator[tuple[Stack, Stack]]:
    """The old processes with the old tables, and the new ones, which are not started."""
    postgres_server.start()
    url = postgres_server.create_database(f"upgrade_{os.getpid()}")
    old, new = (Stack(tmp_path / name, url, valkey.url) for name in ("old", "new"))
    for child in old.processes.values():
        child.command = f"env -C {old_code} {child.command}"
    try:
        subprocess.run(
            ["python", "-m", "flask", "db", "upgrade"],
            cwd=old_code, env=child_env(old.env), check=True, capture_output=True,
        )  # fmt: skip
        old.start()
        yield old, new
    finally:
        old.close()
        new.close()
        postgres_server.drop_database(f"upgrade_{os.getpid()}")


def revision(stack: Stack) -> str:
    return str(stack.rows("SELECT version_num FROM alembic_version")[0]["version_num"])


def test_an_upgrade_and_the_way_back_refuse_lose_and_repeat_nothing(
    pair: tuple[Stack, Stack], old_code: Path, sink: Sink, figures: Figures
) -> None:
    old, new = pair
    assert revision(old) == "0021"

    def old_flask(*words: str) -> dict[str, Any]:
        done = subprocess.run(
            ["python", "-m", "flask", *words, "--json"],
            cwd=old_code, env=child_env(old.env), check=True, capture_output=True, text=True,
        )  # fmt: skip
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    secret = old_flask("sources", "create", "Shop", "--url", "https://shop.example.com")["secret"]
    to = ("--set", f"url={sink.url}/in", "--set", "auth=none")
    old_flask("destinations", "create", "webhook", "Sink", *to)
    count = size(320, 4000)
    load = Load(old, secret, count, connections=4)
    try:
        load.reach(count // 8)
        new.flask("db", "upgrade")  # while the old processes receive and deliver
        assert revision(old) > "0021"
        load.reach(2 * count // 8)
        new.start()  # both versions at once
        load.reach(3 * count // 8)
        load.stack = new  # as a proxy does
        load.reach(4 * count // 8)
        old.stop()
        load.reach(5 * count // 8)
        old.start()  # the way back: the old code on the new tables
        load.stack = old
        load.reach(6 * count // 8)
        new.stop()
        load.finish()
    finally:
        load.stop()
    assert load.broken == [] and set(load.codes) == {202}, f"{load.codes} {load.broken[:3]}"
    wait_for(lambda: len(arrivals(sink)) == count, 120, "all deliveries")
    assert set(arrivals(sink)) == load.accepted
    assert extras(arrivals(sink)) == 0
    figures.note("U1", f"{count} events: 0, 0 and 0")
