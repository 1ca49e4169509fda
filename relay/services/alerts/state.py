"""Open alerts and resolve them, with the lines of their timeline and the messages about them.

Everything here joins the caller's transaction.  ``raise_alert`` and ``resolve`` act at once, for what
a check has found; ``evaluation`` waits for readings first.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, or_, select

from relay import database
from relay.i18n import N_
from relay.models import Alert, AlertEntry, AlertEvaluation, db
from relay.observability.logging import log
from relay.rules.alert_state import MessageFacts
from relay.rules.alerts import REMIND_EVERY_S, RULES, Reading, ReadingLevel
from relay.rules.states import AlertChange, Severity
from relay.services.alerts import messages, rules

FIXED = N_("The cause no longer exists.")
MAX_PATH = 300


def raise_alert(rule: str, subject: str, sentence: str, advice: str, path: str = "") -> None:
    """Open the alert, or keep it open.

    If its sentence changed, it is no longer acknowledged and is reported again.
    """
    now = database.now(db.session)
    reading = Reading(
        rule, subject, ReadingLevel.FIRING, sentence=sentence, advice=advice, path=path
    )
    alert = _find_open(rule, subject) or open_alert(reading, now)
    is_changed = alert.sentence != sentence
    if is_changed:
        write_text(alert, reading)
        need_attention(alert)
        add_entry(alert, "changed", now, sentence)
    report(alert, _is_muted(rule, now), now, is_changed=is_changed)


def resolve(rule: str, subject: str) -> None:
    """Resolve the open alert, if there is one."""
    _close_all([Alert.rule == rule, Alert.subject == subject], FIXED)


def resolve_family(family: str, subject: str) -> None:
    """Resolve every open alert with a rule and a subject that begin with these texts."""
    begins = [
        Alert.rule.startswith(family, autoescape=True),
        Alert.subject.startswith(subject, autoescape=True),
    ]
    _close_all(begins, FIXED)


def forget_subject(subject: str, text: str) -> None:
    """Resolve every open alert about a subject that was removed, and delete what the rules saw.

    ``site:shop`` includes ``site:shop:order.created``.  ``text`` is the line in the timeline.
    """

    def is_about(column: Any) -> ColumnElement[bool]:
        return or_(column == subject, column.startswith(f"{subject}:", autoescape=True))

    _close_all([is_about(Alert.subject)], text)
    db.session.execute(delete(AlertEvaluation).where(is_about(AlertEvaluation.subject)))


def open_alerts(family: str = "", unseen: bool = False) -> Sequence[Alert]:
    """Newest first.

    ``family`` limits them to rules that begin with it; ``unseen`` to those that no one
    acknowledged.
    """
    wanted = select(Alert).where(
        Alert.resolved_at.is_(None), Alert.rule.startswith(family, autoescape=True)
    )
    if unseen:
        wanted = wanted.where(Alert.acknowledged_by.is_(None))
    return db.session.scalars(wanted.order_by(Alert.id.desc()).limit(100)).all()


# ---- the parts that the evaluation uses as well --------------------------------------------------


def open_alert(
    reading: Reading, now: datetime, since: datetime | None = None, covered_by: str = ""
) -> Alert:
    """The new alert, locked; the one that another process opened at the same moment, if there is one.

    ``since`` is when the problem began if the reading does not say it.
    """
    rule = RULES.get(reading.rule)
    severity = reading.severity or (rule.severity if rule else Severity.WARNING)
    alert_id = db.session.scalar(
        database.upsert(db.session, Alert)
        .values(
            rule=reading.rule,
            subject=reading.subject,
            severity=severity,
            sentence=reading.sentence,
            advice=reading.advice,
            path=reading.path[:MAX_PATH],
            since=reading.since or since or now,
            count=reading.count,
            opened_at=now,
            covered_by=covered_by,
        )
        .on_conflict_do_nothing(
            index_elements=[Alert.__table__.c.rule, "subject"],
            index_where=Alert.resolved_at.is_(None),
        )
        .returning(Alert.id)
    )
    alert = _find_open(reading.rule, reading.subject)
    assert alert is not None
    if alert_id is not None:
        add_entry(alert, "opened", now, reading.sentence)
        if covered_by:
            add_entry(alert, "changed", now, covered_sentence(covered_by))
        log(
            "alert.opened",
            level="warning",
            rule=alert.rule,
            subject=alert.subject or None,
            severity=severity.value,
            covered_by=covered_by or None,
        )
    return alert


def write_text(alert: Alert, reading: Reading) -> None:
    """What the alert says now.  ``since`` stays: the problem began when it began."""
    alert.sentence, alert.advice = reading.sentence, reading.advice
    alert.path, alert.count = reading.path[:MAX_PATH], reading.count


def need_attention(alert: Alert) -> None:
    """It is no longer acknowledged.  If nothing about it was sent yet, its opening is due again."""
    alert.acknowledged_at = alert.acknowledged_by = None
    alert.note = ""
    if alert.notified_at is None:
        alert.changes = 0


def report(
    alert: Alert,
    is_muted: bool,
    now: datetime,
    newest: datetime | None = None,
    is_changed: bool = False,
) -> AlertChange | None:
    """Queue the message that is due about an open alert, if one is.  -> what it says

    ``newest`` and ``is_changed`` as in ``MessageFacts``.
    """
    rule = RULES.get(alert.rule)
    change = MessageFacts(
        is_reported=alert.changes > 0,
        is_changed=is_changed,
        notified_at=alert.notified_at,
        is_covered=bool(alert.covered_by),
        is_muted=is_muted,
        is_acknowledged=alert.acknowledged_at is not None,
        snoozed_until=alert.snoozed_until,
        newest=newest,
        remind_every_s=rule.remind_every_s if rule else REMIND_EVERY_S,
    ).due_change(now)
    if change is not None:
        _enqueue(alert, change, now)
    if change is AlertChange.REMINDER:
        alert.notified_at = now  # also if no channel is left, or it is not tried again and again
        add_entry(alert, "reminder", now, alert.sentence)
    return change


def close(alert: Alert, now: datetime, text: str = FIXED) -> None:
    """Resolve it.  That is reported if its opening was."""
    alert.resolved_at = now
    add_entry(alert, "resolved", now, text)
    log("alert.resolved", rule=alert.rule, subject=alert.subject or None)
    if alert.notified_at is not None:
        _enqueue(alert, AlertChange.RESOLVED, now)


def add_entry(alert: Alert, action: str, now: datetime, text: str = "") -> None:
    """Add a line to the timeline (see ``models.AlertEntry``)."""
    db.session.add(AlertEntry(alert_id=alert.id, at=now, action=action, text=text))


def covered_sentence(rule: str) -> str:
    """Why nothing is sent about an alert that another one covers; for the timeline."""
    said = N_("Covered by the alert “%(label)s”. Nothing is sent about this one meanwhile.")
    return said % {"label": RULES[rule].label}


def _enqueue(alert: Alert, change: AlertChange, now: datetime) -> None:
    before = alert.changes
    db.session.flush()
    if messages.enqueue(alert, change, now):
        alert.notified_at = now
    alert.changes = max(alert.changes, before + 1)  # reported, even if no channel wants it


def _find_open(rule: str, subject: str) -> Alert | None:
    """The open alert, locked: a person may acknowledge it meanwhile."""
    return db.session.scalar(
        select(Alert)
        .where(Alert.rule == rule, Alert.subject == subject, Alert.resolved_at.is_(None))
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _close_all(which: list[ColumnElement[bool]], text: str) -> None:
    wanted = select(Alert).where(*which, Alert.resolved_at.is_(None)).order_by(Alert.id)
    found = db.session.scalars(
        wanted.with_for_update().execution_options(populate_existing=True)
    ).all()
    if not found:
        return
    now = database.now(db.session)
    for alert in found:
        close(alert, now, text)


def _is_muted(rule: str, now: datetime) -> bool:
    return rules.is_muted(db.session.connection(), rule, now)
