"""Every entry of the audit log is chained in the order of the commits, whatever runs at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, select, text, update

from relay.models import AuditEntry, Destination, db
from relay.models.audit_chain import add_audit_entry, canonical
from relay.services import audit_check
from relay.services.audit import COMMAND_LINE, record
from relay.services.destinations import settings as destination_settings

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def change(app: Flask, number: int, destination_id: int) -> None:
    """Lock one of two rows, then record: half of them before the row is locked."""
    with app.app_context():
        lock = update(Destination).where(Destination.id == destination_id)
        if number % 2:
            with db.engine.begin() as connection:
                add_audit_entry(connection, "relay", "test.core", f"change {number}", {"n": number})
                connection.execute(lock.values(held_reason=str(number)))
        else:
            record(COMMAND_LINE, "test.orm", f"change {number}", n=number, share=number / 2)
            db.session.execute(lock.values(held_reason=str(number)))
            db.session.commit()
        db.session.remove()


def test_200_changes_of_four_threads_make_one_chain(app: Flask) -> None:
    with app.app_context():
        ids = [
            destination_settings.create_destination("inbox", name, {}, COMMAND_LINE).id
            for name in ("One", "Two")
        ]
        db.session.remove()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: change(app, number, ids[number // 2 % 2]), range(200)))
    with app.app_context():
        found = audit_check.verify()
        assert (found.broken, found.entries) == (None, 202)
        seqs = db.session.scalars(select(AuditEntry.seq).order_by(AuditEntry.id)).all()
        assert list(seqs) == list(range(1, 203))


@SQLITE
def test_an_entry_is_rolled_back_with_its_transaction(app: Flask) -> None:
    with app.app_context():
        record(COMMAND_LINE, "test.lost", "x")
        db.session.rollback()
        record(COMMAND_LINE, "test.kept", "x")
        db.session.commit()
        with db.engine.connect() as connection:
            add_audit_entry(connection, "relay", "test.lost", "x", {})
        record(COMMAND_LINE, "test.kept", "y")
        db.session.commit()
        assert db.session.scalars(select(AuditEntry.action)).all() == ["test.kept"] * 2
        assert audit_check.verify().broken is None


def test_entries_of_older_versions_are_covered_from_the_first_new_one_on(app: Flask) -> None:
    old = {"actor": "me", "address": "", "action": "test.old", "object_label": "x"}
    with app.app_context():
        for number in range(3):
            db.session.execute(insert(AuditEntry).values(**old, detail={"n": number}))
        db.session.commit()
        record(COMMAND_LINE, "test.new", "x")
        db.session.commit()
        found = audit_check.verify()
        assert (found.entries, found.older, found.broken) == (1, 3, None)
        db.session.execute(text("UPDATE audit_entry SET actor = 'you' WHERE id = 2"))
        db.session.commit()
        broken = audit_check.verify().broken
        assert broken and broken.problem is audit_check.Tampering.CHANGED


@pytest.mark.parametrize(
    ("value", "same"),
    [(1.0, 1), (1e22, 10**22), (0.5, 0.5), ({"a": [2.0, {"b": 3.0}]}, {"a": [2, {"b": 3}]})],
)
def test_numbers_have_one_form(value: Any, same: Any) -> None:
    assert repr(canonical(value)) == repr(same)
