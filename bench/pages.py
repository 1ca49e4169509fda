"""Measure the pages of the dashboard over a long history.  See README.md.

pages.py [--events 1000000] [--database postgres] [--requests 20]

It prints, for each page, the wall time and the processor time of the web processes and PostgreSQL.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import dashboard_history as history  # noqa: E402
import requests  # noqa: E402

from relay.launcher.valkey import Valkey  # noqa: E402
from tests.support import postgres  # noqa: E402
from tests.support.databases import Databases  # noqa: E402
from tests.support.stack import Stack  # noqa: E402

EMAIL, PASSWORD = "ada@example.com", "correct horse battery staple"
LONGEST_S = 30  # a page that takes longer is measured once
BAR_MS = {"CPU": 100.0, "p95": 300.0}


def pages(count: int) -> dict[str, str]:
    """-> the address of each page, by a name"""
    middle = count // 2
    return {
        "overview": "/",
        "events": "/events",
        "events, an old page": f"/events?after={middle}",
        "events, failed": "/events?state=dead",
        "events, pending": "/events?state=pending",
        "events, queued": "/events?state=received",
        "events, discarded": "/events?state=discarded",
        "events, no destination": "/events?state=unmatched",
        "events, delivered": "/events?state=delivered",
        "events, one site and type": "/events?source=shop-3&type=lead.created",
        "events, a type that no event has": "/events?type=custom.nothing",
        "events, one day": "/events?span=24h",
        "search: id of an event": f"/events?text=evt-{middle + 1:08d}",
        "search: a delivery's key": f"/events?text=dlv_{middle + 1:032x}",
        "search: a row's number": f"/events?text={middle + 1}",
        "search: an address": f"/events?text=jane.{middle % 50_000}@example.com",
        "search: a frequent word": "/events?text=warehouse",
        "search: nothing": "/events?text=no-event-has-this",
        "search: nothing, failed": "/events?text=no-event-has-this&state=dead",
        "an event": f"/events/{middle + 1}",
        "ledger": "/ledger",
        "ledger, 62 days": "/ledger?since=2000-01-01",
        "ledger as CSV": "/ledger/ledger.csv",
        "sites": "/sources",
        "a site": "/sources/shop-0",
        "destinations": "/destinations",
        "a destination": "/destinations/1",
        "failed deliveries": "/dead-letters",
        "failed deliveries, list": "/dead-letters/list",
        "failed deliveries, search": "/dead-letters/list?text=warehouse",
        "replays": "/replays",
        "replay preview, failed": "/replays/new?destination=1",
        "replay preview, all of a day": "/replays/new?recover=Team+channel&which=all",
        "removing a site": "/sources/shop-0/remove",
        "removing a destination": "/destinations/1/remove",
        "alerts": "/alerts",
        "alert rules": "/alerts/rules",
        "health": "/health",
        "audit log": "/audit",
        "metrics": "/metrics",
    }


def processor_s(pid: int) -> float:
    """What a process has used so far; 0 if it has ended.

    Source: clock_getcpuclockid(3), which names clocks like this on Linux
    """
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def family(pids: Iterable[int]) -> list[int]:
    """The processes and their children."""
    found, todo = [], list(pids)
    while todo:
        found.append(pid := todo.pop())
        try:
            tasks = os.listdir(f"/proc/{pid}/task")
            todo += [
                int(child)
                for task in tasks
                for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split()
            ]
        except OSError:
            continue
    return found


def reaped_s(pid: int) -> float:
    """What the ended children of a process had used, such as PostgreSQL's parallel workers."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


class Processor:
    """``used`` is what the processes used, in seconds, since it was called last."""

    def __init__(self, roots: list[int]):
        self.roots, self.before, self.reaped = roots, dict[int, float](), 0.0
        self.used()

    def used(self) -> float:
        now = {pid: processor_s(pid) for pid in family(self.roots)}
        reaped = sum(reaped_s(pid) for pid in self.roots)
        ended = sum(s for pid, s in self.before.items() if pid not in now)
        used = sum(s - self.before.get(pid, 0.0) for pid, s in now.items())
        used += max(0.0, reaped - self.reaped - ended)
        self.before, self.reaped = now, reaped
        return used


@dataclass(frozen=True)
class Measured:
    """Milliseconds of each request; ``size`` is that of the answer in bytes."""

    name: str
    wall: list[float]
    cpu: list[float]
    size: int

    @property
    def p95(self) -> float:
        return sorted(self.wall)[max(0, int(len(self.wall) * 0.95) - 1)]

    def row(self) -> str:
        cpu, p95 = statistics.median(self.cpu), self.p95
        above = cpu > BAR_MS["CPU"] or p95 > BAR_MS["p95"]
        return (
            f"| {self.name} | {cpu:.1f} | {statistics.median(self.wall):.1f} | {p95:.1f} | "
            f"{self.size / 1024:.0f} |{' above' if above else ''}"
        )


def sign_in(url: str) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    form = session.get(f"{url}/sign-in", timeout=30).text
    token = re.search(r'name="csrf_token" value="([^"]+)"', form)
    assert token, form
    data = {"csrf_token": token[1], "email": EMAIL, "password": PASSWORD}
    answer = session.post(f"{url}/sign-in", data=data, timeout=30, allow_redirects=False)
    assert answer.status_code == 303, answer.text
    return session


def measure(url: str, roots: list[int], chosen: dict[str, str], times: int) -> Iterator[Measured]:
    """Each page ``times`` times, after two requests that fill the caches."""
    session, processor = sign_in(url), Processor(roots)
    for name, path in chosen.items():
        wall, cpu, size = [], [], 0
        for number in range(times + 2):
            processor.used()
            started = time.perf_counter()
            try:
                answer = session.get(url + path, timeout=LONGEST_S)
            except requests.Timeout:
                wall, cpu = [LONGEST_S * 1000], [processor.used() * 1000]
                break
            took_ms = (time.perf_counter() - started) * 1000
            used_ms = processor.used() * 1000
            assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:500]}"
            if number >= 2:
                wall.append(took_ms)
                cpu.append(used_ms)
                size = len(answer.content)
        yield Measured(name, wall, cpu, size)


def prepare(stack: Stack, count: int) -> None:
    """A person, the sites and destinations, and the history."""
    stack.flask("users", "create", EMAIL, "--role", "admin", "--password-stdin", input=PASSWORD)
    stack.python(history.SETUP.format(sites=history.SITES, url="http://127.0.0.1:8099/in"))
    history.fill(stack.engine, count, lambda line: print(line, file=sys.stderr))
    for _ in range(10):  # what the scheduler does in the first hour
        stack.python("from relay.services.ledger import parts; parts.count_parts(20)")


def keep_quiet(stack: Stack) -> None:
    """No process evaluates the alert rules: their work is not that of a page."""
    with stack.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM lease WHERE name = 'alerts'")
        connection.exec_driver_sql(
            "INSERT INTO lease (name, holder, until) VALUES ('alerts', 'bench', '2999-01-01 00:00:00')"
        )


@contextmanager
def running(folder: Path, database: str) -> Iterator[tuple[Stack, list[int]]]:
    """A stack without processes, and the processes of its database."""
    valkey = Valkey(folder / "valkey", folder / "valkey.sock", folder / "valkey.log")
    valkey.start()
    databases, roots, server = Databases(folder / "db"), [], None
    if database == "postgres":
        server = postgres.PostgresServer(folder / "pg")
        url = databases.new_postgres(server)
        assert server.process is not None
        roots.append(server.process.pid)
    else:
        url = databases.new_sqlite()
    stack = Stack(folder / "data", url, valkey.url)
    try:
        yield stack, roots
    finally:
        stack.stop()
        valkey.stop()
        if server is not None:
            server.stop()


def print_table(stack: Stack, roots: list[int], args: argparse.Namespace) -> None:
    keep_quiet(stack)
    stack.start("web")
    web: Any = stack.processes["web"].process
    chosen = {n: p for n, p in pages(args.events).items() if args.only in n}
    print("| page | CPU ms | median ms | p95 ms | KiB |\n| --- | --- | --- | --- | --- |")
    for one in measure(stack.url, [*roots, web.pid], chosen, args.requests):
        print(one.row(), flush=True)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--database", choices=("postgres", "sqlite"), default="postgres")
    parser.add_argument("--requests", type=int, default=20)
    parser.add_argument("--only", default="", help="only pages with this in their name")
    return parser.parse_args()


def main() -> None:
    args = parsed()
    postgres.SETTINGS["shared_buffers"] = "512MB"
    with tempfile.TemporaryDirectory(prefix="relay-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        with running(folder, args.database) as (stack, roots):
            prepare(stack, args.events)
            print_table(stack, roots, args)


if __name__ == "__main__":
    main()
