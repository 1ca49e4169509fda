"""Which process evaluates the alert rules, and that the watcher's threads delay and break nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update
from sqlalchemy.event import listen, remove

from relay import database
from relay.database import READ_ONLY
from relay.models import Lease, db
from relay.watch import NAME, Watcher
from tests.support.network import wait_for

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def context(app: Flask) -> Iterator[Flask]:
    with app.app_context():
        yield app
        db.session.remove()


def watcher(app: Flask, role: str, name: str = "") -> Watcher:
    one = Watcher(app, role)
    one.holder = name or role
    return one


def age_lease(seconds: float) -> None:
    """Let the lease end so many seconds ago."""
    with db.engine.begin() as connection:
        until = database.now(connection) - timedelta(seconds=seconds)
        connection.execute(update(Lease).where(Lease.name == NAME).values(until=until))


def holder() -> str | None:
    with db.engine.connect().execution_options(**READ_ONLY) as connection:
        row = connection.execute(Lease.__table__.select().where(Lease.name == NAME)).one_or_none()
    return row.holder if row is not None else None


def test_the_scheduler_takes_a_free_lease_at_once_and_others_wait(context: Flask) -> None:
    web, worker = watcher(context, "web"), watcher(context, "worker")
    scheduler, standby = watcher(context, "scheduler"), watcher(context, "scheduler", "standby")
    assert not web.take() and not worker.take(), "not before a scheduler could start"
    assert scheduler.take() and scheduler.take()
    assert not standby.take() and not web.take()
    age_lease(1)
    assert not web.take() and not worker.take()
    assert standby.take()
    assert not scheduler.take()
    age_lease(31)
    assert worker.take()
    assert not web.take() and not scheduler.take()


@SQLITE
def test_two_schedulers_with_one_name_and_process_id_are_two_holders(context: Flask) -> None:
    one, other = Watcher(context, "scheduler"), Watcher(context, "scheduler")
    assert one.take() and not other.take()


def test_a_lease_that_was_given_back_is_free_at_once(context: Flask) -> None:
    one, other = watcher(context, "scheduler", "one"), watcher(context, "scheduler", "other")
    one.evaluate()
    assert one.is_holder and not other.take()
    one.resign()
    assert not one.is_holder
    assert other.take()
    one.resign()
    assert holder() == "other", "only the holder gives it back"


def test_a_process_without_the_lease_makes_one_query(context: Flask) -> None:
    assert watcher(context, "scheduler").take()
    other, statements = watcher(context, "web"), list[str]()

    def seen(_c: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith("BEGIN"):
            statements.append(statement)

    listen(db.engine, "before_cursor_execute", seen)
    try:
        assert not other.take()
    finally:
        remove(db.engine, "before_cursor_execute", seen)
    assert len(statements) == 1 and statements[0].startswith("SELECT")


@SQLITE
def test_its_threads_start_and_stop_at_once(context: Flask) -> None:
    one = watcher(context, "scheduler")
    one.start()
    wait_for(lambda: one.is_holder, 10, "the lease")
    assert all(thread.daemon for thread in one.threads)
    began = time.monotonic()
    one.stop(wait_s=5)
    assert time.monotonic() - began < 3
    assert watcher(context, "scheduler", "next").take(), "the lease was given back"
    for thread in one.threads:
        thread.join(5)
        assert not thread.is_alive()


@SQLITE
def test_work_that_fails_does_not_end_its_thread(context: Flask) -> None:
    one, calls, twice = watcher(context, "web"), list[int](), threading.Event()

    def work() -> None:
        calls.append(1)
        if len(calls) == 2:
            twice.set()
        raise RuntimeError("a bug")

    thread = threading.Thread(target=one._repeat, args=(work, lambda: 0.01), daemon=True)
    thread.start()
    assert twice.wait(10)
    one.stop()
    thread.join(10)
    assert not thread.is_alive()
