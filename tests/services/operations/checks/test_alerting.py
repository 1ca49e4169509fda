"""The age of the last backup, and the channels of the alerts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, update

from relay import database
from relay.models import AlertChannel, AlertRuleSetting, Milestone, db
from relay.observability.health import Finding, Level
from relay.services.operations import backup
from relay.services.operations.checks import alerting


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def found(check: str) -> Finding:
    (finding,) = [one for one in alerting.check() if one.check == check]
    return finding


def keep(row: object) -> None:
    db.session.add(row)
    db.session.commit()


def test_without_a_backup_there_is_no_warning_until_a_person_sets_the_rule() -> None:
    assert found("backup").level is Level.OK
    keep(AlertRuleSetting(rule="backup_age", threshold=24.0))
    assert found("backup").level is Level.WARNING


def test_a_backup_is_noted_and_becomes_too_old(tmp_path: Path) -> None:
    backup.save(tmp_path / "relay.backup")
    assert found("backup").level is Level.OK
    assert db.session.scalar(select(alerting.last_backup())) is not None
    old = database.now(db.session) - timedelta(hours=49)
    db.session.execute(update(Milestone).where(Milestone.name == "backup").values(at=old))
    db.session.commit()
    finding = found("backup")
    assert finding.level is Level.WARNING and "more than 48 hours ago" in finding.what
    keep(AlertRuleSetting(rule="backup_age", threshold=72.0))
    assert found("backup").level is Level.OK


def test_no_channel_means_that_no_one_is_notified() -> None:
    assert found("alert channels").level is Level.WARNING
    keep(AlertChannel(kind="ntfy", name="Off", config={}, enabled=False))
    assert "nobody is notified" in found("alert channels").what


def test_the_last_failure_of_a_channel_is_named() -> None:
    keep(AlertChannel(kind="ntfy", name="Phone", config={}))
    assert found("alert channels").level is Level.OK
    failed = {"failed_at": database.now(db.session), "last_error": "The server answers 403."}
    db.session.execute(update(AlertChannel).values(**failed))
    db.session.commit()
    finding = found("alert channels")
    assert finding.level is Level.WARNING
    assert "Phone failed: The server answers 403." in finding.what and "Phone" in finding.do
