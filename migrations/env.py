"""Runs Alembic: always online, with the application's engine, on SQLite and PostgreSQL."""

import re

from alembic import context
from flask import current_app
from sqlalchemy import JSON, BigInteger

from relay.models import db
from relay.models.base import UtcDateTime, db_now, is_sqlite_only

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
        with context.begin_transaction():
            if connection.dialect.name == "postgresql":
                # two processes that start at the same time migrate one after the other
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7261539)")
            context.run_migrations()
            if connection.dialect.name == "sqlite":
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
                assert not broken, f"The migration left rows that point nowhere: {broken[:5]}"
        if connection.dialect.name == "sqlite":
            connection.connection.execute("PRAGMA foreign_keys = ON")


run()
