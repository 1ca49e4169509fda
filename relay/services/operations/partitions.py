"""The partitions of events and attempts on PostgreSQL: ranges of ids, each in a table of its own.

A new one is begun by moving the sequence of ids to the start of the next range, which is there already.
So no row is moved, and no partition is closed while events are stored in it.  ``event_kept`` and
``attempt_kept`` have what stays after its partition was dropped, and are the pattern for new ones.
SQLite has no partitions: there are none to list and nothing to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from relay import database
from relay.models import db
from relay.observability.logging import log
from relay.services.settings import retention as retention_settings

TABLES = ("event", "attempt")
SPAN = 1_000_000  # the smallest range of ids
LEAST_ROWS = 10_000  # a partition with fewer is not worth its cost in every plan
MOST = 10  # partitions within the retention: each query on a table plans and locks all of them
PRUNE_LOCK = 7261540
LOCK_TIMEOUT_MS = 500  # while a partition waits for its lock, events wait behind it
_BOUNDS = re.compile(r"FROM \((MINVALUE|'\d+')\) TO \('(\d+)'\)")


@dataclass(frozen=True)
class Partition:
    """The rows of ``table`` with ids from ``first`` to ``end``, which is not in it."""

    table: str
    name: str
    first: int
    end: int


def list_partitions(connection: Connection, table: str) -> list[Partition]:
    """In the order of their ids, without the one for what is kept."""
    if not database.has_partitions(connection):
        return []
    rows = connection.execute(
        text(
            "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i "
            "JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = CAST(:name AS regclass)"
        ),
        {"name": table},
    )
    found = []
    for name, bounds in rows:
        if match := _BOUNDS.search(bounds):
            first, end = match.groups()
            found.append(
                Partition(table, name, int(first.strip("'")) if first[0] == "'" else 0, int(end))
            )
    return sorted(found, key=lambda one: one.first)


def length(retention_days: int) -> timedelta:
    """How long events are stored in one partition."""
    return timedelta(days=max(1, -(-retention_days // MOST)))


def next_span(used: int) -> int:
    """How many ids the next partition gets after one that used ``used``: enough for ten times as many."""
    return max(SPAN, 10 ** len(str(10 * used - 1)))


def extend() -> bool:
    """Begin new partitions if the present ones are old, and keep an empty one ready.  -> if they are new

    Called every minute.  If a long query blocks it, the next call does it: events meanwhile continue in
    the present partition.
    """
    with db.engine.connect() as connection:
        if not database.has_partitions(connection):
            return False
    try:
        for table in TABLES:
            _make_ready(table)
        with db.engine.connect() as connection:
            is_time = _is_time(connection)
        if is_time:
            begin()
    except OperationalError as exc:
        log("partitions.wait", level="warning", reason=type(exc.orig).__name__)
        return False
    return is_time


def begin() -> None:
    """Store new events and attempts in new partitions from now on.  Raises OperationalError."""
    for table in TABLES:
        start = _make_ready(table)
        with db.engine.begin() as connection:
            connection.execute(
                text(
                    f"SELECT setval('{table}_id_seq', {start}, false) "  # noqa: S608
                    f"WHERE (SELECT last_value FROM {table}_id_seq) < {start}"
                )
            )
        _make_ready(table)
        log("partitions.begun", table=table, first=start)


def _make_ready(table: str) -> int:
    """Make the next range if it is missing.  -> its first id.  Raises OperationalError if it is blocked."""
    with db.engine.begin() as connection:
        database.limit_lock_wait(connection, LOCK_TIMEOUT_MS)
        at = connection.scalar(text(f"SELECT last_value FROM {table}_id_seq"))  # noqa: S608
        parts = list_partitions(connection, table)
        last = parts[-1]
        if at < last.first:
            return last.first
        # Past the last range, events are in event_kept, so that no partition can begin before them.
        first = last.end if at < last.end else (at // SPAN + 2) * SPAN
        _add(connection, table, first, first + next_span(at - last.first))
        return first


def _add(connection: Connection, table: str, first: int, end: int) -> None:
    number = 1 + max(int(one.name.rsplit("_p", 1)[1]) for one in list_partitions(connection, table))
    name = f"{table}_p{number}"
    connection.execute(text(f"CREATE TABLE {name} (LIKE {table}_kept INCLUDING ALL)"))
    connection.execute(
        text(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({end})")
    )


def _is_time(connection: Connection) -> bool:
    """Whether the present partition of events is old enough and large enough, or full."""
    at = connection.scalar(text("SELECT last_value FROM event_id_seq"))
    parts = list_partitions(connection, "event")
    present = next((one for one in parts if one.first <= at < one.end), None)
    if present is None:
        return True
    oldest = connection.execute(
        text(f"SELECT id, received_at FROM {present.name} ORDER BY id LIMIT 1")  # noqa: S608
    ).one_or_none()
    if oldest is None or at - oldest.id < LEAST_ROWS:
        return False
    since: datetime = oldest.received_at
    days = retention_settings.days(connection).retention_days
    return database.now(connection) - since >= length(days)


def cover(connection: Connection, table: str, rows: Sequence[dict[str, int]]) -> None:
    """Make partitions for rows that are inserted with the ids of another database."""
    if table not in TABLES or not database.has_partitions(connection):
        return
    largest, end = max(row["id"] for row in rows), list_partitions(connection, table)[-1].end
    if largest >= end:
        room = 10 * SPAN  # so that there are few
        _add(connection, table, end, (largest // room + 1) * room)


def hold(connection: Connection) -> None:
    """Let no partition be dropped until the transaction ends: its snapshot would lose the rows."""
    if database.has_partitions(connection):
        connection.execute(text(f"LOCK TABLE {', '.join(TABLES)} IN ACCESS SHARE MODE"))


@contextmanager
def alone() -> Iterator[bool]:
    """Whether no other process deletes events until the end.  SQLite has one writer anyway."""
    with db.engine.connect() as connection:
        yield not database.has_partitions(connection) or bool(
            connection.scalar(text(f"SELECT pg_try_advisory_xact_lock({PRUNE_LOCK})"))
        )
