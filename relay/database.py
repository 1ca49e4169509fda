"""How an engine is opened: the one place that knows the two databases apart.

SQLite: write-ahead log, foreign keys on, every commit on the disk before it counts, and
``BEGIN IMMEDIATE``, since a transaction that reads first and writes later would be refused at once
when another one wrote in between.  ``READ_ONLY`` as execution options opens a reader that
neither waits for a writer nor holds one up.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError, TimeoutError

READ_ONLY = {"relay_read_only": True}
BUSY_TIMEOUT_MS = 15_000
CONNECT_TIMEOUT_S = 3
UNACKNOWLEDGED_MS = 10_000  # a server that vanished without a word is noticed after that
# what a database raises that is away, only to be read, or has no connection left
AWAY = (OperationalError, InterfaceError, InternalError, TimeoutError)


def engine_options(url: str) -> dict[str, Any]:
    """Keyword arguments of ``create_engine`` for this address."""
    if url.startswith("sqlite"):
        return {"connect_args": {"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000}}
    return {
        "pool_pre_ping": True,
        "pool_size": 10,
        "max_overflow": 30,
        "pool_timeout": 5,
        "connect_args": {
            "connect_timeout": CONNECT_TIMEOUT_S,
            "tcp_user_timeout": UNACKNOWLEDGED_MS,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "options": "-c timezone=UTC",
        },
    }


def insert_once(connection: Connection, table: Any) -> Any:
    """An INSERT that leaves alone what is there already."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(table).on_conflict_do_nothing()


def prepare_engine(engine: Engine) -> None:
    """Attach what SQLite needs; PostgreSQL needs nothing.  Once an engine."""
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get("relay_read_only")
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
