"""How Alembic runs here: always online, through the application's own engine, on both databases."""

from alembic import context
from flask import current_app
from sqlalchemy import JSON, BigInteger

from relay.models import db
from relay.models.base import UtcDateTime, db_now


def render_item(kind, item, autogen_context):
    """Our own types and the database's clock, written so that a migration serves both dialects."""
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
            # a changed table is built anew; with its keys on, dropping the old one would be refused
            connection.connection.execute("PRAGMA foreign_keys = OFF")
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            render_item=render_item,
            **current_app.extensions["migrate"].configure_args,
        )
        with context.begin_transaction():
            if connection.dialect.name == "postgresql":
                # two processes that start at once take turns
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7261539)")
            context.run_migrations()
            if connection.dialect.name == "sqlite":
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
                assert not broken, f"The migration left rows that point nowhere: {broken[:5]}"
        if connection.dialect.name == "sqlite":
            connection.connection.execute("PRAGMA foreign_keys = ON")


run()
