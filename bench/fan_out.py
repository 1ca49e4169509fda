"""One event to many destinations: how long until all have it, and how late other deliveries are.  See README.md.

fan_out.py [--destinations 1000] [--database postgres|sqlite] [--rounds 3]

Meanwhile an event for one other destination is sent four times a second.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "bench"))

import bench  # noqa: E402
from relay import create_app  # noqa: E402
from relay.services.audit import COMMAND_LINE  # noqa: E402
from relay.services.destinations import settings as destination_settings  # noqa: E402
from tests.support.events import comment  # noqa: E402
from tests.support.network import wait_for  # noqa: E402
from tests.support.sink import Sink  # noqa: E402
from tests.support.stack import Stack  # noqa: E402

OTHER_EVERY_S = 0.25
LIMIT_S = 300


def make_destinations(stack: Stack, sink: Sink, count: int) -> None:
    """``count`` destinations for one type of event, and one for another type."""
    os.environ.update(stack.env)
    with create_app().app_context():
        for number in range(count):
            values = {"url": f"{sink.url}/many/{number}", "auth": "none"}
            name = f"Many {number}"
            destination_settings.create_destination(
                "webhook", name, values, COMMAND_LINE, ("x.many",)
            )
        values = {"url": f"{sink.url}/other", "auth": "none"}
        destination_settings.create_destination(
            "webhook", "Other", values, COMMAND_LINE, ("comment.created",)
        )


class Others(threading.Thread):
    """Sends events for the other destination.  ``sent``: event id -> when it was accepted."""

    def __init__(self, stack: Stack, secret: str, run: str):
        super().__init__(daemon=True)
        self.stack, self.secret, self.name = stack, secret, run
        self.sent: dict[str, float] = {}
        self.stopping = threading.Event()

    def run(self) -> None:
        while not self.stopping.wait(OTHER_EVERY_S):
            event = comment(event_id=f"{self.name}-{len(self.sent)}")
            assert self.stack.send(event, self.secret).status_code == 202
            self.sent[event["event_id"]] = time.monotonic()

    def late(self, sink: Sink) -> list[float]:
        """The seconds until each arrived, after all have arrived."""

        def arrived() -> dict[str, float]:
            seen = [one for one in sink.requests if one.path == "/other"]
            return {one.headers["x-correlation-id"]: one.at for one in seen}

        wait_for(lambda: set(self.sent) <= set(arrived()), LIMIT_S, "the other events")
        return [arrived()[name] - at for name, at in self.sent.items()]


def one_round(
    stack: Stack, sink: Sink, secret: str, count: int, number: int, processes: dict[str, int]
) -> dict[str, float]:
    sink.forget()
    others = Others(stack, secret, f"other-{number}")
    others.start()
    time.sleep(2)
    before = {name: bench.cpu_s(pid) for name, pid in processes.items()}
    event: dict[str, Any] = {
        "event": "x.many",
        "event_id": f"many-{number}",
        "site": "https://shop.example.com",
        "data": {"text": bench.WORDS},
    }
    assert stack.send(event, secret).status_code == 202
    accepted = time.monotonic()

    def arrived() -> dict[str, float]:
        return {one.path: one.at for one in list(sink.requests) if one.path != "/other"}

    wait_for(lambda: len(arrived()) == count, LIMIT_S, f"{count} deliveries")
    times = sorted(at - accepted for at in arrived().values())
    used = {name: bench.cpu_s(pid) - before[name] for name, pid in processes.items()}
    time.sleep(2)
    others.stopping.set()
    others.join()
    late = others.late(sink)
    return {
        "first s": times[0],
        "half s": times[count // 2],
        "all s": times[-1],
        "others p50 s": statistics.median(late),
        "others latest s": max(late),
        **{f"CPU s, {name}": seconds for name, seconds in used.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--destinations", type=int, default=1000)
    parser.add_argument("--database", choices=["postgres", "sqlite"], default="postgres")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with bench.servers(args.database) as used:
        sink = Sink()
        stack = Stack(used.folder / "data", used.url, used.valkey.url)
        try:
            secret = stack.make_source().secret
            make_destinations(stack, sink, args.destinations)
            stack.start_limit_s = bench.START_S
            stack.start()
            assert stack.send(comment(event_id="warm"), secret).status_code == 202
            wait_for(lambda: sink.requests, LIMIT_S, "the first delivery")
            processes = {
                name: one.process.pid for name, one in stack.processes.items() if one.process
            }
            if used.server and used.server.process:
                processes["postgresql"] = used.server.process.pid
            rounds = [
                one_round(stack, sink, secret, args.destinations, number, processes)
                for number in range(args.rounds)
            ]
            bench.show(rounds)
            print(json.dumps({"load": os.getloadavg(), "states": stack.states()}), file=sys.stderr)
        finally:
            stack.stop()
            sink.close()


if __name__ == "__main__":
    main()
