"""Records refused requests, with the true reason and without the body, outside of the request.

Rejections of the same source, reason and address are counted in memory, and a thread writes the
counts.  While the database is unavailable the counts stay in memory.  A flood from many addresses
becomes one row per source and reason.  The thread also finds out the exact mistake in a signature.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from relay import database
from relay.models import Rejection
from relay.observability.logging import log

GATHER_S = 0.5
MAX_UNEXPLAINED = 20  # in memory, with their bodies
MAX_GROUPS = 200  # in memory; beyond that, new groups leave out the address
GROUP_FOR = timedelta(minutes=1)
Group = tuple[int | None, str, str]  # source, reason, address


@dataclass(frozen=True)
class RejectionRecord:
    """One refused request.  Those of the same group within a minute become one row with a count."""

    source_id: int | None
    reason: str
    sentence: str
    status: int
    address: str
    event_id: str | None


Explain = Callable[[], RejectionRecord]


@dataclass
class RejectionCount:
    newest: RejectionRecord
    count: int = 0


class Rejections:
    """``add`` only counts in memory; while there are counts, a thread writes them every ``GATHER_S``."""

    def __init__(self, engine: Engine):
        self.engine = engine
        self.counts: dict[Group, RejectionCount] = {}
        self.unexplained: list[tuple[RejectionRecord, Explain]] = []
        self.lock = threading.Lock()
        self.has_counts = threading.Event()
        self.stopping = threading.Event()
        self.thread: threading.Thread | None = None

    def add(self, rejection: RejectionRecord, explain: Explain | None = None) -> None:
        """Does not wait for the database and never raises.  ``explain`` makes the record exact, later."""
        with self.lock:
            if explain is not None and len(self.unexplained) < MAX_UNEXPLAINED:
                self.unexplained.append((rejection, explain))
            else:
                self._count(rejection, 1)
            if self.thread is None:
                self.stopping.clear()
                self.thread = threading.Thread(target=self._run, name="rejections", daemon=True)
                self.thread.start()
        self.has_counts.set()

    def _count(self, rejection: RejectionRecord, count: int) -> None:
        group = (rejection.source_id, rejection.reason, rejection.address)
        if group not in self.counts and len(self.counts) >= MAX_GROUPS:
            group = (rejection.source_id, rejection.reason, "")
        self.counts.setdefault(group, RejectionCount(rejection)).newest = rejection
        self.counts[group].count += count

    def close(self) -> None:
        """Write the counts, then end the thread."""
        with self.lock:
            thread, self.thread = self.thread, None
        if thread is not None:
            self.stopping.set()
            self.has_counts.set()
            thread.join(5)

    def _run(self) -> None:
        while not self.stopping.is_set():
            self.has_counts.wait()
            self.stopping.wait(GATHER_S)
            self.has_counts.clear()
            if not self._flush():
                self.has_counts.set()  # try again after the next pause

    def _explain(self) -> None:
        """Count the rejections that are still to be explained."""
        with self.lock:
            unexplained, self.unexplained = self.unexplained, []
        for rejection, explain in unexplained:
            try:
                rejection = explain()
            except Exception as exc:  # the rejection must be recorded, exact or not
                log("rejection.unexplained", level="error", reason=type(exc).__name__)
            with self.lock:
                self._count(rejection, 1)

    def _flush(self) -> bool:
        """Write all counts.  -> False if the database failed; the counts are kept then."""
        self._explain()
        with self.lock:
            unwritten, self.counts = self.counts, {}
        try:
            if unwritten:
                with self.engine.begin() as connection:
                    write(connection, unwritten)
        except SQLAlchemyError as exc:
            log(
                "rejections.wait",
                level="warning",
                count=len(unwritten),
                reason=type(exc).__name__,
            )
            with self.lock:
                newer, self.counts = self.counts, unwritten
                for added in newer.values():
                    self._count(added.newest, added.count)
            return False
        return True


def write(connection: Connection, counts: dict[Group, RejectionCount]) -> None:
    """Insert one row per group, or add to the group's row of the last minute.

    A row never spans midnight (UTC), so that the ledger can count the rejections of a day.
    """
    now = database.now(connection)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for (source_id, reason, address), added in counts.items():
        values: dict[str, Any] = {
            "sentence": added.newest.sentence,
            "status": added.newest.status,
            "event_id": added.newest.event_id,
            "last_at": now,
        }
        row_id = connection.scalar(
            select(Rejection.id)
            .where(
                Rejection.source_id.is_not_distinct_from(source_id),
                Rejection.reason == reason,
                Rejection.address == address,
                Rejection.last_at >= max(now - GROUP_FOR, midnight),
            )
            .order_by(Rejection.id.desc())
            .limit(1)
        )
        if row_id is not None:
            changes = values | {"count": Rejection.count + added.count}
            connection.execute(update(Rejection).where(Rejection.id == row_id).values(changes))
        else:
            row = values | {"source_id": source_id, "reason": reason, "address": address}
            connection.execute(insert(Rejection).values(**row, count=added.count, first_at=now))
