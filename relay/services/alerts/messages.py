"""The messages about alerts: which channels get one, and the queue that ``sender`` sends from."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, update

from relay.i18n import N_
from relay.models import Alert, AlertChannel, AlertMessage, db
from relay.public_url import relay_url
from relay.rules import quiet
from relay.rules.alerts import REMIND_EVERY_S, RULES
from relay.rules.states import AlertChange, AlertMessageState, Severity
from relay.services.alerts import rules

CHANNEL_FAILED = "channel_failed"
MAX_SENTENCE, MAX_ADVICE = 1000, 2000  # characters
RESOLVED_FIRST = N_("The alert was resolved before this was sent.")


def enqueue(alert: Alert, change: AlertChange, now: datetime) -> int:
    """Queue a message about a change for each channel that wants it.  -> how many.

    A channel wants the severities from its own upwards and the rules that a person chose for it.  A
    resolved alert is reported to the channels that got a message about it, or are about to.  Nothing
    is sent about a rule that is muted or an alert that is snoozed.

    Joins the caller's transaction.  Raises nothing.
    """
    db.session.flush()
    if change is AlertChange.RESOLVED:
        _withdraw(alert, now)
    if _is_silent(alert, now):
        return 0
    channels = [one for one in ordered_channels() if subject_of(one.id) != alert.subject]
    if change is AlertChange.RESOLVED:
        reached = _reached(alert)
        chosen = [one for one in channels if one.id in reached]
    else:
        chosen = [one for one in channels if wants(one, alert)]
    if change is AlertChange.REMINDER:
        recent = _recent(alert, now)
        chosen = [one for one in chosen if one.id not in recent]
    if not chosen:
        return 0
    alert.changes, alert.notified_at = alert.changes + 1, now
    known = _known(alert)
    for channel in chosen:
        is_first = change is AlertChange.REMINDER and channel.id not in known
        said = AlertChange.OPENED if is_first else change
        add_message(channel, alert, alert.changes, said, body_of(alert, said), now)
    db.session.flush()
    return len(chosen)


def subject_of(channel_id: int) -> str:
    """The subject of an alert about a channel."""
    return f"channel:{channel_id}"


def ordered_channels() -> list[AlertChannel]:
    """The channels in use, in the order in which they take over from each other."""
    return list(
        db.session.scalars(
            select(AlertChannel)
            .where(AlertChannel.enabled)
            .order_by(AlertChannel.position, AlertChannel.id)
        )
    )


def wants(channel: AlertChannel, alert: Alert) -> bool:
    """Whether the channel's own settings select the alert."""
    is_severe = Severity(alert.severity).rank >= Severity(channel.severity).rank
    return is_severe and (not channel.rules or alert.rule in channel.rules)


def due_at(channel: AlertChannel, severity: Severity, now: datetime) -> datetime:
    """When a message may be sent: now, or after the channel's quiet hours unless it is critical."""
    if severity is Severity.CRITICAL:
        return now
    until = quiet.ends_at(now, channel.quiet_from, channel.quiet_until, channel.timezone)
    return until or now


def add_message(
    channel: AlertChannel,
    alert: Alert,
    number: int,
    change: AlertChange,
    body: dict[str, Any],
    now: datetime,
    fallback_from: int | None = None,
) -> AlertMessage:
    """Queue one message for one channel, within the caller's transaction."""
    message = AlertMessage(
        key=uuid.uuid4().hex,
        alert_id=alert.id,
        channel_id=channel.id,
        number=number,
        change=change,
        body=body,
        due_at=due_at(channel, Severity(alert.severity), now),
        fallback_from=fallback_from,
        created_at=now,
    )
    db.session.add(message)
    return message


def body_of(alert: Alert, change: AlertChange) -> dict[str, Any]:
    """What a webhook gets, and what the texts of the other kinds are written from.

    ``url`` is a path if Relay's own URL is not set.
    """
    return {
        "type": f"alert.{change}",
        "id": alert.id,
        "rule": alert.rule,
        "subject": alert.subject,
        "severity": Severity(alert.severity).value,
        "sentence": one_line(alert.sentence, MAX_SENTENCE),
        "advice": one_line(alert.advice, MAX_ADVICE),
        "url": f"{relay_url().rstrip('/')}/alerts/{alert.id}",
        "since": iso(alert.since or alert.opened_at),
        "count": alert.count,
        "opened_at": iso(alert.opened_at),
        "resolved_at": iso(alert.resolved_at),
    }


def iso(instant: datetime | None) -> str | None:
    """ISO 8601 in UTC."""
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z") if instant else None


def one_line(text: str, most: int) -> str:
    """A text in one line of printable characters, at most ``most`` of them."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def _is_silent(alert: Alert, now: datetime) -> bool:
    if alert.snoozed_until is not None and alert.snoozed_until > now:
        return True
    return rules.is_muted(db.session.connection(), alert.rule, now)


def _withdraw(alert: Alert, now: datetime) -> None:
    """Take back what waits about an alert that is resolved, unless it is being sent."""
    db.session.execute(
        update(AlertMessage)
        .where(
            AlertMessage.alert_id == alert.id,
            AlertMessage.state == AlertMessageState.PENDING,
            AlertMessage.change.in_((AlertChange.OPENED, AlertChange.REMINDER)),
            or_(AlertMessage.claimed_until.is_(None), AlertMessage.claimed_until <= now),
        )
        .values(state=AlertMessageState.SKIPPED, error=RESOLVED_FIRST)
        .execution_options(synchronize_session=False)
    )


def _reached(alert: Alert) -> set[int]:
    """The channels that hear of the end: those that got a message about the alert, that are about to
    send one, or that could not send one yet.

    One in its quiet hours did not hear of the beginning, so it does not hear of the end.
    """
    rows = db.session.execute(
        select(
            AlertMessage.channel_id,
            AlertMessage.state,
            AlertMessage.attempts,
            AlertMessage.due_at,
            AlertMessage.created_at,
            AlertMessage.error,
        ).where(AlertMessage.alert_id == alert.id)
    )
    heard: Iterable[int] = (
        row.channel_id
        for row in rows
        if row.state in (AlertMessageState.SENT, AlertMessageState.PENDING)
        or (row.error == RESOLVED_FIRST and (row.attempts > 0 or row.due_at <= row.created_at))
    )
    return set(heard)


def _known(alert: Alert) -> set[int]:
    """The channels that have a message about the alert, whatever happened to it."""
    return set(
        db.session.scalars(select(AlertMessage.channel_id).where(AlertMessage.alert_id == alert.id))
    )


def _recent(alert: Alert, now: datetime) -> set[int]:
    """The channels that need no reminder: they still have a message about the alert to send, or got
    one lately and the rule limits how often it reports.
    """
    is_recent: ColumnElement[bool] = AlertMessage.state == AlertMessageState.PENDING
    rule = RULES.get(alert.rule)
    if rule is not None and rule.remind_every_s < REMIND_EVERY_S:
        since = now - timedelta(seconds=rule.remind_every_s)
        is_sent = and_(
            AlertMessage.state == AlertMessageState.SENT, AlertMessage.created_at > since
        )
        is_recent = or_(is_recent, is_sent)
    return set(
        db.session.scalars(
            select(AlertMessage.channel_id).where(AlertMessage.alert_id == alert.id, is_recent)
        )
    )
