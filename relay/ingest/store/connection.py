"""A database connection that one thread keeps for itself, outside the pool."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine

from relay.observability.logging import log


class DedicatedConnection:
    """Opened when it is first needed, and again after ``drop``.  For one thread at a time."""

    def __init__(self, engine: Engine, **options: Any):
        self.engine, self.options = engine, options
        self.connection: Connection | None = None
        self.driver: Any = None

    def open(self) -> Connection:
        """Raises SQLAlchemyError where the database cannot be reached."""
        if self.connection is None:
            fresh = self.engine.connect().execution_options(**self.options)
            fresh.detach()
            self.connection, self.driver = fresh, fresh.connection.dbapi_connection
        return self.connection

    def drop(self) -> None:
        """Close it, in whatever state it is."""
        connection, self.connection = self.connection, None
        driver, self.driver = self.driver, None
        if connection is None:
            return
        try:
            if not connection.invalidated:
                connection.invalidate()
            connection.close()
            driver.close()  # nobody else would: it belongs to no pool
        except Exception as exc:  # each driver has its own errors for what is lost already
            log("connection.drop", reason=type(exc).__name__)
