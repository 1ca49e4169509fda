"""The periodic work and its intervals.  One leader at a time; any number of processes stand by."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from flask import Flask
from sqlalchemy import or_, update
from sqlalchemy.exc import SQLAlchemyError

from relay import __version__, create_app, database
from relay.application import prepare_process
from relay.delivery import recovery
from relay.errors import SettingsError
from relay.heartbeat import Heartbeat
from relay.models import Lease, db, db_now
from relay.observability.logging import log
from relay.observability.metrics_server import serve_metrics
from relay.private_files import restrict_new_files, restrict_old_files
from relay.services import audit_nightly
from relay.services.alerts import event_hours
from relay.services.audit import RELAY
from relay.services.destinations import account as destination_account
from relay.services.destinations import removal as destination_removal
from relay.services.ledger import check as ledger_check
from relay.services.ledger import parts as ledger_parts
from relay.services.ledger import site_reports
from relay.services.operations import erasure, milestones, partitions, retention
from relay.services.replays import actions as replay_actions
from relay.services.sources import settings as source_settings
from relay.services.traffic import counting as traffic_counting
from relay.services.traffic import holds as traffic_holds
from relay.watch import Watcher

WORK: tuple[tuple[float, Callable[[], object]], ...] = (
    (1.0, recovery.wake_due),
    (5.0, recovery.expire_leases),
    (2.0, replay_actions.settle),
    (30.0, destination_removal.discard_leftovers),
    (5.0, site_reports.take),
    (10.0, ledger_check.check_next),
    (5.0, erasure.take_requests),
    (60.0, destination_account.wake_stale),
    (60.0, event_hours.count_hours),
    (60.0, ledger_parts.count_parts),
    (60.0, audit_nightly.verify_nightly),
    (60.0, partial(source_settings.ensure_default, RELAY)),
    (15.0, traffic_holds.note),
    (10.0, milestones.mark_scheduler),  # last: it means that the others came back
)
# In a thread of their own, so that what is due does not wait for them.
LONG_WORK: tuple[tuple[float, Callable[[], object]], ...] = (
    (20.0, traffic_counting.count),
    (60.0, partitions.extend),
    (3600.0, partial(retention.prune, RELAY)),
)
LEADER_S = 10.0
RETRY_S = 10.0  # until work that the database refused is tried again


def holder() -> str:
    """The name of this process in the lease of the leader."""
    return f"{socket.gethostname()}:{os.getpid()}"


def lead() -> bool:
    """Become or stay the leader for the next ten seconds.  False if another process leads."""
    me = holder()
    with db.engine.begin() as connection:
        now = database.now(connection)
        until = now + timedelta(seconds=LEADER_S)
        connection.execute(
            database.upsert(connection, Lease)
            .values(name="scheduler", holder=me, until=until)
            .on_conflict_do_nothing()
        )
        taken = connection.execute(
            update(Lease)
            .where(Lease.name == "scheduler", or_(Lease.holder == me, Lease.until < now))
            .values(holder=me, until=until)
        )
        return bool(taken.rowcount)


def resign() -> None:
    """Let another process lead at once."""
    with db.engine.begin() as connection:
        connection.execute(
            update(Lease)
            .where(Lease.name == "scheduler", Lease.holder == holder())
            .values(until=db_now())
        )


def do(work: Callable[[], object]) -> None:
    """Run one piece of work.  Its failure does not stop the others."""
    try:
        work()
    except SQLAlchemyError:
        raise
    except Exception as exc:
        log(
            "scheduler.failed",
            level="error",
            work=getattr(work, "__qualname__", repr(work)),
            reason=repr(exc),
        )
        db.session.remove()


def run(app: Flask, stop: threading.Event) -> None:
    """Run the periodic work until ``stop``.  While the database is down, wait for it."""
    due = {work: 0.0 for _, work in WORK}
    renew_at = 0.0
    leads = threading.Event()
    args = (app, stop, leads)
    threading.Thread(target=run_long, args=args, name="long-work", daemon=True).start()
    with app.app_context():
        while not stop.wait(0.2):
            now = time.monotonic()
            try:
                if now >= renew_at:
                    if not lead():
                        leads.clear()
                        stop.wait(1.0)
                        continue
                    leads.set()
                    renew_at = now + LEADER_S / 2
                for every, work in WORK:
                    if now >= due[work]:
                        due[work] = now + every
                        do(work)
            except SQLAlchemyError as exc:
                log("scheduler.waits", level="warning", reason=type(exc).__name__)
                db.session.remove()
                renew_at = 0.0
                leads.clear()
                stop.wait(1.0)
        try:
            resign()
        except SQLAlchemyError as exc:
            log("scheduler.waits", level="warning", reason=type(exc).__name__)


def run_long(app: Flask, stop: threading.Event, leads: threading.Event) -> None:
    """Run the work that may take minutes while this process leads.  A piece that began is finished."""
    due = {work: 0.0 for _, work in LONG_WORK}
    with app.app_context():
        while not stop.wait(1.0):
            for every, work in LONG_WORK:
                if leads.is_set() and time.monotonic() >= due[work]:
                    due[work] = time.monotonic() + every
                    try:
                        do(work)
                    except SQLAlchemyError as exc:
                        log("scheduler.waits", level="warning", reason=type(exc).__name__)
                        due[work] = time.monotonic() + RETRY_S
                    db.session.remove()


def main() -> None:
    restrict_new_files()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        app = create_app(pages=False)
    except SettingsError as exc:
        sys.exit(str(exc))
    prepare_process(app)
    restrict_old_files(app.extensions["relay_config"].data_dir)
    Heartbeat(app, "scheduler").start()
    watcher = Watcher(app, "scheduler")
    watcher.start()
    serve_metrics(app.extensions["relay_config"], __version__)
    run(app, stop)
    watcher.stop(wait_s=1.0)


if __name__ == "__main__":
    main()
