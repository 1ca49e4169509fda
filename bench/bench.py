"""Measure Relay end to end with real PostgreSQL, Valkey and HTTP.  See README.md.

bench.py [--events 4000] [--connections 32] [--rounds 3]
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from relay.launcher.valkey import Valkey  # noqa: E402
from tests.support import postgres  # noqa: E402
from tests.support.databases import Databases  # noqa: E402
from tests.support.events import comment  # noqa: E402
from tests.support.sink import Sink  # noqa: E402
from tests.support.stack import Stack, sign  # noqa: E402

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


def one_round(
    stack: Stack, sink: Sink, secret: str, args: argparse.Namespace, number: int
) -> dict[str, float]:
    sink.forget()
    started = time.monotonic()
    seconds, latencies = load(stack, secret, args.events, args.connections, f"load-{number}")
    end_to_end_s = arrival(sink, args.events) - started
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
    }


def show(rounds: list[dict[str, float]], say: Callable[[str], None] = print) -> None:
    say("| figure | median | lowest | highest |\n| --- | --- | --- | --- |")
    for name in rounds[0]:
        values = [figures[name] for figures in rounds]
        say(f"| {name} | {statistics.median(values):.1f} | {min(values):.1f} | {max(values):.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=4000)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    postgres.SETTINGS.update(DURABLE)
    with tempfile.TemporaryDirectory(prefix="relay-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = postgres.PostgresServer(folder / "pg")
        valkey = Valkey(folder / "valkey", folder / "valkey.sock", folder / "valkey.log")
        server.start()
        valkey.start()
        sink = Sink()
        stack = Stack(folder / "data", Databases(folder / "db").new_postgres(server), valkey.url)
        try:
            stack.start()
            secret = stack.make_source().secret
            hook = ("webhook", "Sink", "--set", f"url={sink.url}/in", "--set", "auth=none")
            stack.flask("destinations", "create", *hook)
            load(stack, secret, 200, 8, "warm")
            arrival(sink, 200)
            show([one_round(stack, sink, secret, args, n) for n in range(args.rounds)])
        finally:
            stack.stop()
            sink.close()
            valkey.stop()
            server.stop()


if __name__ == "__main__":
    main()
