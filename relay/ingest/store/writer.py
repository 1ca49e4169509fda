"""Group commit: requests that wait at the same time share one INSERT and one COMMIT.

Each request hands in its row and waits.  One thread takes all that wait, stores them in one
statement, and wakes them after the commit.  While one commit is under way the next group gathers,
so nobody is made to wait for company.  Source: PostgreSQL's ``INSERT … ON CONFLICT DO NOTHING``
and SQLite's, which share the spelling; both give back only the rows that are new.  The same commit
counts them for the ledger (see ``intake``).
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, select, tuple_
from sqlalchemy import exc as sa

from relay.errors import Unavailable
from relay.ingest.store.connection import DedicatedConnection
from relay.ingest.store.sql import EventInserter
from relay.models import Event
from relay.observability.logging import log

MAX_GROUP = 200
WAIT_S = 10.0
TABLE: Any = Event.__table__
Name = tuple[int, str]  # source, event id


class UnstorableEvent(Exception):
    """The database refused this one row, whatever else it took."""


def _closed_lock() -> Any:
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass(slots=True)
class PendingEvent:
    """One request's row, and what became of it.  ``done`` is a bare lock, opened when it is settled:
    a third of an Event's cost.
    """

    row: dict[str, Any]
    name: Name
    done: Any = field(default_factory=_closed_lock)
    row_id: int = 0
    new: bool = False
    same_body: bool = True
    error: Exception | None = None
    given_up: bool = False


class EventWriter:
    """One a process.  ``committed`` is called after each group that stored something new."""

    def __init__(self, engine: Engine, committed: Callable[[], object], wait_s: float = WAIT_S):
        self.committed, self.wait_s = committed, wait_s
        is_postgres = engine.dialect.name == "postgresql"
        # one statement is one transaction there: one round trip instead of three
        options = {"isolation_level": "AUTOCOMMIT"} if is_postgres else {}
        self.own = DedicatedConnection(engine, **options)
        self.intake = EventInserter(engine.dialect.name)
        self.queue: queue.SimpleQueue[PendingEvent | None] = queue.SimpleQueue()
        self.busy_since: float | None = None
        self.lock = threading.Lock()
        self.thread: threading.Thread | None = None

    def store(self, row: dict[str, Any]) -> PendingEvent:
        """Commit one event, in a group with others.  Returns after the commit.

        Raises Unavailable where the database cannot commit (after ``wait_s`` seconds at most),
        UnstorableEvent where only this row is at fault.
        """
        if self.thread is None:
            self._start()
        stuck_since = self.busy_since
        if stuck_since is not None and time.monotonic() - stuck_since > self.wait_s:
            raise Unavailable("The database does not answer.")
        waiting = PendingEvent(row, (row["source_id"], row["event_id"]))
        self.queue.put(waiting)
        if not waiting.done.acquire(timeout=self.wait_s):
            waiting.given_up = True
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
        with self.lock:
            thread, self.thread = self.thread, None
        if thread is not None:
            self.queue.put(None)
            thread.join(self.wait_s)

    def _gather(self) -> list[PendingEvent] | None:
        """All that wait, at least one; None at the end."""
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
            self.busy_since = time.monotonic()
            group = [one for one in group if not one.given_up]
            try:
                self._store_group(group)
            except Exception as exc:  # whatever it was, nobody may wait for ever
                log("writer.failed", reason=type(exc).__name__)
                for one in group:
                    one.error = Unavailable("The event could not be stored.")
            self.intake.count_duplicates(self.own, group)
            self.busy_since = None
            for one in group:
                one.done.release()
            if any(one.new for one in group):
                self.committed()
        self.intake.count_duplicates(self.own, [])
        self.own.drop()

    def _store_group(self, group: list[PendingEvent]) -> None:
        """All together; after a refusal one by one, so that only those at fault fail."""
        try:
            self._commit_or_reconnect(group)
        except Unavailable as exc:
            for one in group:
                one.error = exc
        except UnstorableEvent as exc:
            if len(group) == 1:
                group[0].error = exc
                return
            for one in group:
                self._store_group([one])

    def _commit_or_reconnect(self, group: list[PendingEvent]) -> None:
        """Once more on a new connection, if the old one was lost.  Raises Unavailable, UnstorableEvent."""
        for last in (False, True):
            known = self.own.connection is not None
            try:
                return self._commit(group)
            except (
                sa.OperationalError,
                sa.InternalError,
                sa.InterfaceError,
                sa.TimeoutError,
            ) as exc:
                self.own.drop()
                if last or not known:
                    raise Unavailable("The database cannot commit right now.") from exc
            except (sa.SQLAlchemyError, ValueError) as exc:
                self.own.drop()
                if getattr(exc, "connection_invalidated", False) and not last:
                    continue
                raise UnstorableEvent("The database refuses this event.") from exc
        return None

    def _commit(self, group: list[PendingEvent]) -> None:
        firsts: dict[Name, PendingEvent] = {}
        for one in group:
            firsts.setdefault(one.name, one)
        ids, older = self._insert(firsts)
        for one in group:
            first = firsts[one.name]
            if one.name in ids:
                one.row_id, one.new = ids[one.name], one is first
                digest = first.row["body_sha256"]
            else:
                one.row_id, digest = older[one.name]
            one.same_body = digest == one.row["body_sha256"]

    def _insert(
        self, firsts: dict[Name, PendingEvent]
    ) -> tuple[dict[Name, int], dict[Name, tuple[int, bytes]]]:
        """-> the ids of the new ones, and (id, digest) of those that had come before."""
        connection = self.own.open()
        with connection.begin():
            ids = self._insert_rows(connection, [one.row for one in firsts.values()])
            if len(ids) == len(firsts):
                return ids, {}
            rest = [name for name in firsts if name not in ids]
            older = self._look_up(rest)
            gone = [firsts[name].row for name in rest if name not in older]
            if gone:  # pruned between the two statements
                ids |= self._insert_rows(connection, gone)
        return ids, older

    def _insert_rows(self, connection: Connection, rows: list[dict[str, Any]]) -> dict[Name, int]:
        stored = self.intake.insert(connection, rows)
        return {(source, event): row_id for row_id, source, event in stored}

    def _look_up(self, names: Iterable[Name]) -> dict[Name, tuple[int, bytes]]:
        c = TABLE.c
        rows = self.own.open().execute(
            select(c.id, c.source_id, c.event_id, c.body_sha256).where(
                tuple_(c.source_id, c.event_id).in_(names)
            )
        )
        return {(source, event): (row_id, bytes(digest)) for row_id, source, event, digest in rows}
