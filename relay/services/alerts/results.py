"""What follows from sending a message of an alert: sent, tried again, or passed to the next channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from relay import database
from relay.i18n import N_, _
from relay.models import Alert, AlertChannel, AlertEntry, AlertMessage, db
from relay.observability.logging import log
from relay.observability.metrics import alert_messages
from relay.rules.lifecycle import Failed, Held
from relay.rules.states import AlertChange, AlertMessageState
from relay.services.alerts import state
from relay.services.alerts.channel_call import ChannelAddress, ChannelResult
from relay.services.alerts.messages import (
    CHANNEL_FAILED,
    add_message,
    ordered_channels,
    subject_of,
)

WAITS_S = (10.0, 30.0)  # after the first and the second try; the third is the last
LONGEST_WAIT_S = 60.0  # a service that asks for more counts as failed
LONGEST_HOLD = timedelta(minutes=10)  # for which a service may ask to wait without using up a try
PATH = "/alerts/channels"
# What the timeline says: of one alert, and of one of several in a message.
SENT = (
    N_("To %(name)s."),
    N_("To %(name)s, in one message about %(count)s alerts."),
)
SENT_CHANGES = {
    AlertChange.REMINDER: (
        N_("To %(name)s, a reminder."),
        N_("To %(name)s, a reminder, in one message about %(count)s alerts."),
    ),
    AlertChange.RESOLVED: (
        N_("To %(name)s, that it is resolved."),
        N_("To %(name)s, that it is resolved, in one message about %(count)s alerts."),
    ),
}


@dataclass(frozen=True)
class ClaimedMessage:
    """A message that this process sends, and how to reach its channel.

    ``others`` are sent with it, in one message about all.  ``together`` is how many that are.
    """

    id: int
    key: str
    alert_id: int
    rule: str
    number: int
    change: AlertChange
    body: Mapping[str, Any]
    attempts: int
    claimed_until: datetime
    created_at: datetime
    address: ChannelAddress
    together: int = 1
    others: tuple[ClaimedMessage, ...] = ()


def store(claimed: ClaimedMessage, result: ChannelResult, now: datetime | None = None) -> bool:
    """Record the result of one call.  -> whether the message is sent or given up

    A result that arrives after the claim ended counts only if it is a success.
    """
    at = now or database.now(db.session)
    db.session.rollback()
    log(
        "alert.message",
        level="info" if result.ok else "warning",
        channel=claimed.address.name,
        kind=claimed.address.kind,
        change=claimed.change.value,
        rule=claimed.rule,
        ok=result.ok,
        attempt=claimed.attempts,
    )
    is_last = result.ok or _is_known_to_fail(claimed.address.id)
    wait_s = None if is_last else _wait(claimed, result, at)
    outcome = "sent" if result.ok else "failed" if wait_s is None else "retried"
    alert_messages.labels(claimed.address.kind, outcome).inc()
    if result.ok:
        _store_sent(claimed, at)
        mark_good(claimed.address.id, at)
        return True
    if wait_s is not None:
        _store_retry(claimed, result, at + timedelta(seconds=wait_s))
        return False
    # First the alert about the channel: if the process stops between the two, it is tried again.
    _mark_failed(claimed, result, at)
    _store_failed(claimed, result, at)
    return True


def _is_known_to_fail(channel_id: int) -> bool:
    """Whether the channel failed before and another one can take over: then one try is enough, so
    that the message is not late.
    """
    failed_at = db.session.scalar(
        select(AlertChannel.failed_at).where(AlertChannel.id == channel_id)
    )
    others = select(AlertChannel.id).where(AlertChannel.enabled, AlertChannel.id != channel_id)
    found = failed_at is not None and db.session.scalar(others.limit(1)) is not None
    db.session.rollback()
    return found


def _wait(claimed: ClaimedMessage, result: ChannelResult, at: datetime) -> float | None:
    """Seconds until the next try; None if there is none."""
    if claimed.rule == CHANNEL_FAILED:
        return None
    signal = result.signal
    if isinstance(signal, Held):
        is_short = signal.wait_s <= LONGEST_WAIT_S and at - claimed.created_at < LONGEST_HOLD
        return max(1.0, signal.wait_s) if is_short else None
    if not isinstance(signal, Failed) or claimed.attempts > len(WAITS_S):
        return None
    wait_s = max(WAITS_S[claimed.attempts - 1], signal.retry_after_s or 0.0)
    return wait_s if wait_s <= LONGEST_WAIT_S else None


def _locked(claimed: ClaimedMessage) -> AlertMessage | None:
    """The row of the message, locked after its alert, as the code that resolves alerts does."""
    db.session.scalar(select(Alert.id).where(Alert.id == claimed.alert_id).with_for_update())
    return db.session.scalar(
        select(AlertMessage)
        .where(AlertMessage.id == claimed.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _locked_channel(channel_id: int) -> AlertChannel | None:
    """Locked against other changes, but not against new messages for it: otherwise two channels that
    fail at the same moment and take over from each other wait for each other without end.
    """
    return db.session.get(
        AlertChannel, channel_id, with_for_update={"key_share": True}, populate_existing=True
    )


def _is_ours(message: AlertMessage | None, claimed: ClaimedMessage) -> bool:
    return (
        message is not None
        and message.state == AlertMessageState.PENDING
        and message.claimed_until == claimed.claimed_until
    )


def _store_sent(claimed: ClaimedMessage, at: datetime) -> None:
    message = _locked(claimed)
    if message is not None and message.state != AlertMessageState.SENT:
        message.state, message.sent_at = AlertMessageState.SENT, at
        message.claimed_until, message.error = None, ""
        one, several = SENT_CHANGES.get(claimed.change, SENT)
        said = {"name": claimed.address.name, "count": claimed.together}
        text = (several if claimed.together > 1 else one) % said
        add_entry(claimed.alert_id, "sent", text, at)
    db.session.commit()


def _store_retry(claimed: ClaimedMessage, result: ChannelResult, due_at: datetime) -> None:
    message = _locked(claimed)
    if message is not None and _is_ours(message, claimed):
        message.due_at, message.claimed_until = due_at, None
        message.error = result.sentence
        if isinstance(result.signal, Held):
            message.attempts -= 1
    db.session.commit()


def _store_failed(claimed: ClaimedMessage, result: ChannelResult, at: datetime) -> None:
    """Give the message up, and let the next channel take over."""
    message = _locked(claimed)
    if message is not None and _is_ours(message, claimed):
        message.state, message.claimed_until = AlertMessageState.FAILED, None
        message.error = result.sentence
        text = _("%(name)s failed: %(why)s", name=claimed.address.name, why=result.sentence)
        if claimed.rule != CHANNEL_FAILED:
            taker = _fall_back(claimed, at)
            then = (
                N_("%(name)s takes over.") % {"name": taker}
                if taker
                else N_("There is no other channel.")
            )
            text = f"{text} {then}"
        add_entry(claimed.alert_id, "failed", text, at)
    db.session.commit()


def _fall_back(claimed: ClaimedMessage, at: datetime) -> str:
    """Queue the same message for the next channel in order that has none.  -> its name

    What the channel selects does not matter: a message that no one gets is worse.
    """
    alert = db.session.get(Alert, claimed.alert_id)
    if alert is None:
        return ""
    has_one = set(
        db.session.scalars(
            select(AlertMessage.channel_id).where(
                AlertMessage.alert_id == claimed.alert_id, AlertMessage.number == claimed.number
            )
        )
    )
    channels = ordered_channels()
    failed = next((n for n, one in enumerate(channels) if one.id == claimed.address.id), -1)
    for channel in (*channels[failed + 1 :], *channels[: failed + 1]):
        if channel.id not in has_one:
            add_message(
                *(channel, alert, claimed.number, claimed.change, dict(claimed.body), at),
                fallback_from=claimed.address.id,
            )
            return channel.name
    return ""


def _mark_failed(claimed: ClaimedMessage, result: ChannelResult, at: datetime) -> None:
    """Show the failure at the channel and as an alert.

    A failed message about a failed channel raises none: otherwise two broken channels would report each
    other without end.
    """
    address = claimed.address
    channel = _locked_channel(address.id)
    if channel is not None:
        channel.failed_at, channel.last_error = at, result.sentence
        if claimed.rule != CHANNEL_FAILED:
            state.raise_alert(
                CHANNEL_FAILED,
                subject_of(address.id),
                _("Alerts do not reach %(name)s: %(why)s", name=address.name, why=result.sentence),
                _(
                    "Open the channel, fix its settings and send a test. Until then, the next channel in order "
                    "gets its messages."
                ),
                PATH,
            )
    db.session.commit()


def mark_good(channel_id: int, at: datetime) -> None:
    """The channel works: note when, and resolve the alert about it.  Commits."""
    channel = _locked_channel(channel_id)
    if channel is not None:
        was_failing = channel.failed_at is not None
        channel.last_sent_at, channel.failed_at, channel.last_error = at, None, ""
        if was_failing:
            state.resolve(CHANNEL_FAILED, subject_of(channel_id))
    db.session.commit()


def add_entry(alert_id: int, action: str, text: str, at: datetime) -> None:
    """A line in the alert's timeline, within the caller's transaction."""
    db.session.add(AlertEntry(alert_id=alert_id, action=action, text=text, at=at))
