"""Drain a backlog of one destination with one worker process and with two.  See README.md.

lanes.py [--deliveries 100000] [--concurrency 16] [--takes-ms 0] [--rounds 1] [--workers 1 2]
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from bench import START_S, WORDS, cpu_s, servers  # noqa: E402
from tests.support.backlog import fill  # noqa: E402
from tests.support.network import free_port, wait_for  # noqa: E402
from tests.support.stack import Stack  # noqa: E402

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"


class Endpoint(asyncio.Protocol):
    """Counts the calls and how many are under way at once, and answers after ``takes_s``."""

    takes_s, figures = 0.0, multiprocessing.Array("d", 4)  # calls, now, most, last call's time

    def connection_made(self, transport: Any) -> None:
        self.transport, self.data = transport, b""

    def data_received(self, data: bytes) -> None:
        self.data += data
        end = self.data.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.data[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n")[0]) if at >= 0 else 0
        if len(self.data) < end + 4 + length:
            return
        self.data = self.data[end + 4 + length :]
        figures = self.figures.get_obj()
        figures[0], figures[1] = figures[0] + 1, figures[1] + 1
        figures[2], figures[3] = max(figures[1], figures[2]), time.monotonic()
        if self.takes_s:
            asyncio.get_running_loop().call_later(self.takes_s, self.answer)
        else:
            # after the other requests that have arrived: they are under way at the same time
            asyncio.get_running_loop().call_soon(self.answer)

    def answer(self) -> None:
        self.figures.get_obj()[1] -= 1
        self.transport.write(OK)


def serve(port: int, takes_s: float) -> None:
    import uvloop

    async def main() -> None:
        Endpoint.takes_s = takes_s
        server = await asyncio.get_running_loop().create_server(Endpoint, "127.0.0.1", port)
        await server.serve_forever()

    uvloop.install()
    asyncio.run(main())


def one_run(stack: Stack, sink: int, server: int, names: list[str], count: int) -> dict:
    """Drain ``count`` deliveries.  -> deliveries/s, CPU and the most calls at once"""
    fill(stack.engine, "Sink", count, {"content": WORDS})
    with stack.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
        connection.exec_driver_sql("CHECKPOINT")
    figures = Endpoint.figures.get_obj()
    figures[:] = [0, 0, 0, 0]
    pids = {name: stack.processes[name].process.pid for name in names}  # type: ignore[union-attr]
    pids |= {"postgresql": server, "endpoint": sink}
    stack.change("UPDATE destination SET state = 'active'")
    wait_for(lambda: figures[0] > 0, 30, "the first call")
    before, began = {name: cpu_s(pid) for name, pid in pids.items()}, time.monotonic()
    lanes, looks = 0, 0
    while figures[0] < count:
        if time.monotonic() - began > 900:
            sys.exit(
                f"Only {figures[0]:.0f} of {count} deliveries arrived: {stack.log(names[0])[-2000:]}"
            )
        time.sleep(0.1)
        row = stack.rows("SELECT lane_share FROM destination WHERE name = 'Sink'")[0]
        lanes, looks = lanes + (row["lane_share"] is not None), looks + 1
    seconds = figures[3] - began
    used = {name: (cpu_s(pid) - before[name]) / count * 1000 for name, pid in pids.items()}
    wait_for(
        lambda: not stack.rows("SELECT 1 FROM delivery WHERE state <> 'delivered' LIMIT 1"),
        30,
        "all results to be written",
    )
    stack.change("UPDATE destination SET state = 'paused'")
    assert figures[0] == count, f"{figures[0]:.0f} calls for {count} deliveries"
    return {
        "deliveries/s": count / seconds,
        "most calls at once": figures[2],
        "% of the time with a lane": 100 * lanes / max(1, looks),
        **{f"CPU s per 1,000, {name}": value for name, value in used.items()},
        "CPU s per 1,000, all": sum(used.values()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deliveries", type=int, default=100_000)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--takes-ms", type=float, default=0, help="how long the endpoint takes")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    args = parser.parse_args()
    with servers() as used:
        port = free_port()
        endpoint = multiprocessing.Process(target=serve, args=(port, args.takes_ms / 1000))
        endpoint.start()
        stack = Stack(used.folder / "data", used.url, used.valkey.url)
        worker = stack.processes["worker"]
        for number in range(2, max(args.workers) + 1):
            log = worker.log.with_name(f"worker{number}.log")
            child = type(worker)(f"worker{number}", worker.command, log, worker.env)
            stack.processes[child.name] = child
        names = [name for name in stack.processes if name.startswith("worker")]
        try:
            stack.start_limit_s = START_S
            stack.make_source()
            hook = ("webhook", "Sink", "--set", f"url=http://127.0.0.1:{port}/in")
            stack.flask("destinations", "create", *hook, "--set", "auth=none")
            stack.flask("destinations", "pace", "Sink", "--concurrency", str(args.concurrency))
            stack.change("UPDATE destination SET state = 'paused'")
            stack.start("scheduler")
            assert used.server is not None and used.server.process is not None
            assert endpoint.pid is not None
            results: dict[int, list[dict]] = {count: [] for count in args.workers}
            for number in range(args.rounds):
                for count in args.workers[:: -1 if number % 2 else 1]:
                    stack.start(*names[:count])
                    time.sleep(6)  # they have started
                    found = one_run(
                        stack, endpoint.pid, used.server.process.pid, names[:count], args.deliveries
                    )
                    print(f"{count} worker(s): {found}", flush=True)
                    results[count].append(found)
                    stack.stop(*names[:count])
            show(results)
        finally:
            stack.stop()
            endpoint.terminate()


def show(results: dict[int, list[dict]]) -> None:
    least = min(results)
    base = [found["deliveries/s"] for found in results[least]]
    for count, rounds in results.items():
        ratios = [found["deliveries/s"] / one for found, one in zip(rounds, base, strict=True)]
        speed = sorted(found["deliveries/s"] for found in rounds)[len(rounds) // 2]
        ratio = sorted(ratios)[len(ratios) // 2]
        print(f"| {count} worker processes | {speed:.0f} deliveries/s | {ratio:.2f} |")
    print(f"{os.cpu_count()} cores")


if __name__ == "__main__":
    main()
