"""Thresholds and mutes of the alert rules."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from relay import database
from relay.errors import Invalid, NotFound, Refusal
from relay.models import AuditEntry, db
from relay.rules.alerts import RULES
from relay.services.alerts import rules
from relay.services.alerts.rules import EffectiveRule
from relay.services.audit import By

ADA = By("ada@example.com")


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def now_is(rule: str, ahead: timedelta = timedelta()) -> EffectiveRule:
    """The rule as it applies in a while."""
    at = database.now(db.session) + ahead
    return rules.effective(db.session.connection(), at)[rule]


def test_a_threshold_applies_until_the_default_is_chosen_again() -> None:
    rules.set_threshold("failure_rate", 5, ADA)
    found = now_is("failure_rate")
    assert (found.threshold, found.is_set, found.changed_by) == (5, True, "ada@example.com")
    rules.set_threshold("failure_rate", None, ADA)
    found = now_is("failure_rate")
    assert (found.threshold, found.is_set) == (RULES["failure_rate"].threshold, False)
    entries = db.session.execute(select(AuditEntry.object_label, AuditEntry.detail)).all()
    assert [row.object_label for row in entries] == ["Failure rate of a destination"] * 2
    assert entries[0].detail == {"rule": "failure_rate", "before": "2 %", "now": "5 %"}
    assert entries[1].detail == {"rule": "failure_rate", "before": "5 %", "now": "default"}


@pytest.mark.parametrize("value", [0.0, 100.1, math.nan, math.inf, -1.0])
def test_a_threshold_stays_within_the_limits_of_its_rule(value: float) -> None:
    with pytest.raises(Invalid, match=r"Enter a number from 0\.1 to 100 %"):
        rules.set_threshold("failure_rate", value, ADA)


def test_both_limits_are_allowed() -> None:
    for value in (0.1, 100.0):
        rules.set_threshold("failure_rate", value, ADA)
        assert now_is("failure_rate").threshold == value


def test_a_rule_without_a_threshold_gets_none() -> None:
    with pytest.raises(Refusal, match="“Broker unavailable” has no threshold"):
        rules.set_threshold("broker_unavailable", 1, ADA)
    with pytest.raises(NotFound, match="no alert rule nonsense"):
        rules.set_threshold("nonsense", 1, ADA)


def test_a_mute_ends_at_its_time_or_by_a_person() -> None:
    rules.mute("late_delivery", database.now(db.session) + timedelta(hours=1), ADA)
    assert now_is("late_delivery").is_muted
    assert not now_is("late_delivery", timedelta(hours=2)).is_muted
    rules.mute("late_delivery", None, ADA)
    assert now_is("late_delivery", timedelta(days=1000)).is_muted
    rules.unmute("late_delivery", ADA)
    assert not now_is("late_delivery").is_muted
    with pytest.raises(Refusal, match="is not muted"):
        rules.unmute("late_delivery", ADA)
    with pytest.raises(Invalid, match="in the future"):
        rules.mute("late_delivery", database.now(db.session), ADA)


def test_a_mute_keeps_the_threshold() -> None:
    rules.set_threshold("late_delivery", 9, ADA)
    rules.mute("late_delivery", None, ADA)
    found = now_is("late_delivery")
    assert (found.threshold, found.is_muted) == (9, True)
