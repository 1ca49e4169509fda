"""The scheduler: a failure in one piece of work does not stop the others."""

from __future__ import annotations

import threading
from datetime import datetime

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from relay import scheduler
from relay.models import Lease, db
from tests.support.network import wait_for

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_a_failure_of_one_piece_of_work_is_logged_and_the_others_run(app: Flask) -> None:
    def broken() -> None:
        raise ValueError("a bug")

    with app.app_context(), capture_logs() as told:
        scheduler.do(broken)
    (line,) = told
    assert line["event"] == "scheduler.failed"
    assert "broken" in line["work"] and "a bug" in line["reason"]


def test_the_loop_waits_for_a_database_that_is_down(app: Flask) -> None:
    def away() -> None:
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    with app.app_context(), pytest.raises(OperationalError):
        scheduler.do(away)


def test_long_work_that_hangs_stops_neither_the_rest_nor_the_lease_nor_the_end(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, release, turns = threading.Event(), threading.Event(), list[int]()

    def prune() -> None:
        began.set()
        release.wait(60)

    monkeypatch.setattr(scheduler, "LONG_WORK", ((3600.0, prune),))
    monkeypatch.setattr(scheduler, "WORK", ((0.1, lambda: turns.append(1)),))
    monkeypatch.setattr(scheduler, "LEADER_S", 0.6)

    def until() -> datetime:
        with app.app_context():
            found = db.session.execute(db.select(Lease.until)).scalar_one()
            db.session.remove()
            return found

    stop = threading.Event()
    loop = threading.Thread(target=scheduler.run, args=(app, stop))
    loop.start()
    try:
        assert began.wait(20)
        before, lease = len(turns), until()
        wait_for(lambda: len(turns) > before + 2 and until() > lease, 20, "the others")
        stop.set()
        loop.join(20)
        assert not loop.is_alive()
    finally:
        stop.set()
        release.set()
        loop.join()
