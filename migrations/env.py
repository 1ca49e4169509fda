"""Runs Alembic: always online, with the application's engine, on SQLite and PostgreSQL.

On PostgreSQL each migration has a transaction of its own.  It waits only a moment for a lock on a table:
everybody who uses the table would wait behind it.  If it does not get the lock, it is rolled back and tried
again, so that migrations run while events arrive.
"""

import re
import sys
import time

from alembic import context
from flask import current_app
from sqlalchemy import JSON, BigInteger
from sqlalchemy.exc import OperationalError

from relay.models import db
from relay.models.base import UtcDateTime, db_now, is_sqlite_only

LOCK_TIMEOUT_MS = 3000
TRIES, LONGEST_PAUSE_S = 40, 10.0  # about five minutes
# lock_not_available, deadlock_detected, query_canceled.
# Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
TRY_AGAIN = ("55P03", "40P01", "57014")
ONE_AT_A_TIME = 7261539  # the advisory lock

PARTITION = re.compile(r"(event|attempt)_(p\d+|kept)|event_key")


def include_object(kind_of, name, kind, is_reflected, _compared):
    """Leave out what only one of the databases has: partitions, and what partitions cannot have."""
    if is_reflected:
        return kind != "table" or not PARTITION.fullmatch(name)
    return db.engine.dialect.name == "sqlite" or not is_sqlite_only(kind_of)


def render_item(kind, item, autogen_context):
    """Render Relay's types and the database's clock so that a migration works on both databases."""
    if kind == "type" and isinstance(item, UtcDateTime):
        autogen_context.imports.add("from relay.models.base import UtcDateTime")
        return "UtcDateTime()"
    if kind == "type" and isinstance(item, JSON | BigInteger):
        name = "Json" if isinstance(item, JSON) else "BigId"
        autogen_context.imports.add(f"from relay.models.base import {name}")
        return name
    if kind == "server_default" and isinstance(getattr(item, "arg", None), db_now):
        autogen_context.imports.add("from relay.models.base import db_now")
        return "db_now()"
    return False


def run_one_by_one(connection) -> None:
    """Run each migration in a transaction of its own, which is repeated until it gets its locks."""
    migration = context.get_context()
    plan, todo = migration._migrations_fn, None

    def next_step(heads, of):
        """The first step that is still to do.  Another process may have done some since the plan was made."""
        nonlocal todo
        if todo is None:
            todo = list(plan(heads, of))
        while todo and is_done(todo[0], heads):
            todo.pop(0)
        return todo[:1]

    migration._migrations_fn = next_step
    while todo is None or todo:
        for attempt in range(1, TRIES + 1):
            try:
                with context.begin_transaction():
                    # two processes that start at the same time migrate one after the other
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ONE_AT_A_TIME})")
                    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
                    context.run_migrations()
                break
            except OperationalError as exc:
                if attempt == TRIES or getattr(exc.orig, "sqlstate", None) not in TRY_AGAIN:
                    raise
                what = todo[0].revision.revision if todo else "The migration"
                sys.stderr.write(f"{what} waits for a lock and is tried again.\n")
                time.sleep(min(LONGEST_PAUSE_S, 0.5 * attempt))
        todo = (todo or [])[1:]


def is_done(step, heads) -> bool:
    """Whether a step is not needed any more.  Revisions are numbered, and each follows one other."""
    newest, revision = max(heads, default=""), step.revision.revision
    return newest >= revision if step.is_upgrade else newest < revision


def run() -> None:
    with db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            # SQLite changes a table by copying it; with foreign keys on, the old one cannot be dropped
            connection.connection.execute("PRAGMA foreign_keys = OFF")
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            render_item=render_item,
            include_object=include_object,
            **current_app.extensions["migrate"].configure_args,
        )
        if connection.dialect.name == "postgresql":
            run_one_by_one(connection)
        else:
            with context.begin_transaction():
                context.run_migrations()
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
                assert not broken, f"The migration left rows that point nowhere: {broken[:5]}"
        if connection.dialect.name == "sqlite":
            connection.connection.execute("PRAGMA foreign_keys = ON")


run()
