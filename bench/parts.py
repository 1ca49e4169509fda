"""What each part of an event costs: microseconds of CPU, in one process, one part after the other.

Run by bench.py with the settings of the stack that it has started, after it stopped the processes:
parts.py EVENTS SECRET SINK_URL.  Prints one JSON object, part -> µs per event.  Times are CPU times of this
process, which a busy machine changes little; PostgreSQL's share is in bench.py's table of processes.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "bench"))

import plain  # noqa: E402
from flask import Flask  # noqa: E402
from sqlalchemy import select  # noqa: E402

from relay import create_app  # noqa: E402
from relay.delivery import router  # noqa: E402
from relay.delivery.attempt.outcome import log_attempt, result_of, write_results  # noqa: E402
from relay.delivery.attempt.run import run as run_attempt  # noqa: E402
from relay.delivery.drain import Drain  # noqa: E402
from relay.delivery.gate import policy_of, release  # noqa: E402
from relay.delivery.shared_transport import shared_transport  # noqa: E402
from relay.ingest import create_ingest_app  # noqa: E402
from relay.ingest.waiting import RequestGreenlet  # noqa: E402
from relay.models import Destination, db  # noqa: E402
from relay.observability.logging import init_logging, log  # noqa: E402
from relay.transport.request import OutboundRequest, Reply  # noqa: E402
from relay.web.connection import ClientConnection  # noqa: E402
from relay.web.request import HttpRequest, environ_of  # noqa: E402

WARM_UP = 64  # events that are not counted
GROUP = 32  # requests that wait for the same commit
Costs = dict[str, float]


class Timer:
    """Adds up CPU seconds by part."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def run(self, part: str, call: Callable[[], Any]) -> Any:
        began = time.process_time()
        try:
            return call()
        finally:
            spent = time.process_time() - began
            self.seconds[part] = self.seconds.get(part, 0.0) + spent


class NoTransport:
    """Where a connection writes to; nothing is sent."""

    def get_extra_info(self, name: str) -> tuple[str, int]:
        return ("127.0.0.1", 1)

    def set_write_buffer_limits(self, high: int) -> None: ...

    def write(self, data: bytes) -> None: ...

    def is_closing(self) -> bool:
        return False


class Collector:
    """Takes the requests that a connection has read."""

    max_body_bytes = kept_body_bytes = 10**6

    def __init__(self) -> None:
        self.requests: list[HttpRequest] = []

    def handle(self, connection: ClientConnection, request: HttpRequest) -> None:
        self.requests.append(request)
        connection.requests.clear()

    def forget(self, connection: ClientConnection) -> None: ...


class Answering:
    """A transport that answers at once, without a network."""

    def send(self, request: OutboundRequest) -> Reply:
        return Reply(200, (), b"ok", 0.1)


def read_requests(timer: Timer, raws: Sequence[bytes]) -> list[dict[str, Any]]:
    """server: bytes -> WSGI environments."""
    owner = Collector()
    connection = ClientConnection(owner, "")
    connection.connection_made(NoTransport())  # type: ignore[arg-type]

    def read() -> list[dict[str, Any]]:
        for raw in raws:
            connection.data_received(raw)
        return [environ_of(request, request.path) for request in owner.requests]

    found: list[dict[str, Any]] = timer.run("server: read a request", read)
    return found


async def accept(timer: Timer, app: Any, environs: Sequence[dict[str, Any]]) -> None:
    """checks and commit: in groups, as the event loop does it."""
    loop = asyncio.get_running_loop()
    ingest = create_ingest_app(app)
    statuses: list[str] = []

    wanted, answered = 0, asyncio.Event()

    def answer(status: str, headers: Any, *_: Any) -> None:
        statuses.append(status)
        if len(statuses) == wanted:
            answered.set()

    def one(environ: dict[str, Any]) -> None:
        ingest.wsgi_app(environ, answer)

    checked = 0.0
    began = time.process_time()
    for at in range(0, len(environs), GROUP):
        group = environs[at : at + GROUP]
        wanted += len(group)
        answered.clear()
        before = time.thread_time()
        for environ in group:
            RequestGreenlet(loop, one).switch(environ)
        checked += time.thread_time() - before
        await answered.wait()
    total = time.process_time() - began
    if set(statuses) != {"202 ACCEPTED"}:
        sys.exit(f"Invalid run: {set(statuses)}")
    timer.seconds["checks: read, verify, parse, validate"] = checked
    timer.seconds["commit: group, INSERT, log, response"] = total - checked


def deliver(timer: Timer, app: Any, count: int) -> int:
    """route, claim, message, call, record.  -> deliveries"""
    while timer.run("route", lambda: router.route_batch(wake=lambda _: None)):
        pass
    transport, silent = shared_transport(app), Answering()
    destination_id = db.session.execute(select(Destination.id)).scalars().first()
    db.session.remove()
    done = 0
    while done < count:
        drain = timer.run("claim", lambda: Drain.open(destination_id))
        if drain is None or not drain.batch.claims:
            break
        now, claims = drain.now(), drain.batch.claims
        results = []
        for claim in claims:
            made = (drain.kind, drain.config, [claim])
            timer.run("message: map and build", lambda made=made: run_attempt(*made, silent))
            (result,) = timer.run("call", lambda made=made: run_attempt(*made, transport))
            results.append(
                timer.run(
                    "record: settle",
                    partial(
                        result_of,
                        claim,
                        result,
                        policy_of(drain.row),
                        destination_id,
                        drain.version,
                        now,
                    ),
                )
            )
        for claim, settled in zip(claims, results, strict=True):
            timer.run(
                "record: log and count",
                partial(log_attempt, claim, settled, "webhook", now),
            )

        def write(results: list[Any] = results, drain: Drain = drain) -> None:
            with db.engine.begin() as connection:
                write_results(connection, results, drain.now())
                release(connection, destination_id, drain.token)

        timer.run("record: write", write)
        done += len(claims)
    # The call was made on top of building the message again.
    timer.seconds["call"] -= timer.seconds["message: map and build"]
    return done


def main() -> None:
    count, secret = int(sys.argv[1]), sys.argv[2]
    app = create_app()
    # The log lines are measured, not read.  What goes wrong is.
    with open(os.devnull, "w", encoding="utf-8") as nothing:
        errors, sys.stderr = sys.stderr, nothing
        try:
            init_logging()
            costs = measure(app, count, secret, sys.argv[3])
        finally:
            sys.stderr = errors
    print(json.dumps(costs))


def measure(app: Flask, count: int, secret: str, sink_url: str) -> Costs:
    """-> µs per event of each part"""
    from bench import prepare  # the module beside this one

    app.extensions["relay_ingest"].snapshots.current()
    for number in (WARM_UP, count):  # statements are built and modules loaded with the first events
        timer = Timer()
        raws = [
            raw_request(body, headers)
            for body, headers in prepare(secret, number, f"p{time.time_ns():x}")
        ]
        environs = read_requests(timer, raws)
        asyncio.run(accept(timer, app, environs))
        with app.app_context():
            delivered = deliver(timer, app, number)
        if delivered != number:
            sys.exit(f"Invalid run: {delivered} of {number} deliveries")
    timer.run(
        "one log line", lambda: [log("event.accepted", correlation_id="x", id=1) for _ in raws]
    )
    costs = {name: seconds / count * 1e6 for name, seconds in timer.seconds.items()}
    with suppress(Exception):
        app.extensions["relay_ingest"].close()
    return costs | plain.costs(app, raws, secret, sink_url)


def raw_request(body: bytes, headers: dict[str, str]) -> bytes:
    lines = ["POST /webhooks/wp HTTP/1.1", f"Host: {socket.gethostname()}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


if __name__ == "__main__":
    main()
