"""Inserts events and counts them by source, UTC day and type, for the ledger's "received" column.

New events are counted in the transaction that stores them, so the count is always exact.  On
PostgreSQL one statement does both; on SQLite the count is a second statement in the same transaction.
Duplicates do not change an event's row: one statement per group counts them after the commit.
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
LANES = 8  # rows per count, so that web processes rarely wait for each other's commit
Stored = Sequence[tuple[int, int, str]]  # id, source id, event id


@functools.cache
def insert_sql(rows: int, mark: str) -> str:
    """The INSERT for ``rows`` events as text, cached: building it with SQLAlchemy Core for each group
    costs more than the rest of the writer's work.  ``mark`` is the driver's placeholder.
    """
    row = f"({', '.join([mark] * len(COLUMNS))})"
    return (
        f"INSERT INTO event ({', '.join(COLUMNS)}) VALUES {', '.join([row] * rows)} "  # noqa: S608
        "ON CONFLICT DO NOTHING "
        "RETURNING id, source_id, event_id, event_type, received_at"
    )


@functools.cache
def insert_and_count_sql(rows: int, lane: int) -> str:
    """Insert and count in one statement: one transaction, one round trip.  Ordered, to avoid deadlocks."""
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
    """Add to ``column`` of a count.  ``day`` is an SQL expression."""
    return (
        f"INSERT INTO intake (source_id, day, event_type, lane, {column}) "  # noqa: S608
        f"VALUES ({mark}, {day}, {mark}, {mark}, {mark}) "
        "ON CONFLICT (source_id, day, event_type, lane) "
        f"DO UPDATE SET {column} = intake.{column} + excluded.{column}"
    )


class EventInserter:
    """One per writer.  Not safe for several threads at once."""

    def __init__(self, dialect: str):
        self.is_postgres = dialect == "postgresql"
        self.duplicates: Counter[tuple[int, str]] = Counter()

    @functools.cached_property
    def lane(self) -> int:
        """Chosen with the first group: a web process is forked after its writer is made."""
        return random.randrange(LANES)  # noqa: S311 - no secret

    @classmethod
    def of(cls, connection: Connection) -> EventInserter:
        return cls(connection.dialect.name)

    def insert(self, connection: Connection, rows: list[dict[str, Any]]) -> Stored:
        """Insert events and count the new ones, in the running transaction.  -> the new ones"""
        values = tuple(row[name] for row in rows for name in COLUMNS)
        if self.is_postgres:
            sql = insert_and_count_sql(len(rows), self.lane)
            return connection.exec_driver_sql(sql, values).all()  # type: ignore[return-value]
        stored = connection.exec_driver_sql(insert_sql(len(rows), "?"), values).all()
        counts = Counter((source, str(at)[:10], type_) for _, source, _, type_, at in stored)
        if counts:
            connection.exec_driver_sql(
                add_sql("received", "?", "?"),
                [(source, day, type_, self.lane, n) for (source, day, type_), n in counts.items()],
            )
        return [(row_id, source, event) for row_id, source, event, *_ in stored]

    def count_duplicates(
        self, connection: DedicatedConnection, group: Iterable[PendingEvent]
    ) -> None:
        """Count the duplicates of a committed group.  After an error they are counted with the next group."""
        for event in group:
            if event.error is None and event.row_id and not event.new and event.same_body:
                self.duplicates[event.row["source_id"], event.row["event_type"]] += 1
        if not self.duplicates:
            return
        today = "CAST(statement_timestamp() AT TIME ZONE 'UTC' AS date)"
        day, mark = (today, "%s") if self.is_postgres else ("date('now')", "?")
        rows = [
            (source, type_, self.lane, n) for (source, type_), n in sorted(self.duplicates.items())
        ]
        try:
            with connection.open().begin() as transaction:
                transaction.connection.exec_driver_sql(add_sql("duplicates", day, mark), rows)
        except SQLAlchemyError as exc:
            connection.drop()
            log("duplicates.wait", level="warning", count=len(rows), reason=type(exc).__name__)
        else:
            self.duplicates.clear()
