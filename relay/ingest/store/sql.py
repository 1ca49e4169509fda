"""The door's own count of what it takes in, by source, UTC day and type: the ledger's first column.

New events are counted in the very commit that stores them, so the count can be neither ahead nor
behind.  On PostgreSQL it is the same statement; on SQLite one more in the same transaction.
Repeats change no row of an event, so they are counted by a statement of their own, once a group.
"""

from __future__ import annotations

import functools
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from relay.ingest.store.connection import DedicatedConnection
from relay.observability.logging import log

if TYPE_CHECKING:
    from relay.ingest.store.writer import PendingEvent

COLUMNS = (
    *("source_id", "signing_key_id", "event_id", "event_type", "site", "address"),
    *("payload", "body_sha256", "search_text"),
)
LANES = 8  # web processes seldom share a row, so that none waits for another one's commit
Stored = Sequence[tuple[int, int, str]]  # id, source, event id


@functools.cache
def insert_sql(rows: int, mark: str) -> str:
    """Written out once a size, for the drivers as they are: building it through Core each time costs
    more than the rest of the thread's work.
    """
    one = f"({', '.join([mark] * len(COLUMNS))})"
    return (
        f"INSERT INTO event ({', '.join(COLUMNS)}) VALUES {', '.join([one] * rows)} "  # noqa: S608
        "ON CONFLICT (source_id, event_id) DO NOTHING "
        "RETURNING id, source_id, event_id, event_type, received_at"
    )


@functools.cache
def insert_and_count_sql(rows: int, lane: int) -> str:
    """Both in one statement, which is one transaction and one round trip.  In order, against deadlocks."""
    return (
        f"WITH stored AS ({insert_sql(rows, '%s')}), counted AS ("  # noqa: S608
        "INSERT INTO intake (source_id, day, event_type, lane, received) "
        "SELECT source_id, CAST(received_at AT TIME ZONE 'UTC' AS date), event_type, "
        f"{lane}, count(*) FROM stored GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 "
        "ON CONFLICT (source_id, day, event_type, lane) "
        "DO UPDATE SET received = intake.received + excluded.received) "
        "SELECT id, source_id, event_id FROM stored"
    )


def add_sql(column: str, day: str, mark: str) -> str:
    return (
        f"INSERT INTO intake (source_id, day, event_type, lane, {column}) "  # noqa: S608
        f"VALUES ({mark}, {day}, {mark}, {mark}, {mark}) "
        "ON CONFLICT (source_id, day, event_type, lane) "
        f"DO UPDATE SET {column} = intake.{column} + excluded.{column}"
    )


class EventInserter:
    """One a writer.  Not for several threads at once."""

    def __init__(self, dialect: str):
        self.is_postgres = dialect == "postgresql"
        self.lane = random.randrange(LANES)  # noqa: S311 - spreads, guards nothing
        self.repeats: Counter[tuple[int, str]] = Counter()

    def insert(self, connection: Connection, rows: list[dict[str, Any]]) -> Stored:
        """Store events and count the new ones, in the running transaction.  -> the new ones"""
        values = tuple(row[name] for row in rows for name in COLUMNS)
        if self.is_postgres:
            sql = insert_and_count_sql(len(rows), self.lane)
            return connection.exec_driver_sql(sql, values).all()  # type: ignore[return-value]
        stored = connection.exec_driver_sql(insert_sql(len(rows), "?"), values).all()
        counts = Counter((source, str(at)[:10], kind) for _, source, _, kind, at in stored)
        if counts:
            connection.exec_driver_sql(
                add_sql("received", "?", "?"),
                [(source, day, kind, self.lane, n) for (source, day, kind), n in counts.items()],
            )
        return [(row_id, source, event) for row_id, source, event, *_ in stored]

    def count_duplicates(self, own: DedicatedConnection, group: Iterable[PendingEvent]) -> None:
        """Count the repeats of a group that is settled; what cannot be written is tried with the next."""
        for one in group:
            if one.error is None and one.row_id and not one.new and one.same_body:
                self.repeats[one.row["source_id"], one.row["event_type"]] += 1
        if not self.repeats:
            return
        today = "CAST(statement_timestamp() AT TIME ZONE 'UTC' AS date)"
        day, mark = (today, "%s") if self.is_postgres else ("date('now')", "?")
        rows = [(source, kind, self.lane, n) for (source, kind), n in sorted(self.repeats.items())]
        try:
            with own.open().begin() as transaction:
                transaction.connection.exec_driver_sql(add_sql("duplicates", day, mark), rows)
        except SQLAlchemyError as exc:
            own.drop()
            log("duplicates.wait", count=len(rows), reason=type(exc).__name__)
        else:
            self.repeats.clear()
