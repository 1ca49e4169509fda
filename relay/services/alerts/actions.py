"""What people do with alerts: acknowledge, snooze, assign, add a note."""

from __future__ import annotations

from relay import database
from relay.errors import Invalid, NotFound, Refusal
from relay.models import Alert, db
from relay.services.audit import By, record

LONGEST_NOTE = 1000


def acknowledge(alert_id: int, note: str, by: By) -> Alert:
    """Record that a person has seen it, with a note.  Raises NotFound, Invalid, Refusal."""
    if not note:
        raise Invalid({"note": ["Write in a few words what the cause was."]})
    alert = db.session.get(Alert, alert_id, with_for_update=True)
    if alert is None:
        raise NotFound("There is no such alert.")
    if alert.resolved_at is not None:
        raise Refusal("This alert is already resolved. Nothing was changed.")
    now = database.now(db.session)
    alert.note, alert.acknowledged_by, alert.acknowledged_at = note[:LONGEST_NOTE], by.actor, now
    record(by, "alert.acknowledge", alert.subject, rule=alert.rule, note=alert.note)
    db.session.commit()
    return alert
