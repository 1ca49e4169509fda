"""Alerts that a check opens and resolves at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from relay.models import AlertEvaluation, db
from relay.rules.states import Severity
from relay.services.alerts import actions, state
from relay.services.audit import By
from tests.services.alerts.problems import alerts, timeline

JANE = By("jane@example.com")


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield
        db.session.remove()


def found(sentence: str = "One is missing.", subject: str = "shop 2026-01-01") -> None:
    state.raise_alert("ledger.site", subject, sentence, "Look.", "/ledger")
    db.session.commit()


def test_it_is_opened_once_and_resolved_once() -> None:
    found()
    found()
    [alert] = alerts()
    assert (alert.severity, alert.changes, alert.since) == (Severity.WARNING, 1, alert.opened_at)
    state.resolve("ledger.site", alert.subject)
    state.resolve("ledger.site", alert.subject)
    db.session.commit()
    assert alerts() == []
    [alert] = alerts(is_open=False)
    # no channel took the opening, so nothing is sent about the end
    assert (alert.changes, timeline(alert)) == (1, ["opened", "resolved"])


def test_another_sentence_is_reported_and_needs_attention_again() -> None:
    found()
    [alert] = alerts()
    since, alert.notified_at = alert.since, alert.opened_at
    db.session.commit()
    actions.acknowledge(alert.id, "Known.", JANE)
    found("Two are missing.")
    [alert] = alerts()
    assert (alert.sentence, alert.acknowledged_by, alert.since) == ("Two are missing.", None, since)
    assert alert.changes == 2
    assert timeline(alert) == ["opened", "acknowledged", "changed", "reminder"]


def test_a_subject_that_was_removed_takes_its_alerts_with_it() -> None:
    subjects = ["site:shop", "site:shop:order.created", "site:shop-two", "destination:1"]
    for subject in subjects:
        found(subject=subject)
        db.session.add(AlertEvaluation(rule="ledger.site", subject=subject))
    db.session.commit()
    state.forget_subject("site:shop", "The site was removed.")
    db.session.commit()
    assert [alert.subject for alert in alerts()] == subjects[2:]
    rows = db.session.query(AlertEvaluation.subject).order_by(AlertEvaluation.subject).all()
    assert [row.subject for row in rows] == ["destination:1", "site:shop-two"]
