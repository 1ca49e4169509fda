"""Fill an empty, migrated database with a long history: events, deliveries and attempts.

The rows and the counts are what Relay itself would have written: 5 sites, 3 destinations, 30 days up
to now.  Of the deliveries, 1 % wait for a destination that is paused, 0.4 % failed and nobody resolved
them, 0.1 % failed and were resolved, and 0.1 % were discarded.  2 % of the events match no subscription.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, text

DAYS = 30
SITES, TYPES = 5, ("order.created", "order.status_changed", "comment.created", "lead.created")
WORDS = (
    "warehouse teapot order parcel blue refund invoice gift delivery address kettle cup green tea "
    "question thanks late broken colour size strainer basket coupon discount weekend"
).split()
SETUP = """
from relay.services.audit import COMMAND_LINE as BY
from relay.services.destinations import settings as to
from relay.services.sources import settings as of
for n in range({sites}):
    of.create_source(f"Shop {{n}}", f"https://shop{{n}}.example.com", BY)
made = [to.create_destination("webhook", name, dict(url="{url}", auth="none"), BY, ["*"], [])
        for name in ("Team channel", "Customer records", "Archive")]
to.pause(made[2].id, BY, "The archive is being moved.")
"""
EVENT = (
    "id, source_id, signing_key_id, event_id, event_type, site, address, payload, body_sha256, "
    "search_text, received_at, routed_at, wanted"
)
DELIVERY = (
    "id, key, event_pk, subscription_id, destination_id, state, due_at, attempts, tries, version, "
    "mapping_version, last_status, created_at, settled_at"
)
ATTEMPT = (
    "id, key, delivery_id, number, outcome, code, sentence, status, started_at, elapsed_ms, request, "
    "response"
)
LETTER = "id, delivery_id, destination_id, code, field, sentence, state, resolution, created_at, resolved_at"
REPLY = json.dumps({"status": 200, "headers": [["content-type", "application/json"]], "body": "{}"})
Row = tuple[Any, ...]


class History:
    """The rows of ``count`` events up to ``now``; the same numbers for the same count."""

    def __init__(self, count: int, now: datetime, keys: Sequence[int]):
        self.count, self.now, self.keys = count, now, keys
        self.step = timedelta(days=DAYS) / count
        self.intake: Counter[tuple[Any, ...]] = Counter()
        self.hours: Counter[tuple[Any, ...]] = Counter()
        self.minutes: Counter[tuple[Any, ...]] = Counter()

    def at(self, n: int) -> datetime:
        return self.now - self.step * (self.count - n) - timedelta(seconds=5)

    def source(self, n: int) -> int:
        """Site 1 sends 60 % of the events."""
        return 1 if n % 10 < 6 else 2 + n % 4

    def destination(self, n: int) -> int:
        """0 for an event that no subscription matches."""
        return 0 if n % 50 == 7 else 3 if n % 100 == 3 else 2 if n % 5 == 1 else 1

    def state(self, n: int) -> str:
        if self.destination(n) == 3:
            return "pending"
        return {11: "dead", 222: "discarded"}.get(n % 1000 if n % 250 != 11 else 11, "delivered")

    def events(self) -> Iterator[Row]:
        words = random.Random(1)
        for n in range(1, self.count + 1):
            at, source, kind = self.at(n), self.source(n), TYPES[n // 7 % len(TYPES)]
            said = " ".join(words.choices(WORDS, k=60))
            person = f"jane.{n % 50_000}@example.com"
            data = {"id": n, "number": str(n), "email": person, "author": "Jane", "content": said}
            body = {"event": kind, "event_id": f"evt-{n:08d}", "site": "https://shop.example.com"}
            self.intake[source, at.date(), kind] += 1
            self.hours[source, kind, at.replace(minute=0, second=0, microsecond=0)] += 1
            yield (
                *(
                    n,
                    source,
                    self.keys[source - 1],
                    f"evt-{n:08d}",
                    kind,
                    body["site"],
                    "192.0.2.7",
                ),
                *(json.dumps(body | {"data": data}), n.to_bytes(32, "big")),
                *(f"{n} {n} {person} jane {said}", at, at, int(self.destination(n) > 0)),
            )

    def deliveries(self) -> Iterator[Row]:
        for n in range(1, self.count + 1):
            to, state, at = self.destination(n), self.state(n), self.at(n)
            if not to:
                continue
            waits, done = state == "pending", at + timedelta(seconds=1)
            if state in ("delivered", "dead"):
                self.minutes[to, done.replace(second=0, microsecond=0), state] += 1
            yield (
                *(n, f"dlv_{n:032x}", n, to, to, state, at if waits else None),
                *(int(not waits), int(not waits), 1, 1, self.status(state), at),
                None if waits else done,
            )

    @staticmethod
    def status(state: str) -> int | None:
        return {"delivered": 200, "dead": 422}.get(state)

    def attempts(self) -> Iterator[Row]:
        call = {
            "method": "POST",
            "url": "http://127.0.0.1:8099/in",
            "headers": [],
            "body": "x" * 300,
        }
        request = json.dumps(call)
        for n in range(1, self.count + 1):
            state = self.state(n)
            if not self.destination(n) or state == "pending":
                continue
            dead = state == "dead"
            yield (
                *(n, f"att_{n:032x}", n, 1, "refused" if dead else "accepted"),
                *("http_422" if dead else "", "It does not know the field." if dead else ""),
                *(self.status(state), self.at(n), 12.5, request, REPLY),
            )

    def letters(self) -> Iterator[Row]:
        for n in range(1, self.count + 1):
            if self.destination(n) and self.state(n) == "dead":
                over = n % 1250 == 11
                yield (
                    *(n, n, self.destination(n), "http_422", ("", "email", "phone")[n % 3]),
                    *("It does not know the field.", "resolved" if over else "open"),
                    *("discarded" if over else None, self.at(n), self.at(n) if over else None),
                )


def fill(engine: Engine, count: int, say: Callable[[str], None]) -> None:
    """Write the history into the database of ``SETUP``."""
    with engine.begin() as connection:
        rows = connection.execute(text("SELECT source_id, id FROM signing_key ORDER BY id")).all()
    history = History(count, datetime.now(UTC), [key for _, key in rows])
    tables: tuple[tuple[str, str, Iterable[Row]], ...] = (
        ("event", EVENT, history.events()),
        ("delivery", DELIVERY, history.deliveries()),
        ("attempt", ATTEMPT, history.attempts()),
        ("dead_letter", LETTER, history.letters()),
        ("intake", "source_id, day, event_type, lane, received", _counts(history.intake, 0)),
        ("event_hour", "source_id, event_type, hour, events", _counts(history.hours)),
        ("delivery_minute", "destination_id, minute, delivered, failed", _minutes(history)),
        ("milestone", "name, at", [("event_hours", _hour(history.now))]),
    )
    for table, columns, found in tables:
        say(f"filling {table} …")
        _insert(engine, table, columns, found)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "postgresql":
            for table in ("event", "delivery", "attempt", "dead_letter"):
                connection.execute(
                    text(
                        f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"  # noqa: S608
                    )
                )
            connection.execute(text("VACUUM (ANALYZE)"))
        else:
            connection.execute(text("ANALYZE"))


def _counts(counter: Counter[tuple[Any, ...]], *more: Any) -> Iterator[Row]:
    for key, number in counter.items():
        yield (*key, *more, number)


def _minutes(history: History) -> Iterator[Row]:
    for to, minute in dict.fromkeys(key[:2] for key in history.minutes):
        good, bad = (history.minutes[to, minute, state] for state in ("delivered", "dead"))
        yield (to, minute, good, bad)


def _hour(instant: datetime) -> datetime:
    return instant.replace(minute=0, second=0, microsecond=0)


def _insert(engine: Engine, table: str, columns: str, rows: Iterable[Row]) -> None:
    connection = engine.raw_connection()
    cursor: Any = connection.cursor()
    if engine.dialect.name == "postgresql":
        with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    else:
        marks = ", ".join("?" * (columns.count(",") + 1))
        insert = f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608
        cursor.executemany(insert, map(_for_sqlite, rows))
    connection.commit()
    connection.close()


def _for_sqlite(row: Row) -> Row:
    """Datetimes as SQLAlchemy stores them."""
    return tuple(
        f"{value:%Y-%m-%d %H:%M:%S.%f}"
        if isinstance(value, datetime)
        else value
        if value is None or isinstance(value, int | float | str | bytes)
        else str(value)
        for value in row
    )
