"""The scheduler: a failure in one piece of work does not stop the others."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from relay import scheduler

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
