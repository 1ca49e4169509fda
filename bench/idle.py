"""What Relay costs while nothing happens: memory and CPU of each process.  See README.md.

idle.py [--launcher] [--database postgres|sqlite] [--events 0] [--settle 20] [--seconds 60] [--web 2]

Starts PostgreSQL, Valkey and Relay's processes as the Procfile says, each alone, or with ``--launcher`` all of them
by ``python -m relay.launcher``, as ``make run`` does.  Sends ``--events`` events first, waits
``--settle`` seconds and then measures for ``--seconds``.  Memory is PSS: what several processes share counts
once in all.  Private is what a process has for itself alone.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "bench"))

import bench  # noqa: E402
from relay.launcher.processes import end, spawn  # noqa: E402
from tests.support.network import wait_for  # noqa: E402
from tests.support.sink import Sink  # noqa: E402
from tests.support.stack import Stack  # noqa: E402

SERVERS = ("postgresql", "valkey")


@dataclass(frozen=True)
class Cost:
    """One process: its memory in MiB, its threads, and its CPU in percent of a core."""

    name: str
    pid: int
    words: str
    pss: float
    private: float
    threads: int
    cpu: float


def memory(pid: int) -> tuple[float, float]:
    """-> PSS and private memory of one process, in MiB"""
    pss = private = 0
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            pss += int(line.split()[1])
        if line.startswith(("Private_Clean:", "Private_Dirty:")):
            private += int(line.split()[1])
    return pss / 1024, private / 1024


def ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def words_of(pid: int) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return words.strip().removeprefix(sys.executable).strip()


def is_running(folder: Path) -> bool:
    return "Relay is running" in (folder / "launcher.log").read_text()


def measure(processes: dict[str, int], seconds: float) -> list[Cost]:
    """Measure each process, and those that it started, for ``seconds``."""
    found = [(name, one) for name, pid in processes.items() for one in bench.descendants(pid)]
    before = {pid: ticks(pid) for _, pid in found}
    began = time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    costs = []
    for name, pid in found:
        if not Path(f"/proc/{pid}").exists():  # a connection of PostgreSQL that was closed
            continue
        cpu = (ticks(pid) - before[pid]) / os.sysconf("SC_CLK_TCK") / took * 100
        threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
        costs.append(Cost(name, pid, words_of(pid), *memory(pid), threads, cpu))
    return costs


def show(costs: list[Cost]) -> None:
    print("| process | command | PSS MiB | private MiB | threads | % of a core |")
    print("| --- | --- | --- | --- | --- | --- |")
    for cost in costs:
        print(
            f"| {cost.name} | {cost.words[:60]} | {cost.pss:.1f} | {cost.private:.1f} "
            f"| {cost.threads} | {cost.cpu:.2f} |"
        )
    print("\n| | processes | PSS MiB | % of a core |\n| --- | --- | --- | --- |")
    names = list(dict.fromkeys(cost.name for cost in costs))
    relay = [name for name in names if name not in SERVERS]
    for label, chosen in [*((name, [name]) for name in names), ("Relay", relay), ("all", names)]:
        own = [cost for cost in costs if cost.name in chosen]
        pss, cpu = sum(cost.pss for cost in own), sum(cost.cpu for cost in own)
        print(f"| {label} | {len(own)} | {pss:.0f} | {cpu:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--launcher", action="store_true", help="start all by relay.launcher")
    parser.add_argument("--database", choices=["postgres", "sqlite"], default="postgres")
    parser.add_argument("--events", type=int, default=0, help="events that are delivered first")
    parser.add_argument("--settle", type=float, default=20, help="seconds before the measurement")
    parser.add_argument("--seconds", type=float, default=60, help="seconds of the measurement")
    parser.add_argument("--web", type=int, default=2, help="processes that serve requests")
    args = parser.parse_args()
    with bench.servers(args.database) as used:
        folder = used.folder
        sink = Sink()
        launcher = None
        stack = Stack(folder / "data", used.url, used.valkey.url, WEB_CONCURRENCY=str(args.web))
        try:
            stack.start_limit_s = bench.START_S
            secret = stack.make_source().secret
            hook = ("webhook", "Sink", "--set", f"url={sink.url}/in", "--set", "auth=none")
            stack.flask("destinations", "create", *hook)
            if args.launcher:
                with (folder / "launcher.log").open("wb") as log:
                    words = [sys.executable, "-m", "relay.launcher"]
                    launcher = spawn(words, log, stack.env)
                wait_for(lambda: is_running(folder), bench.START_S, "the launcher")
            else:
                stack.start()
            if args.events:
                bench.load(stack, secret, args.events, 32, "idle")
                bench.arrival(sink, args.events)
            time.sleep(args.settle)
            processes = {
                name: one.process.pid for name, one in stack.processes.items() if one.process
            }
            if launcher:
                processes["launcher"] = launcher.pid
            if used.server and used.server.process:
                processes["postgresql"] = used.server.process.pid
            if used.valkey.process:
                processes["valkey"] = used.valkey.process.pid
            show(measure(processes, args.seconds))
        finally:
            stack.stop()
            if launcher:
                end([launcher], 20)
            sink.close()


if __name__ == "__main__":
    main()
