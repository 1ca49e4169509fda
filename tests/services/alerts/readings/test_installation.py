"""The disk and the last backup."""

from __future__ import annotations

import shutil
from datetime import timedelta

from flask import current_app

from relay.models import AlertRuleSetting, Milestone, db
from relay.rules.alerts import ReadingLevel
from relay.services.alerts.readings import installation
from relay.services.operations import milestones
from tests.services.alerts.problems import Shop
from tests.services.alerts.readings.conftest import Read


def set_threshold(rule: str, value: float) -> None:
    db.session.merge(AlertRuleSetting(rule=rule, threshold=value))
    db.session.commit()


def test_the_disk_is_compared_to_the_threshold(shop: Shop, read: Read) -> None:
    free = shutil.disk_usage(current_app.extensions["relay_config"].data_dir).free / 2**20
    for factor, level in (
        (0.5, ReadingLevel.CLEAR),
        (0.97, ReadingLevel.BETWEEN),
        (1.5, ReadingLevel.FIRING),
    ):
        set_threshold("disk_space", free * factor)
        found = read(installation.read)["disk_space"]
        assert found.level is level, factor
    assert (found.subject, found.severity) == ("", None)


def test_the_age_of_the_last_backup(shop: Shop, read: Read) -> None:
    assert "backup_age" not in read(installation.read)  # backups may be made in another way
    set_threshold("backup_age", 24.0)
    found = read(installation.read)["backup_age"]
    assert found.level is ReadingLevel.FIRING
    assert found.sentence == "There is no backup: flask backup has never completed."
    for hours, level in ((23, ReadingLevel.CLEAR), (25, ReadingLevel.FIRING)):
        made_at = shop.now - timedelta(hours=hours)
        db.session.merge(Milestone(name="backup", at=made_at))
        db.session.commit()
        found = read(installation.read)["backup_age"]
        assert (found.level, found.since) == (level, made_at)
    assert found.sentence == "The last backup is 25 hours old; at most 24 hours are allowed."


def test_a_backup_that_failed_is_reported_until_one_succeeds(shop: Shop, read: Read) -> None:
    detail = {"reason": "Relay cannot list the bucket backups: AccessDenied."}
    db.session.merge(Milestone(name="backup_failed", at=shop.now, detail=detail))
    db.session.merge(Milestone(name="backup", at=shop.now))
    db.session.commit()
    found = read(installation.read)["backup_age"]
    assert (found.level, found.since) == (ReadingLevel.FIRING, shop.now)
    assert found.sentence.endswith("failed: Relay cannot list the bucket backups: AccessDenied.")
    milestones.forget("backup_failed")
    assert read(installation.read)["backup_age"].level is ReadingLevel.CLEAR
