"""Refused requests, kept with their true reason and without their body, off the request's way."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from relay.models import Rejection, db_now
from relay.observability.logging import log

QUEUED = 2_000
GATHER_S = 0.3


@dataclass(frozen=True)
class Refusal:
    """What is kept of one refused request.  Alike ones of a minute become one row with a count."""

    source_id: int | None
    reason: str
    sentence: str
    status: int
    address: str
    event_id: str | None

    @property
    def alike(self) -> tuple[int | None, str, str]:
        return self.source_id, self.reason, self.address


class Rejections:
    """Writes in the background; a full queue drops, so that a flood costs neither time nor room."""

    def __init__(self, engine: Engine):
        self.engine = engine
        self.queue: queue.Queue[Refusal | None] = queue.Queue(QUEUED)
        self.lock = threading.Lock()
        self.thread: threading.Thread | None = None

    def keep(self, refusal: Refusal) -> None:
        """Never waits, never raises."""
        if self.thread is None:
            with self.lock:
                if self.thread is None:
                    self.thread = threading.Thread(target=self._run, name="rejections", daemon=True)
                    self.thread.start()
        try:
            self.queue.put_nowait(refusal)
        except queue.Full:
            log("rejection.dropped", reason=refusal.reason)

    def close(self) -> None:
        """Write what waits, then end the thread."""
        if self.thread is not None:
            self.queue.put(None)
            self.thread.join(5)
            self.thread = None

    def _run(self) -> None:
        pause = threading.Event()
        last = False
        while not last:
            group = [self.queue.get()]
            pause.wait(GATHER_S if group[0] is not None else 0)
            while not self.queue.empty():
                group.append(self.queue.get())
            last = None in group
            kept = [one for one in group if one is not None]
            try:
                if kept:
                    with self.engine.begin() as connection:
                        self._write(connection, kept)
            except SQLAlchemyError as exc:
                log("rejections.lost", count=len(kept), reason=type(exc).__name__)

    def _write(self, connection: Connection, group: list[Refusal]) -> None:
        counts: dict[tuple[int | None, str, str], list[Refusal]] = {}
        for one in group:
            counts.setdefault(one.alike, []).append(one)
        now = connection.scalar(select(db_now()))
        assert now is not None
        for alike in counts.values():
            newest = alike[-1]
            known = connection.scalar(
                select(Rejection.id)
                .where(
                    Rejection.source_id.is_(None)
                    if newest.source_id is None
                    else Rejection.source_id == newest.source_id,
                    Rejection.reason == newest.reason,
                    Rejection.address == newest.address,
                    Rejection.last_at >= now - timedelta(minutes=1),
                )
                .order_by(Rejection.id.desc())
                .limit(1)
            )
            values = {
                "sentence": newest.sentence,
                "status": newest.status,
                "event_id": newest.event_id,
                "last_at": now,
            }
            if known is not None:
                connection.execute(
                    update(Rejection)
                    .where(Rejection.id == known)
                    .values(**values, count=Rejection.count + len(alike))
                )
            else:
                connection.execute(
                    insert(Rejection).values(
                        **values,
                        source_id=newest.source_id,
                        reason=newest.reason,
                        address=newest.address,
                        count=len(alike),
                    )
                )
