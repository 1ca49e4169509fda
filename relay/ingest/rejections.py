"""Refused requests, kept with their true reason and without their body, off the request's way.

Alike ones are counted in memory and written together now and then; while the database is away they
wait there.  A flood from many addresses ends up in one row a source and reason.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from relay.models import Rejection, db_now
from relay.observability.logging import log

GATHER_S = 0.5
MAX_ALIKE = 200  # different ones in memory; beyond that the address is left out
ALIKE_FOR = timedelta(minutes=1)
Alike = tuple[int | None, str, str]


@dataclass(frozen=True)
class RejectionRecord:
    """What is kept of one refused request.  Alike ones of a minute become one row with a count."""

    source_id: int | None
    reason: str
    sentence: str
    status: int
    address: str
    event_id: str | None


@dataclass
class RejectionCount:
    newest: RejectionRecord
    count: int = 0


class Rejections:
    """``keep`` costs a dictionary's step; a thread writes every ``GATHER_S`` seconds while there is any."""

    def __init__(self, engine: Engine):
        self.engine = engine
        self.tallies: dict[Alike, RejectionCount] = {}
        self.lock = threading.Lock()
        self.any = threading.Event()
        self.stopping = threading.Event()
        self.thread: threading.Thread | None = None

    def keep(self, refusal: RejectionRecord) -> None:
        """Never waits, never raises."""
        with self.lock:
            self._count(refusal, 1)
            if self.thread is None:
                self.stopping.clear()
                self.thread = threading.Thread(target=self._run, name="rejections", daemon=True)
                self.thread.start()
        self.any.set()

    def _count(self, refusal: RejectionRecord, count: int) -> None:
        alike = (refusal.source_id, refusal.reason, refusal.address)
        if alike not in self.tallies and len(self.tallies) >= MAX_ALIKE:
            alike = (refusal.source_id, refusal.reason, "")
        self.tallies.setdefault(alike, RejectionCount(refusal)).newest = refusal
        self.tallies[alike].count += count

    def close(self) -> None:
        """Write what waits, then end the thread."""
        with self.lock:
            thread, self.thread = self.thread, None
        if thread is not None:
            self.stopping.set()
            self.any.set()
            thread.join(5)

    def _run(self) -> None:
        while not self.stopping.is_set():
            self.any.wait()
            self.stopping.wait(GATHER_S)
            self.any.clear()
            if not self._flush():
                self.any.set()  # once more after the next pause

    def _flush(self) -> bool:
        """Write all that is counted; what could not be written is counted again."""
        with self.lock:
            taken, self.tallies = self.tallies, {}
        try:
            if taken:
                with self.engine.begin() as connection:
                    write(connection, taken)
        except SQLAlchemyError as exc:
            log("rejections.wait", count=len(taken), reason=type(exc).__name__)
            with self.lock:
                newer, self.tallies = self.tallies, taken
                for tally in newer.values():
                    self._count(tally.newest, tally.count)
            return False
        return True


def write(connection: Connection, tallies: dict[Alike, RejectionCount]) -> None:
    """One row each, or a higher count on the row of the last minute.

    A row never reaches over midnight (UTC), so that the ledger can count the refusals of a day.
    """
    now = connection.scalar(select(db_now()))
    assert now is not None
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for (source_id, reason, address), tally in tallies.items():
        values: dict[str, Any] = {
            "sentence": tally.newest.sentence,
            "status": tally.newest.status,
            "event_id": tally.newest.event_id,
            "last_at": now,
        }
        known = connection.scalar(
            select(Rejection.id)
            .where(
                Rejection.source_id.is_not_distinct_from(source_id),
                Rejection.reason == reason,
                Rejection.address == address,
                Rejection.last_at >= max(now - ALIKE_FOR, midnight),
            )
            .order_by(Rejection.id.desc())
            .limit(1)
        )
        if known is not None:
            counted = values | {"count": Rejection.count + tally.count}
            connection.execute(update(Rejection).where(Rejection.id == known).values(counted))
        else:
            row = values | {"source_id": source_id, "reason": reason, "address": address}
            connection.execute(insert(Rejection).values(**row, count=tally.count, first_at=now))
