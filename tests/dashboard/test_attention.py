"""What the overview lists under "Needs attention": each problem once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from relay import database
from relay.models import Alert, AlertEvaluation, Destination, Event, db
from relay.rules.circuit import CircuitState
from relay.rules.states import DestinationState, Severity
from tests.dashboard.conftest import Visitor, text_of
from tests.support.world import World

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def change(app: Flask, row_id: int, **columns: Any) -> None:
    with app.app_context():
        destination = db.session.get_one(Destination, row_id)
        for name, value in columns.items():
            setattr(destination, name, value)
        db.session.commit()


def alert(app: Flask, sentence: str, rule: str, subject: str, **columns: Any) -> None:
    with app.app_context():
        about = {"rule": rule, "subject": subject, "sentence": sentence, "advice": "Do it."}
        db.session.add(Alert(**about, **columns))
        db.session.commit()


@pytest.fixture
def listed(app: Flask, world: World, visit: Callable[..., Visitor]) -> Callable[[], str]:
    """The text of the list."""
    person = visit("viewer")

    def read() -> str:
        page = person.get("/", headers={"HX-Request": "true"}).text
        return text_of(page.partition("Needs attention")[2].partition("Received")[0])

    return read


def test_an_open_circuit_is_listed_at_once_and_once(
    app: Flask, world: World, listed: Callable[[], str]
) -> None:
    with app.app_context():
        until = database.now(db.session) + timedelta(minutes=5)
    change(
        app, world.inbox, circuit=CircuitState.OPEN, circuit_until=until, circuit_reason="Ten 503."
    )
    assert "Critical: Inbox is not responding. Ten 503." in listed()
    alert(
        app, "Inbox does not answer.", "circuit_open", f"destination:{world.inbox}",
        severity=Severity.CRITICAL, path=f"/destinations/{world.inbox}",
    )  # fmt: skip
    text = listed()
    assert "Inbox does not answer. Do it." in text and "is not responding" not in text


def test_a_person_who_acknowledged_the_alert_sees_neither_line(
    app: Flask, world: World, listed: Callable[[], str]
) -> None:
    change(app, world.inbox, state=DestinationState.PAUSED, paused_reason="The token is wrong.")
    assert "Inbox is paused. The token is wrong. Its deliveries wait" in listed()
    with app.app_context():
        now = database.now(db.session)
    alert(
        app, "Relay paused Inbox.", "destination_paused", f"destination:{world.inbox}",
        acknowledged_by="ada@example.com", acknowledged_at=now,
    )  # fmt: skip
    text = listed()
    assert "Relay paused Inbox." not in text and "is paused" not in text
    assert "1 alert is acknowledged or snoozed" in text


def test_a_cause_stands_for_the_alert_of_its_failed_deliveries(
    app: Flask, world: World, listed: Callable[[], str]
) -> None:
    before = listed()
    assert "Notice: Hook" in before and "1 failed delivery." in before
    hook = f"destination:{world.hook}"
    alert(app, "A delivery failed.", "failed_delivery", hook)
    alert(app, "Many failed.", "failure_rate", hook, severity=Severity.CRITICAL)
    alert(app, "Inbox fails.", "failure_rate", f"destination:{world.inbox}")
    text = listed()
    assert "A delivery failed." not in text and "Many failed." not in text
    assert "Critical: Hook" in text and "Inbox fails." in text


def test_the_most_severe_is_first_and_covered_alerts_are_not_listed(
    app: Flask, world: World, listed: Callable[[], str]
) -> None:
    for n in range(10):
        alert(app, f"Site {n} is silent.", "silent_site", f"site:s{n}")
    alert(app, "The disk is full.", "disk_space", "", severity=Severity.CRITICAL)
    alert(app, "It is late.", "late_delivery", "destination:9", covered_by="circuit_open")
    text = listed()
    assert text.startswith("Critical: The disk is full.")
    assert text.count("is silent.") == 7 and "3 more alerts" in text
    assert "It is late." not in text


def test_a_silent_site_has_a_line_unless_the_rule_watches_it(
    app: Flask, world: World, listed: Callable[[], str]
) -> None:
    with app.app_context():
        for event in db.session.query(Event):
            event.received_at -= timedelta(days=8)
        db.session.commit()
    assert "Shop has stopped sending. The last event arrived 8 days ago" in listed()
    with app.app_context():
        db.session.add(AlertEvaluation(rule="silent_site", subject="site:shop:comment.created"))
        db.session.commit()
    assert "has stopped sending" not in listed()
