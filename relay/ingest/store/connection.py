"""A database connection outside the pool, for one thread."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine

from relay.observability.logging import log


class DedicatedConnection:
    """Opened when it is first needed, and again after ``drop``.  Not safe for several threads at once."""

    def __init__(self, engine: Engine, **options: Any):
        self.engine, self.options = engine, options
        self.connection: Connection | None = None
        self.driver: Any = None

    def open(self) -> Connection:
        """Raises SQLAlchemyError if the database cannot be reached."""
        if self.connection is None:
            connection = self.engine.connect().execution_options(**self.options)
            connection.detach()
            self.connection = connection
            self.driver = connection.connection.dbapi_connection
        return self.connection

    def drop(self) -> None:
        """Close the connection, whatever its state."""
        connection, self.connection = self.connection, None
        driver, self.driver = self.driver, None
        if connection is None:
            return
        try:
            if not connection.invalidated:
                connection.invalidate()
            connection.close()
            driver.close()  # it is detached: no pool closes it
        except Exception as exc:  # each driver has its own errors for a lost connection
            log("connection.drop", level="warning", reason=type(exc).__name__)
