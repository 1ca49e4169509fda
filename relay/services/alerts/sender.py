"""Sends the queued messages of the alert channels: one thread per channel, one message at a time.

A message is claimed for 60 seconds, sent outside any transaction, and its result is recorded.  If the
process stops in between, the claim ends and the message is sent again with the same key.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, current_app
from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.exc import SQLAlchemyError

from relay import database
from relay.database import READ_ONLY
from relay.i18n import N_
from relay.models import Alert, AlertChannel, AlertMessage, db
from relay.observability.logging import log
from relay.rules.states import AlertChange, AlertMessageState, Severity
from relay.services.alerts import channel_call, groups, results, rules
from relay.services.alerts.channel_call import ChannelAddress
from relay.services.alerts.messages import CHANNEL_FAILED, due_at, iso
from relay.services.alerts.results import ClaimedMessage

CLAIM = timedelta(seconds=60)  # twice the longest call
MOST_CHANNELS = 16  # threads at the same time
TURNED_OFF = N_("The channel was turned off before this was sent.")
MOST_STARTS = 6  # a message that stops the process each time is not started again
STOPPED = N_("Relay stopped each time while it sent this.")
MUTED = N_("The rule was muted before this was sent.")
MUTED_AGAIN = timedelta(minutes=1)  # until a message of a muted rule is due again
OUT_OF_DATE = N_("Nothing was to be reminded of any more.")


@dataclass
class BusyChannels:
    """The channels that a thread of this process sends through now."""

    ids: set[int] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, channel_id: int) -> bool:
        with self.lock:
            if channel_id in self.ids or len(self.ids) >= MOST_CHANNELS:
                return False
            self.ids.add(channel_id)
            return True

    def free(self, channel_id: int) -> None:
        with self.lock:
            self.ids.discard(channel_id)


def send_due(limit: int = 20, wait_s: float = 3.0, now: datetime | None = None) -> int:
    """Send what is due, each channel in a thread of its own.  -> how many messages were sent or given up

    At most ``limit`` messages per channel.  Returns when all are done, or after ``wait_s`` seconds: a
    slow channel then goes on in its thread, and the next call does not touch it.  ``now`` replaces the
    database's clock.  The caller must have no open transaction.
    """
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    busy: BusyChannels = app.extensions.setdefault("relay_busy_channels", BusyChannels())
    done: list[int] = []
    threads = []
    for channel_id in _channels_with_work(now):
        if busy.take(channel_id):
            arguments = (app, busy, channel_id, limit, now, done)
            thread = threading.Thread(
                target=_send, args=arguments, name=f"alert-channel-{channel_id}", daemon=True
            )
            thread.start()
            threads.append(thread)
    until = time.monotonic() + wait_s
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return len(done)


def _is_due(at: datetime) -> ColumnElement[bool]:
    return and_(
        AlertMessage.state == AlertMessageState.PENDING,
        AlertMessage.due_at <= at,
        or_(AlertMessage.claimed_until.is_(None), AlertMessage.claimed_until <= at),
    )


def _channels_with_work(now: datetime | None) -> list[int]:
    with db.engine.connect().execution_options(**READ_ONLY) as connection:
        at = now or database.now(connection)
        wanted = select(AlertMessage.channel_id).where(_is_due(at)).distinct()
        return list(connection.scalars(wanted.order_by(AlertMessage.channel_id)))


def _send(
    app: Flask,
    busy: BusyChannels,
    channel_id: int,
    limit: int,
    now: datetime | None,
    done: list[int],
) -> None:
    """Send through one channel until nothing is due, or it asks to wait."""
    try:
        with app.app_context():
            for _ in range(limit):
                claimed = claim(channel_id, now)
                if claimed is None:
                    return
                key, body = sent_as(claimed)
                result = channel_call.call(claimed.address, key, body, claimed.created_at)
                together = (claimed, *claimed.others)
                final = [one.id for one in together if results.store(one, result, now)]
                done.extend(final)
                if len(final) < len(together) and not result.ok:
                    return
    except SQLAlchemyError as exc:  # the claim ends, and the message is sent then
        log("alert.message_not_recorded", level="warning", error=type(exc).__name__)
    finally:
        busy.free(channel_id)


def sent_as(claimed: ClaimedMessage) -> tuple[str, Mapping[str, Any]]:
    """-> the key and the body of the call: those of one alert, or of a group"""
    if not claimed.others:
        return claimed.key, claimed.body
    together = (claimed, *claimed.others)
    key = groups.key_of_group(one.key for one in together)
    return key, groups.body_of_group([one.body for one in together])


def claim(channel_id: int, now: datetime | None = None) -> ClaimedMessage | None:
    """Claim the oldest message that may be sent through a channel now, in a transaction of its own.

    None if there is none, or if another process sends through the channel.
    """
    channel = db.session.scalar(
        select(AlertChannel)
        .where(AlertChannel.id == channel_id)
        .with_for_update(skip_locked=True, key_share=True)
        .execution_options(populate_existing=True)
    )
    found = None
    if channel is not None:
        at = now or database.now(db.session)
        if not _is_claimed(channel_id, at):
            found = _claim_next(channel, at)
    db.session.commit()
    return found


def _is_claimed(channel_id: int, at: datetime) -> bool:
    return bool(
        db.session.scalar(
            select(AlertMessage.id)
            .where(
                AlertMessage.channel_id == channel_id,
                AlertMessage.state == AlertMessageState.PENDING,
                AlertMessage.claimed_until > at,
            )
            .limit(1)
        )
    )


def _claim_next(channel: AlertChannel, at: datetime) -> ClaimedMessage | None:
    wanted = (
        select(AlertMessage)
        .where(AlertMessage.channel_id == channel.id, _is_due(at))
        .order_by(AlertMessage.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    while (message := db.session.scalar(wanted)) is not None:
        alert = db.session.get(Alert, message.alert_id) if message.alert_id else None
        if alert is not None:
            db.session.refresh(alert)
        muted_until = _muted_until(alert, at)
        if reason := _needless(message, channel, alert, at, is_muted=muted_until is not None):
            message.state, message.error = AlertMessageState.SKIPPED, reason
        elif (later := _not_before(channel, alert, at, muted_until)) > at:
            message.due_at = later
        else:
            assert alert is not None
            if (later := _after_others(message, channel, alert, at)) <= at:
                others = _others(message, channel, alert, at)
                if len(others) < groups.MOST_SINGLE:
                    return _claimed(message, channel, alert, at)
                return _claimed_together([(message, alert), *others], channel, at)
            message.due_at = later
        db.session.flush()
    return None


def _others(
    message: AlertMessage, channel: AlertChannel, alert: Alert, at: datetime
) -> list[tuple[AlertMessage, Alert]]:
    """What can be said in one message with this one: the same change of other alerts of the rule.

    Also what waits only for others to join it.
    """
    if channel.kind not in groups.KINDS or alert.rule == CHANNEL_FAILED or _is_over(message, alert):
        return []
    rows = db.session.execute(
        select(AlertMessage, Alert)
        .join(Alert, Alert.id == AlertMessage.alert_id)
        .where(
            AlertMessage.channel_id == channel.id,
            AlertMessage.id != message.id,
            AlertMessage.change == message.change,
            Alert.rule == alert.rule,
            AlertMessage.state == AlertMessageState.PENDING,
            or_(AlertMessage.due_at <= at, AlertMessage.attempts == 0),
            or_(AlertMessage.claimed_until.is_(None), AlertMessage.claimed_until <= at),
        )
        .order_by(AlertMessage.id)
        .limit(groups.MOST - 1)
        .with_for_update(skip_locked=True, of=AlertMessage)
        .execution_options(populate_existing=True)
    )
    return [
        (one, about)
        for one, about in rows
        if not _is_over(one, about)
        and not _needless(one, channel, about, at, is_muted=False)
        and _not_before(channel, about, at, None) <= at
    ]


def _is_over(message: AlertMessage, alert: Alert) -> bool:
    """Whether it reports the beginning of what is over by now: that is said in a message of its own."""
    return message.change != AlertChange.RESOLVED and alert.resolved_at is not None


def _after_others(
    message: AlertMessage, channel: AlertChannel, alert: Alert, at: datetime
) -> datetime:
    """When it may be sent: later, if the channel just got many of its rule, so that more can join it."""
    until = message.created_at + groups.EVERY
    if channel.kind not in groups.KINDS or message.attempts or until <= at:
        return at
    recent = (
        select(func.count(AlertMessage.alert_id.distinct()))
        .join(Alert, Alert.id == AlertMessage.alert_id)
        .where(
            AlertMessage.channel_id == channel.id,
            AlertMessage.change == message.change,
            AlertMessage.state == AlertMessageState.SENT,
            AlertMessage.sent_at > at - groups.RECENT,
            Alert.rule == alert.rule,
        )
    )
    return until if (db.session.scalar(recent) or 0) > groups.MOST_SINGLE else at


def _claimed_together(
    pairs: Sequence[tuple[AlertMessage, Alert]], channel: AlertChannel, at: datetime
) -> ClaimedMessage:
    claimed = [
        replace(_claimed(message, channel, alert, at), together=len(pairs))
        for message, alert in pairs
    ]
    return replace(claimed[0], others=tuple(claimed[1:]))


def _muted_until(alert: Alert | None, at: datetime) -> datetime | None:
    """Until when nothing may be sent because the rule is muted; None if it is not."""
    rule = rules.effective(db.session.connection(), at).get(alert.rule) if alert else None
    if rule is None or not rule.is_muted:
        return None
    return rule.muted_until or at + MUTED_AGAIN


def _needless(
    message: AlertMessage,
    channel: AlertChannel,
    alert: Alert | None,
    at: datetime,
    is_muted: bool,
) -> str:
    """Why the message need not be sent any more; empty if it must."""
    if not channel.enabled:
        return TURNED_OFF
    if alert is None:
        return OUT_OF_DATE
    if message.attempts >= MOST_STARTS:
        return STOPPED
    if is_muted and message.change == AlertChange.RESOLVED:
        return MUTED
    if message.change == AlertChange.REMINDER and (
        alert.resolved_at is not None or alert.acknowledged_at is not None or _is_snoozed(alert, at)
    ):
        return OUT_OF_DATE
    return ""


def _is_snoozed(alert: Alert, at: datetime) -> bool:
    return alert.snoozed_until is not None and alert.snoozed_until > at


def _not_before(
    channel: AlertChannel, alert: Alert | None, at: datetime, muted_until: datetime | None
) -> datetime:
    """When it may be sent: not in quiet hours, and not while the alert is snoozed or its rule muted."""
    assert alert is not None
    until = due_at(channel, Severity(alert.severity), at)
    if _is_snoozed(alert, at) and alert.resolved_at is None and alert.snoozed_until is not None:
        until = max(until, alert.snoozed_until)
    return max(until, muted_until) if muted_until is not None else until


def _claimed(
    message: AlertMessage, channel: AlertChannel, alert: Alert, at: datetime
) -> ClaimedMessage:
    if message.change == AlertChange.OPENED and not message.attempts:
        # It was resolved in the moment in which this was claimed: the message says that it is over.
        resolved: dict[str, Any] = {"resolved_at": iso(alert.resolved_at)}
        message.body = {**message.body, **resolved}
    message.attempts += 1
    message.claimed_until = at + CLAIM
    return ClaimedMessage(
        id=message.id,
        key=message.key,
        alert_id=alert.id,
        rule=alert.rule,
        number=message.number,
        change=AlertChange(message.change),
        body=message.body,
        attempts=message.attempts,
        claimed_until=message.claimed_until,
        created_at=message.created_at,
        address=ChannelAddress.of(channel),
    )
