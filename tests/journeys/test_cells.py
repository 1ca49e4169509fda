"""Two cells behind nginx, with the configuration that ``deploy/nginx`` ships."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import Databases
from tests.support.events import comment
from tests.support.network import free_port, wait_for
from tests.support.nginx import nginx
from tests.support.stack import MadeSource, Stack


@pytest.fixture
def cells(databases: Databases, tmp_path: Path) -> Iterator[list[Stack]]:
    """Two web processes, each with its own database, behind one proxy."""
    made = []
    for name in ("a", "b"):
        url = databases.new_sqlite()
        settings = {"RELAY_TRUSTED_PROXIES": "1", "WEB_CONCURRENCY": "1"}
        made.append(Stack(tmp_path / name, url, f"unix://{tmp_path}/none.sock", **settings))
    try:
        for stack in made:
            stack.start("web")
        yield made
    finally:
        for stack in made:
            stack.close()


@pytest.fixture
def proxy(cells: list[Stack], tmp_path: Path) -> Iterator[str]:
    """nginx with the shipped configuration, for our ports.  -> its URL"""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    (tmp_path / "sources-of-b.conf").write_text("second cell_b;\n")
    changes = {
        "listen 80;": f"listen 127.0.0.1:{port};",
        "127.0.0.1:8000": f"127.0.0.1:{cells[0].port}",
        "127.0.0.1:8100": f"127.0.0.1:{cells[1].port}",
        "relay-sources-of-cell-b.conf": str(tmp_path / "sources-of-b.conf"),
    }
    with nginx(tmp_path, "cells.conf", changes):
        wait_for(lambda: answers(cells[0], url), 15, "nginx")
        yield url


def answers(stack: Stack, url: str) -> bool:
    try:
        return stack.http.get(f"{url}/webhooks", timeout=2).status_code == 404
    except OSError:
        return False


def send(stack: Stack, url: str, source: MadeSource) -> int:
    direct, stack.url = stack.url, url
    try:
        status: int = stack.send(comment(), source.secret, source=source.slug).status_code
        return status
    finally:
        stack.url = direct


def test_each_source_reaches_its_own_cell_through_one_address(
    cells: list[Stack], proxy: str
) -> None:
    first, second = cells[0].make_source("First"), cells[1].make_source("Second")
    assert [send(cells[0], proxy, first) for _ in range(3)] == [202] * 3
    assert [send(cells[1], proxy, second) for _ in range(2)] == [202] * 2
    assert [stack.rows("SELECT count(*) AS n FROM event") for stack in cells] == [
        [{"n": 3}],
        [{"n": 2}],
    ]
    # a cell that is down concerns its own sources only
    cells[1].stop("web")
    assert send(cells[1], proxy, second) == 502
    assert send(cells[0], proxy, first) == 202
