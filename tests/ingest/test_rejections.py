"""Rejections are counted, grouped and written, also after the database was down."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from relay.ingest.rejections import RejectionRecord
from relay.models import Rejection, db
from tests.ingest.conftest import Sender
from tests.support.network import wait_for

POSTGRES = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def written(app: Flask) -> list[tuple[str, int, str]]:
    with app.app_context():
        found = db.session.execute(
            select(Rejection.reason, Rejection.count, Rejection.address).order_by(Rejection.id)
        ).all()
        db.session.rollback()
        return [(row.reason, row.count, row.address) for row in found]


def test_rejections_of_one_group_within_a_minute_are_one_row(sender: Sender) -> None:
    for _ in range(3):
        sender.send(secret="w" * 40)
    wait_for(lambda: written(sender.app), 5)
    for _ in range(2):
        sender.send(secret="w" * 40)
    sender.send(secret="w" * 40, environ={"REMOTE_ADDR": "203.0.113.9"})
    wait_for(lambda: len(written(sender.app)) == 2, 5)
    assert written(sender.app) == [
        ("bad_signature", 5, "127.0.0.1"),
        ("bad_signature", 1, "203.0.113.9"),
    ]


@SQLITE
def test_a_flood_from_many_addresses_is_counted_completely_in_few_rows(sender: Sender) -> None:
    rejections: Any = sender.app.extensions["relay_ingest"].rejections
    for n in range(5000):
        address = f"203.0.{n // 250}.{n % 250}"
        rejections.add(
            RejectionRecord(None, "missing_headers", "The header was missing.", 400, address, None)
        )
    rejections.close()
    rows = written(sender.app)
    assert sum(count for _, count, _ in rows) == 5000
    assert len(rows) < 1000
    assert any(address == "" for _, _, address in rows)


@POSTGRES
def test_rejections_are_written_after_the_database_was_down(
    sender: Sender, postgres_server: Any
) -> None:
    sender.send()
    postgres_server.stop()
    try:
        assert sender.send(secret="w" * 40).status_code == 401
        assert sender.send().status_code == 503
    finally:
        postgres_server.start()
    wait_for(lambda: len(written(sender.app)) == 2, 15)
    assert {reason for reason, _, _ in written(sender.app)} == {"bad_signature", "unavailable"}
