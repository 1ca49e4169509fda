"""The threads that evaluate the alert rules, send messages, send canaries and check the database.

They run in every process, and one process at a time works: the one with the lease ``alerts``.  The
scheduler takes it as soon as it is free; a worker or web process only if it ended 30 s ago, so that
someone evaluates and reports that the scheduler is missing.  The database is checked by every process
for itself, because a process without it cannot ask for a lease.
"""

from __future__ import annotations

import os
import secrets as random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask
from sqlalchemy import or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from relay import database
from relay.database import READ_ONLY
from relay.models import Lease, db, db_now
from relay.observability.logging import log
from relay.rules.alerts import EVALUATE_EVERY_S
from relay.services import audit_syslog
from relay.services.alerts import canary, evaluation, outage, sender
from relay.services.alerts.outage import DatabaseOutage

NAME = "alerts"
LEASE_S = 45.0
OTHERS_WAIT_S = 30.0
SEND_EVERY_S = 2.0
CHECK_EVERY_S, CHECK_FAILING_EVERY_S = 15.0, 5.0
CHANNELS_EVERY_S = 60.0
FORWARD_EVERY_S = 2.0
SLOW_S = 10.0  # an evaluation that takes longer is logged


class Watcher:
    """One per process.  ``role`` is ``scheduler``, ``worker`` or ``web``; ``stopped`` ends it.

    ``start`` returns at once.  The threads are daemons and never raise.
    """

    def __init__(self, app: Flask, role: str, stopped: threading.Event | None = None):
        self.app, self.role = app, role
        self.stopped = stopped or threading.Event()
        # containers that share the network of their host have one name and the same process ids
        self.holder = f"{role}:{os.getpid()}:{random.token_hex(4)}:{socket.gethostname()}"[:64]
        self.held_until = 0.0
        self.read_at = time.monotonic()
        self.channels_at = -CHANNELS_EVERY_S
        config = app.extensions["relay_config"]
        self.outage = DatabaseOutage(
            app.extensions["relay_broker"].client,
            config.data_dir,
            role,
            config.public_url,
            outage.send_directly,
        )
        self.threads = [
            threading.Thread(target=self._repeat, args=arguments, name=name, daemon=True)
            for name, *arguments in (
                ("alerts", self.evaluate, lambda: EVALUATE_EVERY_S, self.resign),
                ("alert-messages", self.send_messages, lambda: SEND_EVERY_S),
                ("canary", self.send_canaries, lambda: canary.EVERY_S),
                ("audit-syslog", self.forward_audit, lambda: FORWARD_EVERY_S),
                ("database-check", self.check_database, self._check_every_s),
            )
        ]

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def stop(self, wait_s: float = 0.0) -> None:
        """End the threads after what they do now.  Waits ``wait_s`` for the lease to be given back."""
        self.stopped.set()
        if wait_s:
            self.threads[0].join(wait_s)

    @property
    def is_holder(self) -> bool:
        return time.monotonic() < self.held_until

    def _repeat(
        self,
        work: Callable[[], object],
        every_s: Callable[[], float],
        finish: Callable[[], object] | None = None,
    ) -> None:
        with self.app.app_context():
            while not self.stopped.is_set():
                self._do(work)
                self.stopped.wait(every_s())
            if finish is not None:
                self._do(finish)

    def _do(self, work: Callable[[], Any]) -> None:
        """Run one piece of work.  Whatever fails, the thread goes on."""
        name = getattr(work, "__name__", "")
        try:
            work()
        except SQLAlchemyError as exc:
            self.stopped.wait(1.0)
            log("alerts.waits", level="warning", work=name, reason=type(exc).__name__)
        except Exception as exc:
            log("alerts.failed", level="error", work=name, reason=repr(exc))
        finally:
            with suppress(SQLAlchemyError):
                db.session.remove()

    def evaluate(self) -> None:
        """Take or renew the lease; with it, evaluate every rule once."""
        began = time.monotonic()
        is_mine = self.take()
        self.held_until = began + LEASE_S if is_mine else 0.0
        self.read_at = time.monotonic()
        if self.read_at - self.channels_at >= CHANNELS_EVERY_S:
            self.outage.channels = outage.snapshot_channels()
            self.channels_at = self.read_at
        if not is_mine:
            return
        began = time.monotonic()
        evaluation.evaluate()
        took_s = time.monotonic() - began
        if took_s > SLOW_S:
            log("alerts.slow", level="warning", seconds=round(took_s, 1))

    def take(self) -> bool:
        """Whether this process has the lease now.  Without it, this is one query.

        Raises SQLAlchemyError.
        """
        with db.engine.connect().execution_options(**READ_ONLY) as connection:
            found = connection.execute(
                select(Lease.holder, Lease.until, db_now()).where(Lease.name == NAME)
            ).one_or_none()
        if found is not None and found.holder != self.holder:
            _, until, now = found
            if until >= self._free_before(now):
                return False
        with db.engine.begin() as connection:
            now = database.now(connection)
            connection.execute(
                database.upsert(connection, Lease)
                .values(name=NAME, holder="", until=now)
                .on_conflict_do_nothing()
            )
            taken = connection.execute(
                update(Lease)
                .where(
                    Lease.name == NAME,
                    or_(Lease.holder == self.holder, Lease.until < self._free_before(now)),
                )
                .values(holder=self.holder, until=now + timedelta(seconds=LEASE_S))
            )
            return bool(taken.rowcount)

    def _free_before(self, now: datetime) -> datetime:
        """A lease that ended before this moment may be taken."""
        if self.role == "scheduler":
            return now + timedelta(milliseconds=1)  # one that ends now is free
        return now - timedelta(seconds=OTHERS_WAIT_S)

    def resign(self) -> None:
        """Give the lease back, so that another scheduler evaluates at once."""
        if not self.is_holder:
            return
        self.held_until = 0.0
        with db.engine.begin() as connection:
            connection.execute(
                update(Lease)
                .where(Lease.name == NAME, Lease.holder == self.holder)
                .values(until=db_now())
            )

    def send_messages(self) -> None:
        """Send the messages that are due, if this process has the lease."""
        if self.is_holder:
            sender.send_due()

    def send_canaries(self) -> None:
        """Send the canaries that are due, if this process has the lease."""
        if self.is_holder:
            canary.send_due()

    def forward_audit(self) -> None:
        """Forward the audit log, if this process has the lease."""
        if self.is_holder and self.app.extensions["relay_config"].audit_syslog:
            audit_syslog.forward()

    def check_database(self) -> None:
        """Check whether an event can be stored, in the process with the lease and in one that fails.

        The check has its own limit of time, so it also notices a database that hangs.
        """
        reason = None
        is_late = time.monotonic() - self.read_at > 2 * EVALUATE_EVERY_S
        if self.is_holder or is_late or self.outage.is_failing:
            reason = self.app.extensions["relay_commit_check"].reason()
        self.outage.observe(reason, datetime.now(UTC), may_settle=self.is_holder)

    def _check_every_s(self) -> float:
        return CHECK_FAILING_EVERY_S if self.outage.is_failing else CHECK_EVERY_S
