"""Group commit: requests that wait at the same time share one INSERT and one COMMIT.

Each request queues its row and waits.  One thread takes all queued rows, stores them in one
statement and wakes the requests after the commit.  The next group forms during a commit, so no
request waits for a group to fill.  Both databases spell ``INSERT … ON CONFLICT DO NOTHING RETURNING``
alike and return only the new rows.  The same commit counts them for the ledger (``store/sql.py``).

Sources: https://www.postgresql.org/docs/current/sql-insert.html, https://sqlite.org/lang_upsert.html
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, select, tuple_
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from relay.database import one_transaction
from relay.database_errors import explain, is_caused_by_content
from relay.errors import Unavailable
from relay.ingest.store.commit_check import UNEXPECTED, WriterState, store_and_take_back
from relay.ingest.store.connection import DedicatedConnection
from relay.ingest.store.marks import insert_marks
from relay.ingest.store.sql import EventInserter
from relay.ingest.waiting import Wait, new_wait, release
from relay.models import Event
from relay.observability.logging import log

if TYPE_CHECKING:
    from relay.ingest.redaction import RedactionMark

MAX_GROUP = 200
WAIT_S = 10.0
TABLE: Any = Event.__table__
EventKey = tuple[int, str]  # source id, event id


class UnstorableEvent(Exception):
    """The database rejected this row for its content; others can be stored."""


class RejectedRows(Exception):
    """The database rejected a group, and one of its rows may be at fault.  The cause is the error."""


@dataclass(slots=True)
class PendingEvent:
    """One request's row and its result; ``done`` is released when there is a result.  ``mark`` is
    stored beside a new event that its site's privacy settings changed.
    """

    row: dict[str, Any]
    key: EventKey
    mark: RedactionMark | None = None
    done: Wait = field(default_factory=new_wait)
    row_id: int = 0
    new: bool = False
    same_body: bool = True
    error: Exception | None = None
    timed_out: bool = False


class EventWriter:
    """One per process.  ``committed`` is called after each group with a new event.  ``wait_s`` in seconds."""

    def __init__(self, engine: Engine, committed: Callable[[], object], wait_s: float = WAIT_S):
        self.committed, self.wait_s = committed, wait_s
        is_postgres = engine.dialect.name == "postgresql"
        # there each statement is its own transaction: one round trip instead of three
        options = {"isolation_level": "AUTOCOMMIT"} if is_postgres else {}
        self.engine = engine
        self.connection = DedicatedConnection(engine, keeps_plans=True, **options)
        self.inserter = EventInserter(engine.dialect.name)
        self.queue: queue.SimpleQueue[PendingEvent | None] = queue.SimpleQueue()
        self.state = WriterState()
        self.lock = threading.Lock()
        self.thread: threading.Thread | None = None

    def store(self, row: dict[str, Any], mark: RedactionMark | None = None) -> PendingEvent:
        """Commit one event, in a group with others.  Returns after the commit.

        Raises Unavailable if the database cannot commit (after ``wait_s`` seconds at most),
        UnstorableEvent if the database rejects this row for its content.
        """
        if self.thread is None:
            self._start()
        if self.state.is_stuck(self.wait_s):
            raise Unavailable("The database does not answer.")
        event = PendingEvent(row, (row["source_id"], row["event_id"]), mark)
        self.queue.put(event)
        if not event.done.wait(self.wait_s):
            event.timed_out = True
            raise Unavailable("The database did not commit in time.")
        if event.error is not None:
            raise event.error
        return event

    def _start(self) -> None:
        # with the first request: a thread does not survive the server's fork
        with self.lock:
            if self.thread is None:
                self.thread = threading.Thread(target=self._run, name="writer", daemon=True)
                self.thread.start()

    def close(self) -> None:
        """Store the queued events, then end the thread."""
        with self.lock:
            thread, self.thread = self.thread, None
        if thread is not None:
            self.queue.put(None)
            thread.join(self.wait_s)

    def _gather(self) -> list[PendingEvent] | None:
        """Wait for an event; -> all that are queued, up to MAX_GROUP.  None when the writer closes."""
        first = self.queue.get()
        if first is None:
            return None
        group = [first]
        while len(group) < MAX_GROUP:
            try:
                event = self.queue.get_nowait()
            except queue.Empty:
                break
            if event is None:
                self.queue.put(None)
                break
            group.append(event)
        return group

    def _run(self) -> None:
        while (group := self._gather()) is not None:
            self.state.busy_since = time.monotonic()
            group = [event for event in group if not event.timed_out]
            try:
                self._store_group(group)
            except Exception as exc:  # whatever the error, no request may wait until its timeout
                log("writer.failed", level="error", reason=type(exc).__name__)
                self.state.failed(UNEXPECTED)
                for event in group:
                    event.error = Unavailable("The event could not be stored.")
            self.inserter.count_duplicates(self.connection, group)
            self.state.busy_since = None
            release(event.done for event in group)
            if any(event.new for event in group):
                self.committed()
        self.inserter.count_duplicates(self.connection, [])
        self.connection.drop()

    def _store_group(self, group: list[PendingEvent]) -> None:
        """Store the group; if a row of it may be at fault, store each alone, so that only bad ones fail."""
        try:
            self._commit_or_reconnect(group)
        except Unavailable as exc:
            for event in group:
                event.error = exc
        except RejectedRows as exc:
            if len(group) == 1:
                group[0].error = self._judge(exc.__cause__)
                return
            for event in group:
                self._store_group([event])

    def _commit_or_reconnect(self, group: list[PendingEvent]) -> None:
        """Commit; after any error that no row caused, once more on a new connection.

        Such an error can be a lost connection, or one on which a pooler or a migration invalidated
        prepared statements.  Raises Unavailable, RejectedRows.
        """
        for is_last in (False, True):
            was_open = self.connection.connection is not None
            try:
                self._commit(group)
            except (SQLAlchemyError, ValueError, OverflowError) as exc:
                # a row alone may violate a constraint too: its signing key can be deleted by now
                if isinstance(exc, IntegrityError) or is_caused_by_content(exc):
                    raise RejectedRows from exc
                self.connection.drop()
                if is_last or not was_open:
                    assert isinstance(exc, SQLAlchemyError)
                    sentence = explain(exc)
                    self.state.failed(sentence)
                    log("writer.waits", level="warning", reason=reason_of(exc), detail=sentence)
                    raise Unavailable(sentence) from exc
            else:
                self.state.committed()
                return

    def _judge(self, cause: BaseException | None) -> Exception:
        """The result of a row that was rejected alone: the sender's fault only if others can be stored."""
        if isinstance(cause, SQLAlchemyError):
            if isinstance(cause, IntegrityError):
                return Unavailable("The database has a constraint that this event does not meet.")
            try:
                store_and_take_back(self.engine)
            except SQLAlchemyError as exc:
                sentence = explain(exc)
                self.state.failed(sentence)
                return Unavailable(sentence)
        return UnstorableEvent("The database rejects this event for its content.")

    def _commit(self, group: list[PendingEvent]) -> None:
        firsts: dict[EventKey, PendingEvent] = {}
        for event in group:
            firsts.setdefault(event.key, event)
        ids, older = self._insert(firsts)
        for event in group:
            first = firsts[event.key]
            if event.key in ids:
                event.row_id, event.new = ids[event.key], event is first
                digest = first.row["body_sha256"]
            else:
                event.row_id, digest = older[event.key]
            event.same_body = digest == event.row["body_sha256"]

    def _insert(
        self, firsts: dict[EventKey, PendingEvent]
    ) -> tuple[dict[EventKey, int], dict[EventKey, tuple[int, bytes]]]:
        """-> the row ids of the new events, and (row id, digest) of those that were stored before."""
        connection = self.connection.open()
        marked = [event for event in firsts.values() if event.mark is not None]
        with connection.begin(), one_transaction(connection) if marked else nullcontext():
            ids, older = self._insert_all(connection, firsts)
            if marked:
                insert_marks(connection, ids, marked)
        return ids, older

    def _insert_all(
        self, connection: Connection, firsts: dict[EventKey, PendingEvent]
    ) -> tuple[dict[EventKey, int], dict[EventKey, tuple[int, bytes]]]:
        ids = self._insert_rows(connection, [event.row for event in firsts.values()])
        if len(ids) == len(firsts):
            return ids, {}
        known = [key for key in firsts if key not in ids]
        older = self._find_stored(known)
        deleted = [firsts[key].row for key in known if key not in older]
        if deleted:  # by the retention, between the two statements
            ids |= self._insert_rows(connection, deleted)
        return ids, older

    def _insert_rows(
        self, connection: Connection, rows: list[dict[str, Any]]
    ) -> dict[EventKey, int]:
        stored = self.inserter.insert(connection, rows)
        return {(source, event): row_id for row_id, source, event in stored}

    def _find_stored(self, keys: Iterable[EventKey]) -> dict[EventKey, tuple[int, bytes]]:
        c = TABLE.c
        rows = self.connection.open().execute(
            select(c.id, c.source_id, c.event_id, c.body_sha256).where(
                tuple_(c.source_id, c.event_id).in_(keys)
            )
        )
        return {(source, event): (row_id, bytes(digest)) for row_id, source, event, digest in rows}


def reason_of(exc: SQLAlchemyError) -> str:
    """The name of the driver's error, such as ``UndefinedColumn``, for the log."""
    return type(getattr(exc, "orig", None) or exc).__name__
