"""Whether an event could be committed now, for ``/readyz`` and ``flask doctor``; no request waits for it.

The check stores an event with the writer's own statement, takes it back with a savepoint, and
commits a number: it meets a missing column, a read-only database, a full disk and a time limit just
as an event would.  While the writer commits events, those are the proof and nothing is stored.
"""

from __future__ import annotations

import secrets
import threading
import time
from typing import Any

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from relay.database import upsert
from relay.database_errors import driver_reason, explain
from relay.event_types import TEST
from relay.ingest.store.sql import EventInserter
from relay.models import Revision, SigningKey

FRESH_S = 2.0  # a result is used for so long: /readyz is open to everyone and may be called often
FAILING_S = 5.0  # without new events, the writer's last failure counts for so long
ANSWER_WITHIN_S = 2.5
TEXT = "Grüße, 你好, 😀"  # a database with another encoding than UTF8 refuses it
NO_COMMIT = (
    "The database does not commit. Another transaction may block the tables, or a synchronous "
    "standby may be missing: check the running transactions of the database."
)
UNEXPECTED = "Relay failed while it stored events: see writer.failed in the log of the web process."


class WriterState:
    """The writer's last outcome.  Times are monotonic, in seconds."""

    def __init__(self) -> None:
        self.committed_at = -FAILING_S
        self.failed_at = -FAILING_S
        self.failure = ""
        self.busy_since: float | None = None

    def committed(self) -> None:
        self.committed_at = time.monotonic()

    def failed(self, sentence: str) -> None:
        self.failure, self.failed_at = sentence, time.monotonic()

    def is_stuck(self, wait_s: float) -> bool:
        """Whether a group of events waits for its commit for more than ``wait_s`` seconds."""
        since = self.busy_since
        return since is not None and time.monotonic() - since > wait_s

    def fails(self) -> bool:
        """Whether the last group failed, a short time ago."""
        last_failed = self.failed_at > self.committed_at
        return last_failed and time.monotonic() - self.failed_at < FAILING_S


class CommitCheck:
    """One per process.  ``wait_s``: after so many seconds without a commit, a request gets 503."""

    def __init__(self, engine: Engine, writer: WriterState, wait_s: float):
        self.engine, self.writer, self.wait_s = engine, writer, wait_s
        self.lock = threading.Lock()
        self.running: threading.Event | None = None
        self.began_at = 0.0
        self.ended_at = -FRESH_S
        self.result: str | None = None
        self.driver_reason = ""  # of the last check; for operators only

    def reason(self) -> str | None:
        """None if an event could be committed, else why not and what to do.  Takes a few seconds at most."""
        if self.writer.is_stuck(self.wait_s):
            return NO_COMMIT
        if self.writer.fails():
            return self.writer.failure
        if time.monotonic() - self.writer.committed_at < FRESH_S:
            return None
        return self._check()

    def _check(self) -> str | None:
        """The result of the running check, of a new one, or of the last one if that is fresh."""
        with self.lock:
            newest = max(self.ended_at, self.began_at)
            is_fresh = newest > self.writer.failed_at and time.monotonic() - newest < FRESH_S
            if self.running is None and not is_fresh:
                self.running, self.began_at = threading.Event(), time.monotonic()
                threading.Thread(target=self._run, name="commit-check", daemon=True).start()
            running = self.running
        if running is None or running.wait(ANSWER_WITHIN_S):
            return self.result
        # behind another transaction; an event would wait too, and be stored if that ends in time
        return NO_COMMIT if time.monotonic() - self.began_at > self.wait_s else self.result

    def _run(self) -> None:
        driver = ""
        try:
            store_and_take_back(self.engine)
            result = None
        except SQLAlchemyError as exc:
            result, driver = explain(exc), driver_reason(exc)
        except Exception as exc:  # else the check would never end
            result = f"Relay cannot check whether events can be stored ({type(exc).__name__})."
        with self.lock:
            running, self.running = self.running, None
            self.result, self.driver_reason = result, driver
            self.ended_at = time.monotonic()
        assert running is not None
        running.set()


def store_and_take_back(engine: Engine) -> None:
    """Store an event, take it back, and commit.  Raises SQLAlchemyError if any of it fails."""
    with engine.begin() as connection:
        key = connection.execute(
            select(SigningKey.id, SigningKey.source_id).order_by(SigningKey.id.desc()).limit(1)
        ).one_or_none()
        savepoint = connection.begin_nested()
        try:
            _insert(connection, *(key or (0, 0)))
        except IntegrityError:
            if key is not None:
                raise
            # without a site the foreign key fails, after everything else was found to be right
        savepoint.rollback()
        statement = upsert(connection, Revision).values(subject="readiness", number=1)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=[Revision.subject], set_={"number": Revision.number + 1}
            )
        )


def _insert(connection: Connection, key_id: int, source_id: int) -> None:
    row: dict[str, Any] = {
        "source_id": source_id,
        "signing_key_id": key_id,
        "event_id": f"check-{secrets.token_hex(8)}",
        "event_type": TEST,
        "site": "https://relay.invalid",
        "address": "",
        "payload": TEXT,
        "body_sha256": bytes(32),
        "search_text": TEXT,
    }
    EventInserter.of(connection).insert(connection, [row])
