"""What people do with alerts: acknowledge, snooze, assign, add a note.

Each action locks the alert, adds a line to its timeline and an audit entry, and commits.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from relay import database
from relay.errors import Invalid, NotFound, Refusal
from relay.i18n import N_, _
from relay.models import Alert, AlertEntry, User, db
from relay.rules.states import UserState
from relay.services.alerts.wording import instant_words
from relay.services.audit import By, record

LONGEST_NOTE = 1000
LONGEST_SNOOZE = timedelta(days=30)


def acknowledge(alert_id: int, note: str, by: By) -> Alert:
    """Record that a person has seen it, with a note.  Raises NotFound, Invalid, Refusal."""
    note = _text(note, _("Write in a few words what the cause was."))
    alert = _find_open(alert_id)
    now = database.now(db.session)
    alert.note, alert.acknowledged_by, alert.acknowledged_at = note, by.actor, now
    return _finish(alert, by, "acknowledged", note, note=note)


def snooze(alert_id: int, until: datetime, by: By) -> Alert:
    """Send nothing about it until then.  Raises NotFound, Invalid, Refusal."""
    alert = _find_open(alert_id)
    now = database.now(db.session)
    if not now < until <= now + LONGEST_SNOOZE + timedelta(minutes=1):
        raise Invalid({"until": [_("An alert can be snoozed for up to 30 days.")]})
    alert.snoozed_until = until
    text = N_("Until %(time)s.") % {"time": instant_words(until, now)}
    return _finish(alert, by, "snoozed", text, until=until.isoformat(timespec="seconds"))


def end_snooze(alert_id: int, by: By) -> Alert:
    """Report it again from now on.  Raises NotFound, Refusal."""
    alert = _find_open(alert_id)
    if alert.snoozed_until is None or alert.snoozed_until <= database.now(db.session):
        raise Refusal(_("This alert is not snoozed. Nothing was changed."))
    alert.snoozed_until = None
    return _finish(alert, by, "snoozed", N_("Ended."), until="ended")


def assign(alert_id: int, owner: str | None, by: By) -> Alert:
    """Make a user, named by e-mail address, responsible for it; None: no one.

    Raises NotFound, Invalid, Refusal.
    """
    alert = _find_open(alert_id)
    if owner is not None:
        owner = _check_owner(owner)
    alert.owner = owner
    text = N_("To %(person)s.") % {"person": owner} if owner else N_("To no one.")
    return _finish(alert, by, "assigned", text, owner=owner or "no one")


def add_note(alert_id: int, text: str, by: By) -> Alert:
    """Add a line to the timeline, also of a resolved alert.  Raises NotFound, Invalid."""
    text = _text(text, _("Write a note for your team."))
    return _finish(_lock(alert_id), by, "note", text, note=text)


def _text(value: str, reason: str) -> str:
    """Raises Invalid with the reason if there is no text."""
    if not value.strip():
        raise Invalid({"note": [reason]})
    return value.strip()[:LONGEST_NOTE]


def _lock(alert_id: int) -> Alert:
    alert = db.session.get(Alert, alert_id, with_for_update=True)
    if alert is None:
        raise NotFound(_("There is no such alert."))
    return alert


def _find_open(alert_id: int) -> Alert:
    alert = _lock(alert_id)
    if alert.resolved_at is not None:
        raise Refusal(_("This alert is already resolved. Nothing was changed."))
    return alert


def _check_owner(email: str) -> str:
    """Raises Invalid unless it is the address of a user who can sign in."""
    wanted = select(User.email).where(
        User.email == email.strip().lower(), User.state == UserState.ACTIVE
    )
    found = db.session.scalar(wanted)
    if found is None:
        raise Invalid(
            {
                "owner": [
                    _("No active user has the e-mail address %(email)s.", email=email.strip()[:254])
                ]
            }
        )
    return found


def _finish(alert: Alert, by: By, action: str, text: str, **detail: str) -> Alert:
    db.session.add(AlertEntry(alert_id=alert.id, action=action, actor=by.actor, text=text))
    names = {"acknowledged": "acknowledge", "snoozed": "snooze", "assigned": "assign"}
    record(
        by,
        f"alert.{names.get(action, action)}",
        alert.sentence,
        alert=alert.id,
        rule=alert.rule,
        **detail,
    )
    db.session.commit()
    return alert
