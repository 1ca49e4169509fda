"""Pages that are read from the read-only replica of DATABASE_READ_URL.

A view with ``@guard.requires(…, replica=True)`` only reads, and what it shows may be some seconds old.  Its
person is found on the primary; then its own statements go to the replica, unless

- the same person changed something in the last ``AFTER_CHANGE_S`` seconds, so that they see it;
- the replica does not answer, or is more than ``database.MOST_LAG_S`` seconds behind.

Then the primary answers.  Ingest, workers and changes never use the replica.
"""

from __future__ import annotations

import threading
import time

from flask import Flask, Response, current_app, g, request, session
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from relay import database
from relay.database import AWAY, READ_ONLY
from relay.extensions import READ_BIND, db
from relay.observability.logging import log

AFTER_CHANGE_S = 15  # more than MOST_LAG_S and CHECK_EVERY_S together
CHECK_EVERY_S = 5.0
SAFE = ("GET", "HEAD", "OPTIONS")
CHANGED_AT = "changed-at"  # in the session


class Replica:
    """``is_usable`` asks the replica at most every CHECK_EVERY_S, in one thread at a time."""

    def __init__(self, engine: Engine):
        self.engine = engine
        self.good, self.checked_until = True, 0.0
        self.checking = threading.Lock()

    def is_usable(self) -> bool:
        if time.monotonic() >= self.checked_until and self.checking.acquire(blocking=False):
            try:
                self._remember(self._is_current())
            finally:
                self.checking.release()
        return self.good

    def _is_current(self) -> bool:
        try:
            with self.engine.connect() as connection:
                lag_s = database.replica_lag_s(connection)
        except SQLAlchemyError:
            return False
        return lag_s is not None and lag_s <= database.MOST_LAG_S

    def failed(self) -> None:
        """It broke during a request."""
        self._remember(False)

    def _remember(self, good: bool) -> None:
        if good and not self.good:
            log("replica.used")
        elif self.good and not good:
            log("replica.not_used", level="warning")
        self.good, self.checked_until = good, time.monotonic() + CHECK_EVERY_S


def read_from_replica() -> None:
    """From now on this request reads from the replica, if it may.  What was loaded before stays as it is."""
    replica: Replica | None = current_app.extensions.get("relay_replica")
    if replica is None or request.method not in SAFE or _changed_lately():
        return
    if not replica.is_usable():
        return
    db.session.close()
    g.read_engine = replica.engine
    try:
        db.session.connection(execution_options=READ_ONLY)
    except AWAY:
        replica.failed()
        g.pop("read_engine")
        db.session.close()
        db.session.connection(execution_options=READ_ONLY)


def _changed_lately() -> bool:
    return time.time() - session.get(CHANGED_AT, 0) < AFTER_CHANGE_S


def _remember_change(response: Response) -> Response:
    if request.method not in SAFE and "_user_id" in session:
        session[CHANGED_AT] = int(time.time())
    return response


def init_app(app: Flask) -> None:
    with app.app_context():
        engine = db.engines.get(READ_BIND)
    if engine is not None:
        app.extensions["relay_replica"] = Replica(engine)
        app.after_request(_remember_change)
