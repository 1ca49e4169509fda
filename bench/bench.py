"""Measure Relay end to end with real PostgreSQL, Valkey and HTTP.  See README.md.

bench.py [--events 4000] [--connections 32] [--rounds 3] [--parts 2000] [--save]
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from relay.launcher.valkey import Valkey  # noqa: E402
from tests.support import postgres  # noqa: E402
from tests.support.databases import Databases  # noqa: E402
from tests.support.events import comment  # noqa: E402
from tests.support.sink import Sink  # noqa: E402
from tests.support.stack import Stack, sign  # noqa: E402

START_S = 300  # how long a busy machine may take to start Relay
BASELINE = ROOT / "bench" / "baseline.json"
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
WORDS = "The quick brown fox asks whether the order has left the warehouse yet. " * 9


def prepare(secret: str, count: int, run: str) -> list[tuple[bytes, dict[str, str]]]:
    """Signed requests, prepared before the measurement starts."""
    timestamp, prepared = str(int(time.time())), []
    for number in range(count):
        event = comment(event_id=f"{run}-{number}")
        event["data"] |= {"content": WORDS}
        body = json.dumps(event).encode()
        headers = {
            "Content-Type": "application/json",
            "X-WP-Timestamp": timestamp,
            "X-Event-Id": event["event_id"],
            "X-WP-Signature": sign(secret, timestamp, body),
        }
        prepared.append((body, headers))
    return prepared


def sender(
    port: int, requests: list[tuple[bytes, dict[str, str]]], threads: int, out: object
) -> None:
    """A process with sender threads.  It puts (latencies in ms, statuses other than 202)."""
    latencies: list[float] = []
    failures: list[int] = []

    def work(batch: list[tuple[bytes, dict[str, str]]]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        for body, headers in batch:
            started = time.perf_counter()
            connection.request("POST", "/webhooks/wp", body, headers)
            response = connection.getresponse()
            response.read()
            latencies.append((time.perf_counter() - started) * 1000)
            if response.status != 202:
                failures.append(response.status)

    senders = [threading.Thread(target=work, args=(requests[n::threads],)) for n in range(threads)]
    for thread in senders:
        thread.start()
    for thread in senders:
        thread.join()
    out.put((latencies, failures))  # type: ignore[attr-defined]


def load(
    stack: Stack, secret: str, count: int, connections: int, run: str
) -> tuple[float, list[float]]:
    """Send ``count`` events in a closed loop.  -> (seconds, latencies in ms)"""
    requests, out = prepare(secret, count, run), multiprocessing.Queue()
    halves = [requests[0::2], requests[1::2]]
    processes = [
        multiprocessing.Process(target=sender, args=(stack.port, half, connections // 2, out))
        for half in halves
    ]
    started = time.perf_counter()
    for process in processes:
        process.start()
    results = [out.get() for _ in processes]
    seconds = time.perf_counter() - started
    for process in processes:
        process.join()
    failures = [status for _, statuses in results for status in statuses]
    if failures:
        sys.exit(
            f"Invalid run: {len(failures)} responses did not have status 202, but {failures[0]}."
        )
    return seconds, [latency for latencies, _ in results for latency in latencies]


def arrival(sink: Sink, count: int, limit_s: float = 120) -> float:
    """The time (monotonic) at which the last of ``count`` events arrived."""
    return sorted(seen.at for seen in sink.wait(count, limit_s))[count - 1]


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def descendants(pid: int) -> list[int]:
    """A process and those that it started."""
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            found += map(int, task.read_text().split())
    return found


def cpu_s(pid: int) -> float:
    """Seconds of CPU that a process and those that it started have used."""
    total = 0
    for one in descendants(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def memory_mib(pid: int) -> float:
    """PSS: memory that several processes share counts once in all."""
    total = 0
    for one in descendants(pid):
        lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def pids(stack: Stack, server: postgres.PostgresServer, valkey: Valkey) -> dict[str, int]:
    """The processes of a run, by name."""
    found = {name: child.process.pid for name, child in stack.processes.items() if child.process}
    assert server.process is not None and valkey.process is not None
    return found | {"postgresql": server.process.pid, "valkey": valkey.process.pid}


def one_round(
    stack: Stack,
    sink: Sink,
    secret: str,
    args: argparse.Namespace,
    number: int,
    processes: dict[str, int],
) -> dict[str, float]:
    sink.forget()
    before = {name: cpu_s(pid) for name, pid in processes.items()}
    started = time.monotonic()
    seconds, latencies = load(stack, secret, args.events, args.connections, f"load-{number}")
    end_to_end_s = arrival(sink, args.events) - started
    used = {
        name: (cpu_s(pid) - before[name]) / args.events * 1000 for name, pid in processes.items()
    }
    sink.forget()
    response_ms, arrival_ms = [], []
    for single in range(50):
        ((body, headers),) = prepare(secret, 1, f"single-{number}-{single}")
        started = time.monotonic()
        stack.http.post(f"{stack.url}/webhooks/wp", data=body, headers=headers)
        response_ms.append((time.monotonic() - started) * 1000)
        arrival_ms.append((arrival(sink, single + 1) - started) * 1000)
    return {
        "accepted/s": args.events / seconds,
        "answer p50 ms": quantile(latencies, 0.5),
        "answer p99 ms": quantile(latencies, 0.99),
        "delivered/s": args.events / end_to_end_s,
        "alone: answer p50 ms": quantile(response_ms, 0.5),
        "alone: arrival p50 ms": quantile(arrival_ms, 0.5),
        "alone: arrival p99 ms": quantile(arrival_ms, 0.99),
        **{f"CPU s per 1,000, {name}": seconds for name, seconds in used.items()},
        "CPU s per 1,000, all": sum(used.values()),
    }


def show(rounds: list[dict[str, float]], say: Callable[[str], None] = print) -> None:
    say("| figure | median | lowest | highest |\n| --- | --- | --- | --- |")
    for name in rounds[0]:
        values = [figures[name] for figures in rounds]
        say(f"| {name} | {statistics.median(values):.3g} | {min(values):.3g} | {max(values):.3g} |")


def idle(processes: dict[str, int], seconds: float = 20.0) -> dict[str, tuple[float, float]]:
    """-> percent of a core and MiB of each process while nothing happens"""
    before = {name: cpu_s(pid) for name, pid in processes.items()}
    time.sleep(seconds)
    return {
        name: ((cpu_s(pid) - before[name]) / seconds * 100, memory_mib(pid))
        for name, pid in processes.items()
    }


def part_costs(stack: Stack, secret: str, sink: Sink, count: int, rounds: int) -> dict[str, float]:
    """What each part costs, in µs of CPU per event: the medians of some runs."""
    runs = [part_costs_once(stack, secret, sink, count) for _ in range(rounds)]
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def part_costs_once(stack: Stack, secret: str, sink: Sink, count: int) -> dict[str, float]:
    """See parts.py."""
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(ROOT / "bench" / "parts.py"), str(count), secret, f"{sink.url}/in"],
        cwd=ROOT,
        env=stack.env,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    costs: dict[str, float] = json.loads(done.stdout)
    return costs


def ratios(costs: dict[str, float]) -> dict[str, float]:
    """Relay's cost relative to the plain variant's in the same run."""
    received = sum(
        value
        for name, value in costs.items()
        if name.split(":")[0] in ("server", "checks", "commit")
    )
    names = ("route", "claim", "message", "call", "record")
    delivered = sum(value for name, value in costs.items() if name.split(":")[0] in names)
    return {
        "ingest / plain": received / costs["plain: verify and commit"],
        "delivery / plain": delivered / costs["plain: deliver"],
    }


def show_parts(costs: dict[str, float], save: bool, say: Callable[[str], None] = print) -> None:
    say("\n| part | CPU µs per event |\n| --- | --- |")
    for name, value in costs.items():
        say(f"| {name} | {value:.1f} |")
    now = {name: round(value, 3) for name, value in ratios(costs).items()}
    stored = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    say("\n| ratio | this run | stored | change |\n| --- | --- | --- | --- |")
    for name, value in now.items():
        before = stored.get(name)
        change = f"{value / before - 1:+.0%}" if before else "-"
        say(f"| {name} | {value} | {before or '-'} | {change} |")
    if save:
        BASELINE.write_text(json.dumps(now, indent=2) + "\n")
        say(f"\nStored in {BASELINE.relative_to(ROOT)}.")


@dataclass(frozen=True)
class Servers:
    """What Relay needs.  ``url`` is a new database, ``server`` runs it; None for SQLite."""

    folder: Path
    url: str
    valkey: Valkey
    server: postgres.PostgresServer | None


@contextmanager
def servers(database: str = "postgres") -> Iterator[Servers]:
    """Run Valkey and, unless ``database`` is ``sqlite``, PostgreSQL with DURABLE, in a temporary folder."""
    postgres.SETTINGS.update(DURABLE)
    with tempfile.TemporaryDirectory(prefix="relay-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = postgres.PostgresServer(folder / "pg") if database == "postgres" else None
        valkey = Valkey(folder / "valkey", folder / "valkey.sock", folder / "valkey.log")
        databases = Databases(folder / "db")
        try:
            url = databases.new_postgres(server) if server else databases.new_sqlite()
            valkey.start()
            yield Servers(folder, url, valkey, server)
        finally:
            valkey.stop()
            if server:
                server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=4000)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parts", type=int, default=2000, help="events for the costs by part")
    parser.add_argument("--save", action="store_true", help="store the ratios as the baseline")
    args = parser.parse_args()
    with servers() as used:
        assert used.server is not None
        sink = Sink()
        stack = Stack(used.folder / "data", used.url, used.valkey.url)
        try:
            stack.start_limit_s = START_S
            stack.start()
            secret = stack.make_source().secret
            hook = ("webhook", "Sink", "--set", f"url={sink.url}/in", "--set", "auth=none")
            stack.flask("destinations", "create", *hook)
            load(stack, secret, 200, 8, "warm")
            arrival(sink, 200)
            processes = pids(stack, used.server, used.valkey)
            rounds = [
                one_round(stack, sink, secret, args, n, processes) for n in range(args.rounds)
            ]
            show(rounds)
            print("\n| idle process | % of a core | PSS MiB |\n| --- | --- | --- |")
            for name, (percent, mib) in idle(processes).items():
                print(f"| {name} | {percent:.2f} | {mib:.0f} |")
            stack.stop()
            show_parts(part_costs(stack, secret, sink, args.parts, args.rounds), args.save)
        finally:
            stack.stop()
            sink.close()


if __name__ == "__main__":
    main()
