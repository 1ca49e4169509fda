"""Everything that differs between PostgreSQL and SQLite, and the database's clock.

SQLite runs with a write-ahead log, foreign keys, a synchronous commit, and overwrites deleted values.  Its transactions start
with ``BEGIN IMMEDIATE``: one that reads first and writes later would fail at once when another
transaction wrote in between.  ``READ_ONLY`` as execution options opens a reader that neither waits
for a writer nor blocks one.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Boolean,
    Connection,
    Date,
    DateTime,
    Engine,
    Float,
    FromClause,
    Select,
    Table,
    Text,
    bindparam,
    event,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import (
    InterfaceError,
    InternalError,
    InvalidatePoolError,
    OperationalError,
    TimeoutError,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session, scoped_session
from sqlalchemy.sql.expression import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

DIALECTS = ("postgresql", "sqlite")
READ_ONLY = {"relay_read_only": True}
BUSY_TIMEOUT_MS = 15_000
CONNECT_TIMEOUT_S = 3
UNACKNOWLEDGED_MS = 10_000  # after this, a server that no longer acknowledges data counts as down
REPEATED = 5  # a statement that ran so often is prepared, on a connection that keeps plans
KEEPS_PLANS, USED_AT = "relay_keeps_plans", "relay_used_at"  # in the ``info`` of a connection
# For workers, which repeat what fails: the check is one of the ten round trips of a delivery.
UNCHECKED_S = 0.5
# Up to 40 connections: two for each thread of the dashboard and of the watcher leave some for events,
# so the dashboard never takes all of them.
POOL = {"pool_size": 10, "max_overflow": 30, "pool_timeout": 5}
# raised when the database is unreachable, read-only, or has no connection left
AWAY = (OperationalError, InterfaceError, InternalError, TimeoutError)
AnySession = Session | scoped_session[Any]


def engine_options(url: str) -> dict[str, Any]:
    """Keyword arguments of ``create_engine`` for this address."""
    if url.startswith("sqlite"):
        connect = {"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000}
        return {**POOL, "connect_args": connect}
    return {
        **POOL,
        "connect_args": {
            "connect_timeout": CONNECT_TIMEOUT_S,
            "tcp_user_timeout": UNACKNOWLEDGED_MS,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            # A pooler may run each transaction in another session of the server, so nothing may
            # depend on a session: no startup options, no SET, no prepared statements.  (An INSERT is
            # prepared on a direct connection: it has one plan for all values, where a search needs a
            # plan for its values and for the size of its table now.  See KEEPS_PLANS.)
            "prepare_threshold": None,
        },
    }


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC; ``timestamptz`` on PostgreSQL, naive text in UTC on SQLite."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(DateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("The datetime has no time zone.")
        utc = value.astimezone(UTC)
        return utc if dialect.name == "postgresql" else utc.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class db_now(FunctionElement[datetime]):
    """The database's clock inside a statement.  To read it in Python, call ``now``."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(db_now, "postgresql")
def _now_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    # stable within a statement, so that an index on a due time can be used
    return "statement_timestamp()"


@compiles(db_now, "sqlite")
def _now_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    # the same text that SQLAlchemy writes for a datetime, so that both compare as text
    return "(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000')"


class db_later(FunctionElement[datetime]):
    """``db_later(seconds)``: that long after the database's clock, inside a statement."""

    type = UtcDateTime()
    inherit_cache = True

    def __init__(self, seconds: float):
        super().__init__(literal(seconds, Float()))


@compiles(db_later, "postgresql")
def _later_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    seconds = compiler.process(element.clauses, **kw)
    return f"statement_timestamp() + make_interval(secs => {seconds})"


@compiles(db_later, "sqlite")
def _later_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    seconds = compiler.process(element.clauses, **kw)
    return f"(strftime('%Y-%m-%d %H:%M:%f', 'now', {seconds} || ' seconds') || '000')"


class utc_day(FunctionElement[date]):
    """The UTC day of an instant."""

    type = Date()
    inherit_cache = True


@compiles(utc_day, "postgresql")
def _day_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **kw)} AT TIME ZONE 'UTC' AS date)"


@compiles(utc_day, "sqlite")
def _day_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    return f"date({compiler.process(element.clauses, **kw)})"


class utc_hour(FunctionElement[datetime]):
    """The start of the UTC hour of an instant."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(utc_hour, "postgresql")
def _hour_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    return f"date_trunc('hour', {compiler.process(element.clauses, **kw)}, 'UTC')"


@compiles(utc_hour, "sqlite")
def _hour_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    return f"strftime('%Y-%m-%d %H:00:00', {compiler.process(element.clauses, **kw)})"


class IdList(TypeDecorator[Iterable[int]]):
    """Ids as one parameter: an array on PostgreSQL, JSON on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.ARRAY(BigInteger))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: Iterable[int] | None, dialect: Dialect) -> Any:
        ids = list(value or ())
        return ids if dialect.name == "postgresql" else json.dumps(ids)


class IdCondition(FunctionElement[bool]):
    """A condition that is compiled to a comparison, so SQLite does not compare it with 1 once more."""

    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> Any:
        return self


class is_one_of(IdCondition):
    """``is_one_of(column, ids)``: whether the column is one of many ids, which are one parameter.

    So the text of the statement is the same for any number of ids, and is compiled once.
    """

    inherit_cache = True

    def __init__(self, column: Any, ids: Any):
        super().__init__(column, ids)


@compiles(is_one_of, "postgresql")
def _one_of_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    column, ids = (compiler.process(one, **kw) for one in element.clauses)
    return f"{column} = ANY ({ids})"


@compiles(is_one_of, "sqlite")
def _one_of_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    column, ids = (compiler.process(one, **kw) for one in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({ids}))"  # noqa: S608


class is_in_rows(IdCondition):
    """``is_in_rows(column, query)``: whether the column is one of the ids that a query finds.

    PostgreSQL runs the query first and then looks each id up, however it estimates their number: a table
    that has grown since it was analyzed is not read as a whole.
    """

    inherit_cache = True

    def __init__(self, column: Any, query: Select[Any]):
        super().__init__(column, query.scalar_subquery())


@compiles(is_in_rows, "postgresql")
def _in_rows_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    column, query = (compiler.process(one, **kw) for one in element.clauses)
    return f"{column} = ANY (ARRAY{query})"


@compiles(is_in_rows, "sqlite")
def _in_rows_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    column, query = (compiler.process(one, **kw) for one in element.clauses)
    return f"{column} IN {query}"


def ids_param(name: str) -> BindParameter[Any]:
    """A parameter of a statement that is built once, for ``is_one_of``."""
    return bindparam(name, type_=IdList())


def now(connection: Connection | AnySession) -> datetime:
    """Read the database's clock.  Every due time, lease and window is computed from it."""
    read: datetime | None = connection.scalar(select(db_now()))
    assert read is not None
    return read


def product(engine: Engine) -> str:
    """The name of the database and its version, once a connection was made: ``PostgreSQL 17.2``."""
    name = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}[engine.dialect.name]
    version = getattr(engine.dialect, "server_version_info", None) or ()
    return f"{name} {'.'.join(map(str, version))}".strip()


def upsert(connection: Connection | AnySession | str, table: Any) -> Any:
    """An INSERT that accepts ``on_conflict_do_nothing`` and ``on_conflict_do_update``.

    ``connection`` may also be the name of the dialect.
    """
    name = connection if isinstance(connection, str) else dialect_of(connection)
    return (postgresql if name == "postgresql" else sqlite).insert(table)


def dialect_of(connection: Connection | AnySession) -> str:
    """The name of the dialect, for statements that are built once for each."""
    connected = connection if isinstance(connection, Connection) else connection.connection()
    return connected.dialect.name


def has_one_writer(engine: Engine) -> bool:
    """Whether one transaction at a time can write, so that a second process waits for the first."""
    return engine.dialect.name == "sqlite"


class RowInsert:
    """Inserts many rows of a table; one with a key that exists already is left out.

    Each row is a mapping with all ``names``.  It costs half of what SQLAlchemy's own INSERT costs, which
    matters where every delivery writes a row.
    """

    def __init__(self, table: Any, names: Sequence[str]):
        self.table, self.names = table, tuple(names)
        self.prepared: dict[str, tuple[str, list[tuple[str, Any]]]] = {}

    def execute(self, connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
        dialect = connection.dialect
        if dialect.name not in self.prepared:
            self.prepared[dialect.name] = self._prepare(dialect)
        sql, columns = self.prepared[dialect.name]
        values = [
            tuple(row[name] if process is None else process(row[name]) for name, process in columns)
            for row in rows
        ]
        if not values:
            return
        if not connection.info.get(KEEPS_PLANS):
            connection.exec_driver_sql(sql, values)
            return
        driver: Any = connection.connection.driver_connection
        driver.prepare_threshold = 0
        try:
            connection.exec_driver_sql(sql, values)
        finally:
            driver.prepare_threshold = None

    def _prepare(self, dialect: Dialect) -> tuple[str, list[tuple[str, Any]]]:
        columns = [self.table.c[name] for name in self.names]
        mark = "%s" if dialect.name == "postgresql" else "?"
        sql = (
            f"INSERT INTO {self.table.name} ({', '.join(column.name for column in columns)}) "  # noqa: S608
            f"VALUES ({', '.join([mark] * len(columns))}) ON CONFLICT DO NOTHING"
        )
        processors = [
            column.type.dialect_impl(dialect).bind_processor(dialect) for column in columns
        ]
        return sql, list(zip(self.names, processors, strict=True))


def one_of_ids(column: Any, ids: Iterable[int]) -> is_one_of:
    """The condition that ``column`` is one of many ids, as one parameter.

    PostgreSQL knows how many there are without table statistics, so it reads them from the index.
    """
    return is_one_of(column, literal(list(ids), IdList()))


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A read-only connection; all its statements see the database at the same moment."""
    options: dict[str, Any] = dict(READ_ONLY)
    if engine.dialect.name == "postgresql":
        options["isolation_level"] = "REPEATABLE READ"
    with engine.connect().execution_options(**options) as connection:
        yield connection


def one_transaction(connection: Connection) -> AbstractContextManager[Any]:
    """Makes statements on a connection with AUTOCOMMIT (PostgreSQL) one transaction.

    On SQLite the caller's own transaction is one already.
    """
    if connection.dialect.name != "postgresql":
        return nullcontext()
    driver: Any = connection.connection.dbapi_connection
    transaction: AbstractContextManager[Any] = driver.transaction()
    return transaction


def pool_mode(engine: Engine) -> str | None:
    """``session`` or ``transaction`` if a pooler such as PgBouncer is in between, else None.

    A pooler tells its clients a process id that is not the server's.  In transaction mode it gives a
    second client the server connection of the first, which is still connected but idle.  (In statement
    mode no transaction begins: the first statement fails.)  Raises SQLAlchemyError.

    Source: https://www.pgbouncer.org/features.html
    """
    if engine.dialect.name != "postgresql":
        return None
    process_id = text("SELECT pg_backend_pid()")
    with engine.connect() as first, engine.connect() as second:
        first.execution_options(isolation_level="AUTOCOMMIT")
        driver: Any = first.connection.driver_connection
        seen = {first.scalar(process_id)}
        if seen == {driver.info.backend_pid}:
            return None
        for _ in range(3):
            seen.add(first.scalar(process_id))
            if second.scalar(process_id) in seen:
                return "transaction"
            seen.add(first.scalar(process_id))
            if len(seen) > 1:
                return "transaction"
            second.rollback()
    return "session"


EXACT_ROWS = 100_000
MOST_LAG_S = 5.0  # a replica that is further behind is not used


def row_count(connection: Connection, table: FromClause) -> int:
    """The rows of ``table``: above EXACT_ROWS on PostgreSQL an estimate, which VACUUM keeps up to date.

    SQLite counts them in the smallest index.
    """
    counted = select(func.count()).select_from(table)
    if connection.dialect.name != "postgresql":
        return connection.scalar(counted) or 0
    # a partitioned table has no rows of its own
    estimate = connection.scalar(
        text(
            "SELECT CAST(sum(greatest(reltuples, 0)) AS bigint) FROM pg_class "
            "WHERE oid = to_regclass(:name) OR oid IN "
            "(SELECT relid FROM pg_partition_tree(to_regclass(:name)) WHERE isleaf)"
        ),
        {"name": str(table)},
    )
    if estimate is not None and estimate > EXACT_ROWS:
        return int(estimate)
    return connection.scalar(counted) or 0


def replica_lag_s(connection: Connection) -> float | None:
    """How far a replica is behind its primary in seconds; None if it receives nothing from it.

    A database that is no replica is not behind.  One that has replayed all it received may still be, if
    the network or the primary is frozen: then it is as far behind as the last message is old, if its user
    may read that.  Sources:
    https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-RECOVERY-CONTROL
    https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-WAL-RECEIVER-VIEW
    """
    found = connection.scalar(
        text(
            "SELECT CASE WHEN NOT pg_is_in_recovery() THEN 0 "
            "WHEN pg_last_wal_receive_lsn() IS NOT NULL "
            "AND NOT EXISTS (SELECT 1 FROM pg_stat_wal_receiver) THEN NULL "
            "WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN greatest(0, coalesce("
            "(SELECT extract(epoch FROM clock_timestamp() - last_msg_receipt_time) "
            "FROM pg_stat_wal_receiver), 0)) "
            "ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END"
        )
    )
    return None if found is None else float(found)


def limit_statements(connection: Connection, timeout_ms: int) -> None:
    """Cancel each statement of this transaction after ``timeout_ms``.  SQLite has no such limit."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {timeout_ms}")


def limit_lock_wait(connection: Connection, timeout_ms: int) -> None:
    """Let statements of this transaction fail that wait for a lock for longer.  Not on SQLite."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {timeout_ms}")


def has_partitions(connection: Connection) -> bool:
    """Whether the tables of events and attempts are in partitions."""
    return connection.dialect.name == "postgresql"


def reset_sequences(connection: Connection, tables: Iterable[Table]) -> None:
    """Continue the ids of ``tables`` after rows were inserted with their own ids.

    PostgreSQL's sequences do not notice such rows; SQLite needs nothing.
    """
    if connection.dialect.name != "postgresql":
        return
    for table in tables:
        if "id" in table.columns:
            connection.execute(
                text(
                    f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), "  # noqa: S608
                    f'(SELECT max(id) FROM "{table.name}")) '
                    f'WHERE EXISTS (SELECT 1 FROM "{table.name}")'
                )
            )


def forget_deleted(engine: Engine) -> bool:
    """Remove deleted values from SQLite's write-ahead log, which keeps old pages until it is cut.

    -> False if readers prevented it for the whole time; the next call does it.  PostgreSQL has no file
    of its own for this: see the documentation.  The caller has no transaction open.  Raises
    SQLAlchemyError.
    """
    if engine.dialect.name != "sqlite":
        return True
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        # https://www.sqlite.org/pragma.html#pragma_wal_checkpoint
        is_busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        cursor.close()
    finally:
        connection.close()
    return not is_busy


def give_back_space(engine: Engine, pages: int = 1000) -> None:
    """Give the space of deleted rows back to the disk, some pages at a time, so that writers wait little.

    Only SQLite files of this version and later can do it without being copied; PostgreSQL does it by itself.
    Raises SQLAlchemyError.
    """
    if engine.dialect.name != "sqlite":
        return
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        is_incremental = cursor.execute("PRAGMA auto_vacuum").fetchone()[0] == 2
        while is_incremental and cursor.execute("PRAGMA freelist_count").fetchone()[0]:
            # https://www.sqlite.org/pragma.html#pragma_incremental_vacuum
            cursor.execute(f"PRAGMA incremental_vacuum({pages})").fetchall()
        cursor.close()
    finally:
        connection.close()


def may_keep_plans(driver: Any) -> bool:
    """Whether a new PostgreSQL connection goes directly to its server, so that plans can be kept there.

    A pooler may run the next transaction in another session of the server, which does not know the plan.
    It tells its clients a process id that is not the server's.
    https://www.psycopg.org/psycopg3/docs/advanced/prepare.html
    """
    (process_id,) = driver.execute("SELECT pg_backend_pid()").fetchone()
    driver.rollback()
    return bool(process_id == driver.info.backend_pid)


def prepare_engine(engine: Engine, unchecked_s: float = 0.0) -> None:
    """Set up SQLite's pragmas and BEGIN, or find out what PostgreSQL may keep, and check idle connections.

    A connection that was used within ``unchecked_s`` seconds is used again without a check.  Call it once
    per engine.
    """
    if engine.dialect.name == "postgresql":

        @event.listens_for(engine, "connect")
        def _connected_postgresql(driver: Any, record: Any) -> None:
            record.info[USED_AT] = time.monotonic()
            record.info[KEEPS_PLANS] = may_keep_plans(driver)

        @event.listens_for(engine, "checkin")
        def _returned(_driver: Any, record: Any) -> None:
            record.info[USED_AT] = time.monotonic()

        @event.listens_for(engine, "checkout")
        def _taken(driver: Any, record: Any, _fairy: Any) -> None:
            if time.monotonic() - record.info.get(USED_AT, 0.0) > unchecked_s:
                try:
                    engine.dialect.do_ping(driver)
                except engine.dialect.loaded_dbapi.Error as exc:
                    raise InvalidatePoolError from exc  # the pool opens new connections

    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "do_connect")
    def _create_private(_dialect: object, _record: object, cargs: Any, _cparams: object) -> None:
        # SQLite would create the file readable by everyone; its journals get the same permissions.
        # Only a new file: to open and close one that is in use would release SQLite's locks on it.
        if cargs and cargs[0] != ":memory:" and not cargs[0].startswith("file:"):
            with suppress(OSError):  # it exists, or SQLite says why it cannot be opened
                os.close(os.open(cargs[0], os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        # Only in a new file, where it takes effect: elsewhere it waits for a writer.
        # https://www.sqlite.org/pragma.html#pragma_auto_vacuum
        if not cursor.execute("PRAGMA page_count").fetchone()[0]:
            cursor.execute("PRAGMA auto_vacuum = INCREMENTAL")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        # https://www.sqlite.org/pragma.html#pragma_secure_delete
        cursor.execute("PRAGMA secure_delete = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get("relay_read_only")
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
