"""What a person with access to the database alone did to the audit log is found and named."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import text

from relay.models import db
from relay.services import audit_check
from relay.services.audit import COMMAND_LINE, record

COPY = (
    "INSERT INTO audit_entry (id, at, actor, action, object_label, detail, seq, prev_hash, hash) "
    "SELECT 99, at, actor, action, object_label, detail, {seq}, prev_hash, hash FROM audit_entry "
    "WHERE seq = 5"
)
SHIFT = "UPDATE audit_entry SET seq = seq + 100 WHERE seq > 3; UPDATE audit_entry SET seq = seq - 99 WHERE seq > 100"
ATTACKS = {
    "a changed actor": ("UPDATE audit_entry SET actor = 'you' WHERE seq = 3", "changed", 3),
    "a changed time": (
        "UPDATE audit_entry SET at = '2026-01-01 00:00:00' WHERE seq = 3",
        "changed",
        3,
    ),
    "a changed detail": (
        "UPDATE audit_entry SET detail = '{\"n\": 7}' WHERE seq = 3",
        "changed",
        3,
    ),
    "a changed last entry": ("UPDATE audit_entry SET address = '::1' WHERE seq = 5", "changed", 5),
    "a deleted entry": ("DELETE FROM audit_entry WHERE seq = 3", "deleted", 3),
    "a deleted first entry": ("DELETE FROM audit_entry WHERE seq = 1", "deleted", 1),
    "a deleted entry, renumbered": (
        "DELETE FROM audit_entry WHERE seq = 3; UPDATE audit_entry SET seq = seq + 100 WHERE seq > 3;"
        "UPDATE audit_entry SET seq = seq - 101 WHERE seq > 100",
        "inserted",
        3,
    ),
    "an entry at the end": (COPY.format(seq=6), "inserted", 6),
    "an entry in between": (
        f"{SHIFT}; {COPY.format(seq=4).replace('seq = 5', 'seq = 6')}",
        "inserted",
        4,
    ),
    "an entry without a number": (COPY.format(seq="NULL"), "inserted", None),
    "a deleted end": ("DELETE FROM audit_entry WHERE seq > 3", "truncated", 4),
    "a deleted end with its head": (
        "DELETE FROM audit_entry WHERE seq > 3; UPDATE audit_head SET seq = 3, "
        "hash = (SELECT hash FROM audit_entry WHERE seq = 3)",
        "truncated",
        None,
    ),
    "a deleted head": ("DELETE FROM audit_head", "deleted", None),
    "an exchanged key": ("UPDATE audit_head SET sealed_key = 'x'", "unreadable", None),
}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_each_change_behind_relays_back_is_named(app: Flask) -> None:
    with app.app_context():
        for number in range(5):
            record(COMMAND_LINE, "test.add", f"object {number}", n=number)
            db.session.commit()
        assert audit_check.verify() == audit_check.AuditCheck(5, 0)
        with db.engine.connect() as connection:
            for name, (statements, problem, seq) in ATTACKS.items():
                for statement in statements.split(";"):
                    connection.exec_driver_sql(statement)
                broken = audit_check.check(connection).broken
                assert broken and (broken.problem, broken.seq) == (problem, seq), (name, broken)
                connection.rollback()
        assert audit_check.verify().broken is None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_only_the_newest_entries_can_be_checked(app: Flask) -> None:
    with app.app_context():
        for number in range(5):
            record(COMMAND_LINE, "test.add", f"object {number}")
        db.session.commit()
        with db.engine.connect() as connection:
            assert audit_check.check(connection, newest=2) == audit_check.AuditCheck(2, 0)
            connection.exec_driver_sql("UPDATE audit_entry SET actor = 'you' WHERE seq = 2")
            assert audit_check.check(connection, newest=2).broken is None
            connection.exec_driver_sql("UPDATE audit_entry SET actor = 'you' WHERE seq = 4")
            broken = audit_check.check(connection, newest=2).broken
            assert broken and (broken.problem, broken.seq) == ("changed", 4)
            connection.rollback()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_end_that_was_forwarded_cannot_be_restored_from_an_older_copy(app: Flask) -> None:
    with app.app_context():
        record(COMMAND_LINE, "test.add", "x")
        db.session.commit()
        db.session.execute(
            text(
                "INSERT INTO milestone (name, at, detail) VALUES ('audit_syslog', '2026-01-01', :d)"
            ),
            {"d": '{"seq": 2}'},
        )
        db.session.commit()
        broken = audit_check.verify().broken
        assert broken and broken.problem == "truncated"


RESETS = {
    "everything deleted": "DELETE FROM audit_entry; DELETE FROM audit_head",
    "every entry forged and taken out of the chain": (
        "UPDATE audit_entry SET seq = NULL, hash = NULL, actor = 'you'; DELETE FROM audit_head"
    ),
}


@pytest.mark.parametrize("reset", RESETS.values(), ids=RESETS.keys())
@pytest.mark.parametrize("begins_again", [False, True])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_log_that_was_replaced_is_found_by_what_this_host_saw(
    app: Flask, reset: str, begins_again: bool
) -> None:
    with app.app_context():
        for number in range(3):
            record(COMMAND_LINE, "source.update", f"shop {number}")
            db.session.commit()
        assert audit_check.verify().broken is None
        for statement in reset.split(";"):
            db.session.execute(text(statement))
        db.session.commit()
        for number in range(4 if begins_again else 0):
            record(COMMAND_LINE, "source.update", f"other {number}")
            db.session.commit()
        broken = audit_check.verify().broken
        assert broken is not None
        assert broken.problem is (
            audit_check.Tampering.CHANGED if begins_again else audit_check.Tampering.DELETED
        )
        assert "this host saw at its last check" in broken.sentence
        assert audit_check.verify().broken is not None, "a broken log is not remembered as right"
