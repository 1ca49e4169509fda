"""Fill a database with old events, and measure what a long history costs.  See README.md.

history.py fill URL [--events 1000000] [--days 30] [--sites 4] [--open 100]
history.py prune URL          delete what is past its days, and say how late due deliveries were meanwhile

URL is a DATABASE_URL.  ``fill`` brings the database to the newest version first.  Events are delivered, with
one attempt each; ``--open`` of them are failed deliveries that nobody resolved.  ``--days`` are the days before
now over which they are spread; with ``--age`` they end so many days before now.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from flask import Flask  # noqa: E402
from sqlalchemy import Connection, select, text, update  # noqa: E402

from relay import create_app, database  # noqa: E402
from relay.delivery import claim  # noqa: E402
from relay.ingest.store.sql import EventInserter  # noqa: E402
from relay.models import Delivery, Destination, Source, Subscription, db  # noqa: E402
from relay.models.event import search_text_of  # noqa: E402
from relay.rules.lifecycle import State  # noqa: E402
from relay.services.audit import COMMAND_LINE  # noqa: E402
from relay.services.destinations import settings as destination_settings  # noqa: E402
from relay.services.operations import partitions, retention  # noqa: E402
from relay.services.sources import settings as source_settings  # noqa: E402
from tests.support.databases import migrate  # noqa: E402
from tests.support.env import relay_env  # noqa: E402
from tests.support.events import comment  # noqa: E402

WORDS = "The quick brown fox asks whether the order has left the warehouse yet. " * 9
BATCH = 20_000
NAME = "History"

NUMBERS = """WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i < :last)"""
EVENTS = """
INSERT INTO event (source_id, signing_key_id, event_id, event_type, site, address, payload, body_sha256,
  search_text, received_at, routed_at, wanted)
{numbers}
SELECT k.source_id, k.id, :run || n.i, 'comment.created', 'https://shop.example.com', '203.0.113.7',
  replace(:payload, 'EVENT-ID', :run || n.i), {digest},
  replace(:search, 'event-id', :run || n.i), {at}, {at}, 1
FROM n JOIN signing_key k ON k.id = :key + n.i % :sites ORDER BY n.i
"""
DELIVERIES = """
INSERT INTO delivery (key, event_pk, subscription_id, destination_id, state, attempts, tries, starts, version,
  mapping_version, last_status, created_at, settled_at)
SELECT 'd-' || event_id, id, :subscription, :destination,
  CASE WHEN id % :every = 0 THEN 'dead' ELSE 'delivered' END, 1, 1, 1, 1, 1,
  CASE WHEN id % :every = 0 THEN 400 ELSE 200 END, received_at, received_at
FROM event WHERE id > :after ORDER BY id
"""
ATTEMPTS = """
INSERT INTO attempt (key, delivery_id, number, outcome, code, sentence, status, started_at, elapsed_ms, request,
  response)
SELECT 'a-' || key, id, 1, CASE state WHEN 'dead' THEN 'refused' ELSE 'accepted' END, '', '', last_status,
  created_at, 12.5, {request}, {response}
FROM delivery WHERE id > :after ORDER BY id
"""
DEAD_LETTERS = """
INSERT INTO dead_letter (delivery_id, destination_id, code, sentence, created_at)
SELECT id, destination_id, 'http_400', 'The destination refused the request.', created_at
FROM delivery WHERE id > :after AND state = 'dead'
"""
INTAKE = """
INSERT INTO intake (source_id, day, event_type, lane, received)
SELECT source_id, {day}, event_type, 0, count(*) FROM event WHERE id > :after GROUP BY 1, 2, 3
ON CONFLICT (source_id, day, event_type, lane) DO UPDATE SET received = intake.received + excluded.received
"""


def application(url: str, folder: Path) -> Flask:
    os.environ.update(relay_env(folder, DATABASE_URL=url, REDIS_URL="redis://127.0.0.1:1"))
    return create_app()


def fill(url: str, events: int, days: float, age: float, sites: int, unresolved: int) -> None:
    """Insert ``events`` events, received evenly from ``age + days`` until ``age`` days ago."""
    with tempfile.TemporaryDirectory() as name:
        migrate(url, Path(name))
        with application(url, Path(name)).app_context():
            values = _settings(sites)
            values |= {"every": max(1, events // unresolved) if unresolved else events * 10**6}
            started = time.monotonic()
            with db.engine.connect() as connection:
                is_parted = database.has_partitions(connection)
            parts = max(1, int(timedelta(days=days) / partitions.length(30)))
            begun = 0
            for first in range(0, events, BATCH):
                last = min(first + BATCH, events) - 1
                with db.engine.begin() as connection:
                    _insert(connection, values, first, last, events, days, age)
                if is_parted and (last + 1) * parts // events > begun:
                    begun = (last + 1) * parts // events
                    partitions.begin()
                print(f"{last + 1} events, {time.monotonic() - started:.0f} s", flush=True)
            with db.engine.connect() as connection:
                if connection.dialect.name == "postgresql":
                    connection = connection.execution_options(isolation_level="AUTOCOMMIT")
                    connection.execute(text("VACUUM ANALYZE"))


def _settings(sites: int) -> dict[str, Any]:
    """The sites and the destination of the events, made if they are missing."""
    if db.session.scalar(select(Source.id).where(Source.name == f"{NAME} 0")) is None:
        for number in range(sites):
            source_settings.create_source(
                f"{NAME} {number}", f"https://shop{number}.example.com", COMMAND_LINE
            )
        destination_settings.create_destination("inbox", NAME, {}, COMMAND_LINE)
    source = db.session.scalars(select(Source).where(Source.name == f"{NAME} 0")).one()
    destination = db.session.scalars(select(Destination).where(Destination.name == NAME)).one()
    subscription = db.session.scalar(
        select(Subscription.id).where(Subscription.destination_id == destination.id)
    )
    event = comment(event_id="EVENT-ID")
    event["data"] |= {"content": WORDS, "reference": "EVENT-ID"}
    call = {"method": "POST", "url": "inbox:", "headers": {}, "body": json.dumps(event["data"])}
    found = {
        "key": source.keys[0].id,
        "source": source.id,
        "sites": sites,
        "run": f"h{int(time.time())}-",
        "payload": json.dumps(event),
        "search": search_text_of(event["data"]),
        "subscription": subscription,
        "destination": destination.id,
        "request": json.dumps(call),
        "response": json.dumps({"status": 200, "headers": {}, "body": "ok"}),
    }
    db.session.commit()
    return found


def _insert(
    connection: Connection,
    values: dict[str, Any],
    first: int,
    last: int,
    events: int,
    days: float,
    age: float,
) -> None:
    postgres = connection.dialect.name == "postgresql"
    seconds = f"(({age} * 86400.0) + ({events} - n.i) * {days * 86400.0 / events})"
    if postgres:
        words = {
            "numbers": "WITH n(i) AS (SELECT generate_series(CAST(:first AS bigint), :last))",
            "at": f"statement_timestamp() - {seconds} * interval '1 second'",
            "digest": "sha256(convert_to(:run || n.i, 'UTF8'))",
            "request": "CAST(:request AS jsonb)",
            "response": "CAST(:response AS jsonb)",
            "day": "CAST(received_at AT TIME ZONE 'UTC' AS date)",
        }
    else:
        words = {
            "numbers": NUMBERS,
            "at": f"strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || {seconds} || ' seconds') || '000'",
            "digest": "randomblob(32)",
            "request": ":request",
            "response": ":response",
            "day": "date(received_at)",
        }
    before = {
        name: connection.scalar(text(f"SELECT coalesce(max(id), 0) FROM {name}"))  # noqa: S608
        for name in ("event", "delivery")
    }
    for statement, table in (
        (EVENTS, ""),
        (DELIVERIES, "event"),
        (ATTEMPTS, "delivery"),
        (DEAD_LETTERS, "delivery"),
        (INTAKE, "event"),
    ):
        more = {"first": first, "last": last, "after": before.get(table, 0)}
        connection.execute(text(statement.format(**words)), values | more)


class Probe(threading.Thread):
    """Stores an event and claims a due delivery ten times a second, as a site and a worker would."""

    def __init__(self, app: Flask, values: dict[str, Any]) -> None:
        super().__init__(daemon=True)
        self.app, self.values, self.stopping = app, values, threading.Event()
        self.stored_s: list[float] = []
        self.late_s: list[float] = []

    def run(self) -> None:
        with self.app.app_context(), db.engine.connect() as connection:
            inserter = EventInserter.of(connection)
            row_id = connection.scalar(
                text("SELECT max(id) FROM delivery WHERE state = 'delivered'")
            )
            connection.rollback()
            while not self.stopping.wait(0.1):
                with connection.begin():
                    started = time.monotonic()
                    inserter.insert(connection, [self._event()])
                self.stored_s.append(time.monotonic() - started)
                with connection.begin():
                    pending = {"state": State.PENDING.value, "due_at": database.now(connection)}
                    connection.execute(
                        update(Delivery).where(Delivery.id == row_id).values(claims=0, **pending)
                    )
                due = time.monotonic()
                with connection.begin():
                    now = database.now(connection)
                    assert claim.claim(connection, self.values["destination"], 50, now)
                self.late_s.append(time.monotonic() - due)

    def _event(self) -> dict[str, Any]:
        key = self.values["key"]
        return {
            "source_id": self.values["source"],
            "signing_key_id": key,
            "event_id": f"probe-{time.time_ns()}",
            "event_type": "comment.created",
            "site": "https://shop.example.com",
            "address": "203.0.113.7",
            "payload": self.values["payload"],
            "body_sha256": bytes(32),
            "search_text": "",
        }


def backends_cpu_s() -> float:
    """The CPU of this database's sessions on PostgreSQL, if the server is on this machine."""
    with db.engine.connect() as connection:
        if connection.dialect.name != "postgresql":
            return 0.0
        pids = connection.scalars(
            text("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
        ).all()
    total = 0
    for pid in pids:
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists():
            fields = stat.read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def prune(url: str) -> None:
    """Prune, and print the rate and the longest waits of a probe meanwhile."""
    with tempfile.TemporaryDirectory() as name:
        app = application(url, Path(name))
        with app.app_context():
            probe = Probe(app, _settings(1))
            probe.start()
            started, cpu_s = time.monotonic(), time.process_time()
            done = retention.prune(COMMAND_LINE)
            seconds = time.monotonic() - started
            cpu_s = time.process_time() - cpu_s + backends_cpu_s()
            probe.stopping.set()
            probe.join()
    print(
        f"{done.events} events in {seconds:.1f} s ({done.events / seconds:.0f} a second), with {cpu_s:.1f} s of "
        f"CPU, at a load of {os.getloadavg()[0]:.1f}; meanwhile a due "
        f"delivery was claimed after {max(probe.late_s) * 1000:.0f} ms at most, and an event stored after "
        f"{max(probe.stored_s) * 1000:.0f} ms at most ({len(probe.late_s)} of each)"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["fill", "prune"])
    parser.add_argument("url")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--days", type=float, default=30)
    parser.add_argument("--age", type=float, default=0)
    parser.add_argument("--sites", type=int, default=4)
    parser.add_argument("--open", type=int, default=100)
    given = parser.parse_args()
    if given.what == "prune":
        prune(given.url)
    else:
        fill(given.url, given.events, given.days, given.age, given.sites, given.open)
