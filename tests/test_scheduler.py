"""The scheduler: a fault in one piece of its work keeps no other from its turn."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from relay import scheduler

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_a_fault_in_one_work_is_told_and_the_others_go_on(app: Flask) -> None:
    def broken() -> None:
        raise ValueError("a bug")

    with app.app_context(), capture_logs() as told:
        scheduler.do(broken)
    (line,) = told
    assert line["event"] == "scheduler.failed"
    assert "broken" in line["work"] and "a bug" in line["reason"]


def test_a_database_that_is_away_is_waited_for_by_the_loop(app: Flask) -> None:
    def away() -> None:
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    with app.app_context(), pytest.raises(OperationalError):
        scheduler.do(away)
