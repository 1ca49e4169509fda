"""What people do with alerts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from relay import database
from relay.errors import Invalid, NotFound, Refusal
from relay.models import Alert, AlertEntry, AuditEntry, User, db
from relay.rules.states import UserState
from relay.services.alerts import actions
from relay.services.audit import ACTIONS, COMMAND_LINE, By
from relay.services.users import accounts

ADA = By("ada@example.com", "203.0.113.5")


@pytest.fixture
def alert_id(app: Flask) -> Iterator[int]:
    """An open alert, and a user ada@example.com."""
    with app.app_context():
        accounts.create_user("ada@example.com", "correct horse battery", "support", COMMAND_LINE)
        alert = Alert(
            rule="circuit_open", subject="destination:1", sentence="Hook is down.", advice="Wait."
        )
        db.session.add(alert)
        db.session.commit()
        yield alert.id


def resolve(alert_id: int) -> None:
    db.session.get_one(Alert, alert_id).resolved_at = database.now(db.session)
    db.session.commit()


def timeline() -> list[tuple[str, str, str]]:
    wanted = select(AlertEntry.action, AlertEntry.actor, AlertEntry.text).order_by(AlertEntry.id)
    return [tuple(row) for row in db.session.execute(wanted)]


def audited() -> list[tuple[str, str, str]]:
    wanted = select(AuditEntry.action, AuditEntry.actor, AuditEntry.object_label)
    rows = db.session.execute(wanted.where(AuditEntry.action.startswith("alert")))
    return [tuple(row) for row in rows]


def test_each_action_is_a_line_of_the_timeline_and_an_audit_entry(alert_id: int) -> None:
    now = database.now(db.session)
    actions.acknowledge(alert_id, "  The service is down.  ", ADA)
    alert = actions.snooze(alert_id, now + timedelta(hours=4), ADA)
    assert alert.acknowledged_by == "ada@example.com" and alert.note == "The service is down."
    assert alert.snoozed_until == now + timedelta(hours=4)
    actions.end_snooze(alert_id, ADA)
    actions.assign(alert_id, "Ada@Example.com", ADA)
    assert alert.snoozed_until is None and alert.owner == "ada@example.com"
    actions.assign(alert_id, None, ADA)
    actions.add_note(alert_id, "They fixed it.", ADA)
    assert alert.owner is None and alert.note == "The service is down."
    lines = timeline()
    assert [(action, text) for action, _, text in lines if action != "snoozed"] == [
        ("acknowledged", "The service is down."),
        ("assigned", "To ada@example.com."),
        ("assigned", "To no one."),
        ("note", "They fixed it."),
    ]
    snoozes = [text for action, _, text in lines if action == "snoozed"]
    assert snoozes[0].startswith("Until ") and "UTC" in snoozes[0] and snoozes[1] == "Ended."
    assert {actor for _, actor, _ in lines} == {"ada@example.com"}
    done = audited()
    assert len(done) == len(lines)
    assert {action for action, _, _ in done} <= ACTIONS.keys()
    assert {(actor, label) for _, actor, label in done} == {("ada@example.com", "Hook is down.")}


def test_a_resolved_alert_takes_notes_only(alert_id: int) -> None:
    resolve(alert_id)
    later = database.now(db.session) + timedelta(hours=1)
    for refused in (
        lambda: actions.acknowledge(alert_id, "x", ADA),
        lambda: actions.snooze(alert_id, later, ADA),
        lambda: actions.end_snooze(alert_id, ADA),
        lambda: actions.assign(alert_id, None, ADA),
    ):
        with pytest.raises(Refusal, match="already resolved"):
            refused()
        db.session.rollback()
    actions.add_note(alert_id, "It was the firewall.", ADA)
    assert [action for action, _, _ in timeline()] == ["note"]


def test_wrong_values_are_refused(alert_id: int) -> None:
    now = database.now(db.session)
    for until in (now - timedelta(seconds=1), now + timedelta(days=31)):
        with pytest.raises(Invalid, match="up to 30 days"):
            actions.snooze(alert_id, until, ADA)
    with pytest.raises(Invalid, match="few words"):
        actions.acknowledge(alert_id, "  ", ADA)
    with pytest.raises(Invalid, match="Write a note"):
        actions.add_note(alert_id, "", ADA)
    with pytest.raises(Invalid, match=r"No active user has the e-mail address eve@example\.com"):
        actions.assign(alert_id, "eve@example.com", ADA)
    with pytest.raises(Refusal, match="not snoozed"):
        actions.end_snooze(alert_id, ADA)
    with pytest.raises(NotFound):
        actions.add_note(alert_id + 1, "x", ADA)
    db.session.rollback()
    assert timeline() == [] and audited() == []


def test_a_disabled_user_cannot_become_the_owner(alert_id: int) -> None:
    db.session.scalars(select(User)).one().state = UserState.DISABLED
    db.session.commit()
    with pytest.raises(Invalid, match="No active user"):
        actions.assign(alert_id, "ada@example.com", ADA)
