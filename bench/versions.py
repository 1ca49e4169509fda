"""Ingest of two checkouts, one after the other on one machine: is this version slower than another one?

versions.py OTHER [--database sqlite|postgres] [--rounds 3] [--events 4000] [--connections 32]

OTHER is a checkout of another version with a ``.venv``, such as one of ``git worktree add``.  Only ``web`` runs, in
the order other, this, this, other.  Ratios are formed within a round: above 1, this version is faster or needs
less CPU.  On a busy machine, only the CPU means something.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "bench"))

import bench  # noqa: E402
from relay.launcher.processes import end  # noqa: E402
from tests.support import postgres  # noqa: E402
from tests.support.env import relay_env  # noqa: E402
from tests.support.network import free_port, wait_for  # noqa: E402


class Checkout:
    """A version of Relay with its own database.  ``port`` and ``secret`` are what ``bench.load`` needs."""

    def __init__(self, root: Path, folder: Path, url: str):
        self.root, self.port = root, free_port()
        self.python = str(root / ".venv" / "bin" / "python")
        self.log = folder / "log"
        self.env = relay_env(
            folder / "data",
            DATABASE_URL=url,
            REDIS_URL="redis://127.0.0.1:1",
            PORT=str(self.port),
            WEB_CONCURRENCY="1",
        )
        self.env.pop("PYTHONDONTWRITEBYTECODE", None)
        self.flask("db", "upgrade")
        made = self.flask(
            "sources", "create", "Shop", "--url", "https://shop.example.com", "--json"
        )
        self.secret = str(json.loads(made)["secret"])

    def flask(self, *words: str) -> str:
        done = subprocess.run(  # noqa: S603 - our own command
            [self.python, "-m", "flask", *words],
            cwd=self.root,
            env=self.env,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            sys.exit(f"flask {' '.join(words)} in {self.root}: {done.stdout}{done.stderr}")
        return done.stdout

    def is_up(self) -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5).close()  # noqa: S310
        except (urllib.error.URLError, OSError):
            return False
        return True

    def measure(self, args: argparse.Namespace, run: str) -> dict[str, float]:
        """Start ``web``, send the events and stop it."""
        command = [self.python, "-m", "relay.web.server"]
        with self.log.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own command
                command, cwd=self.root, env=self.env, stdout=log, stderr=log
            )
        try:
            wait_for(self.is_up, bench.START_S, f"{command}: see {self.log}")
            bench.load(self, self.secret, 300, 8, f"{run}-warm")
            before = bench.cpu_s(process.pid)
            seconds, latencies = bench.load(self, self.secret, args.events, args.connections, run)
            cpu = bench.cpu_s(process.pid) - before
        finally:
            end([process])
        return {
            "accepted/s": args.events / seconds,
            "p50 ms": bench.quantile(latencies, 0.5),
            "p99 ms": bench.quantile(latencies, 0.99),
            "CPU s per 1,000, web": cpu / args.events * 1000,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path)
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, default=4000)
    parser.add_argument("--connections", type=int, default=32)
    args = parser.parse_args()
    postgres.SETTINGS.update(bench.DURABLE)
    with tempfile.TemporaryDirectory(prefix="relay-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = postgres.PostgresServer(folder / "pg") if args.database == "postgres" else None
        try:
            if server:
                server.start()
            checkouts = {}
            for label, root in (("other", args.other.resolve()), ("this", ROOT)):
                (folder / label).mkdir()
                url = server.create_database(label) if server else f"sqlite:///{folder}/{label}/db"
                checkouts[label] = Checkout(root, folder / label, url)
            compare(checkouts, args)
        finally:
            if server:
                server.stop()


def compare(checkouts: dict[str, Checkout], args: argparse.Namespace) -> None:
    found: dict[str, list[dict[str, float]]] = {label: [] for label in checkouts}
    for number in range(args.rounds):
        labels = list(checkouts) if number % 2 == 0 else list(checkouts)[::-1]
        for label in labels:
            run = f"{label}-{number}-{time.time_ns():x}"
            found[label].append(checkouts[label].measure(args, run))
    for label, rounds in found.items():
        print(f"\n{label}: {checkouts[label].root}, load {os.getloadavg()[0]:.1f}\n")
        bench.show(rounds)
    print("\n| ratio | median | lowest | highest |\n| --- | --- | --- | --- |")
    for name, is_rate in (("accepted/s", True), ("CPU s per 1,000, web", False)):
        pairs = zip(found["this"], found["other"], strict=True)
        ratios = [(a[name] / b[name]) if is_rate else (b[name] / a[name]) for a, b in pairs]
        print(
            f"| {name} | {statistics.median(ratios):.2f} | {min(ratios):.2f} | {max(ratios):.2f} |"
        )


if __name__ == "__main__":
    main()
