"""A database connection outside the pool, for one thread."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine

from relay.database import KEEPS_PLANS, REPEATED
from relay.observability.logging import log


class DedicatedConnection:
    """Opened when it is first needed, and again after ``drop``.  Not safe for several threads at once.

    ``keeps_plans`` (PostgreSQL): the server may keep the plans of its statements.
    """

    def __init__(self, engine: Engine, *, keeps_plans: bool = False, **options: Any):
        self.engine, self.keeps_plans, self.options = engine, keeps_plans, options
        self.connection: Connection | None = None
        self.driver: Any = None

    def open(self) -> Connection:
        """Raises SQLAlchemyError if the database cannot be reached."""
        if self.connection is None:
            connection = self.engine.connect().execution_options(**self.options)
            may_keep_plans = connection.info.get(KEEPS_PLANS)
            connection.detach()
            self.connection = connection
            self.driver = connection.connection.dbapi_connection
            if self.keeps_plans and may_keep_plans:
                self.driver.prepare_threshold = REPEATED
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
