"""What each rule sees now."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask

from relay import database
from relay.models import AlertEvaluation, db
from relay.rules.alerts import RULES, ReadingLevel
from relay.services.alerts import rule_status


def seen(rule: str, most: int = 3) -> tuple[list[tuple[str, float]], int]:
    [status] = rule_status.statuses(rule, most)
    return [(one.subject, one.value) for one in status.subjects], status.hidden


def test_the_worst_subjects_come_first_and_the_rest_is_counted(app: Flask) -> None:
    with app.app_context():
        now = database.now(db.session)
        for number, value in enumerate((3, 9, 1, 4, 8)):
            met = (
                {"firing_since": now - timedelta(minutes=1)} if value == 1 else {"clear_since": now}
            )
            if value == 4:
                met = {}
            for rule in ("failure_rate", "quota_forecast"):
                subject = f"destination:{number}"
                db.session.add(AlertEvaluation(rule=rule, subject=subject, value=value, **met))
        db.session.commit()
        by_size = [("destination:2", 1), ("destination:3", 4), ("destination:1", 9)]
        assert seen("failure_rate") == (by_size, 2)
        # a quota that lasts for fewer hours is worse
        assert seen("quota_forecast")[0][2] == ("destination:0", 3)
        assert len(seen("failure_rate", 200)[0]) == 5
        [status] = rule_status.statuses("failure_rate")
        levels = [one.level for one in status.subjects]
        assert levels == [ReadingLevel.FIRING, ReadingLevel.BETWEEN, ReadingLevel.CLEAR]
        assert status.subjects[0].name == "Destination 2"
        assert rule_status.subjects_of("failure_rate") == {f"destination:{n}" for n in range(5)}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_rule_is_listed_also_without_evaluations(app: Flask) -> None:
    with app.app_context():
        db.session.add(AlertEvaluation(rule="removed_rule", subject="", value=1))
        db.session.commit()
        found = rule_status.statuses()
        assert [one.setting.rule.name for one in found] == list(RULES)
        assert all(not one.subjects and not one.hidden for one in found)
