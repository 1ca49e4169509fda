"""Group commit: requests that wait at the same time share one INSERT and one COMMIT.

Each request hands in its row and waits.  One thread takes all that wait, stores them in one
statement, and wakes them after the commit.  While one commit is under way the next group gathers,
so nobody is made to wait for company.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from relay.errors import Unavailable
from relay.models import Event
from relay.observability.logging import log

MAX_GROUP = 200
WAIT_S = 10.0
TABLE: Any = Event.__table__


@dataclass
class Waiting:
    """One request's row, and what became of it."""

    row: dict[str, Any]
    done: threading.Event = field(default_factory=threading.Event)
    row_id: int = 0
    new: bool = False
    same_body: bool = True
    error: Exception | None = None

    @property
    def name(self) -> tuple[int, str]:
        return self.row["source_id"], self.row["event_id"]


class Writer:
    """One a process.  ``committed`` is called after each group that stored something new."""

    def __init__(self, engine: Engine, committed: Callable[[], object]):
        self.engine, self.committed = engine, committed
        insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
        self.statement = (
            insert(TABLE)
            .on_conflict_do_nothing(index_elements=["source_id", "event_id"])
            .returning(TABLE.c.id, TABLE.c.source_id, TABLE.c.event_id)
        )
        self.queue: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self.connection: Connection | None = None
        self.lock = threading.Lock()
        self.thread: threading.Thread | None = None

    def store(self, row: dict[str, Any]) -> Waiting:
        """Commit one event, in a group with others.  Returns after the commit.

        Raises Unavailable where the database cannot commit, IntegrityError where only this row is
        at fault.
        """
        if self.thread is None:
            self._start()
        waiting = Waiting(row)
        self.queue.put(waiting)
        if not waiting.done.wait(WAIT_S):
            raise Unavailable("The database did not commit in time.")
        if waiting.error is not None:
            raise waiting.error
        return waiting

    def _start(self) -> None:
        # with the first request, since a thread does not survive the server's fork
        with self.lock:
            if self.thread is None:
                self.thread = threading.Thread(target=self._run, name="writer", daemon=True)
                self.thread.start()

    def close(self) -> None:
        """Finish what waits, then end the thread."""
        if self.thread is not None:
            self.queue.put(None)
            self.thread.join(WAIT_S)
            self.thread = None

    def _gather(self) -> list[Waiting] | None:
        first = self.queue.get()
        if first is None:
            return None
        group = [first]
        while len(group) < MAX_GROUP:
            try:
                more = self.queue.get_nowait()
            except queue.Empty:
                break
            if more is None:
                self.queue.put(None)
                break
            group.append(more)
        return group

    def _run(self) -> None:
        while (group := self._gather()) is not None:
            try:
                self._store_group(group)
            except Exception as exc:  # whatever it was, nobody may wait for ever
                log("writer.failed", reason=type(exc).__name__)
                for one in group:
                    one.error = one.error or Unavailable("The event could not be stored.")
            for one in group:
                one.done.set()
            if any(one.new for one in group):
                self.committed()
        self._disconnect()

    def _store_group(self, group: list[Waiting]) -> None:
        """All together; after a refusal one by one, so that only those at fault fail."""
        try:
            self._commit_or_reconnect(group)
        except Unavailable as exc:
            for one in group:
                one.error = exc
        except (IntegrityError, DBAPIError):
            for one in group:
                try:
                    self._commit_or_reconnect([one])
                except (Unavailable, DBAPIError) as exc:
                    one.error = exc

    def _commit_or_reconnect(self, group: list[Waiting]) -> None:
        """Once more on a new connection, if the old one was lost.  Raises Unavailable, DBAPIError."""
        for last in (False, True):
            try:
                return self._commit(group)
            except SQLAlchemyError as exc:
                at_fault = isinstance(exc, DBAPIError) and not lost(exc)
                self._disconnect()
                if at_fault:
                    raise
                if last:
                    raise Unavailable("The database cannot commit right now.") from exc
        return None

    def _commit(self, group: list[Waiting]) -> None:
        if self.connection is None:
            self.connection = self.engine.connect()
        firsts: dict[tuple[int, str], Waiting] = {}
        for one in group:
            firsts.setdefault(one.name, one)
        with self.connection.begin():
            stored = self.connection.execute(self.statement, [one.row for one in firsts.values()])
            ids = {(row.source_id, row.event_id): row.id for row in stored}
            older = self._look_up([name for name in firsts if name not in ids])
        for one in group:
            first = firsts[one.name]
            if one.name in ids:
                one.row_id, one.new = ids[one.name], one is first
                digest = first.row["body_sha256"]
            else:
                one.row_id, digest = older[one.name]
            one.same_body = digest == one.row["body_sha256"]

    def _look_up(self, names: list[tuple[int, str]]) -> dict[tuple[int, str], tuple[int, bytes]]:
        """The events that had come before: (row id, digest) by (source, event id)."""
        if not names or self.connection is None:
            return {}
        rows = self.connection.execute(
            select(TABLE.c.id, TABLE.c.source_id, TABLE.c.event_id, TABLE.c.body_sha256).where(
                tuple_(TABLE.c.source_id, TABLE.c.event_id).in_(names)
            )
        )
        return {(row.source_id, row.event_id): (row.id, bytes(row.body_sha256)) for row in rows}

    def _disconnect(self) -> None:
        if self.connection is not None:
            connection, self.connection = self.connection, None
            try:
                connection.invalidate()
                connection.close()
            except SQLAlchemyError as exc:
                log("writer.disconnect", reason=type(exc).__name__)


def lost(exc: DBAPIError) -> bool:
    """Whether the database was away or busy, rather than that a row was at fault."""
    name = type(exc.orig).__name__ if exc.orig is not None else ""
    return (
        exc.connection_invalidated
        or name
        in (
            "OperationalError",
            "InterfaceError",
            "AdminShutdown",
            "CrashShutdown",
            "CannotConnectNow",
            "InternalError",
        )
        or name.endswith(("Shutdown", "ConnectNow"))
    )
