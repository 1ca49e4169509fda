"""Alerts and channels, with real servers at the other end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from relay.models import Alert, AlertChannel, AlertMessage, db
from relay.rules.states import AlertChange, Severity
from relay.services.alerts import channels, messages, sender
from relay.services.alerts.channels import ChannelChoice
from relay.services.audit import COMMAND_LINE
from tests.support.fake_ntfy import FakeNtfy
from tests.support.fake_slack import FakeSlack
from tests.support.mail import MailServer
from tests.support.sink import Sink

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
PATIENT_S = 60.0  # for which a test waits for all channels


@pytest.fixture
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


@pytest.fixture
def mail() -> Iterator[MailServer]:
    server = MailServer(login=False)
    yield server
    server.close()


@pytest.fixture
def ntfy() -> Iterator[FakeNtfy]:
    server = FakeNtfy()
    yield server
    server.close()


@pytest.fixture
def eager_slack() -> Iterator[FakeSlack]:
    """A Slack without its limit of one message per second."""
    server = FakeSlack(every_s=0)
    yield server
    server.close()


def slack_channel(slack: FakeSlack, **choice: Any) -> AlertChannel:
    values = {"webhook_url": slack.webhook_url}
    return make("slack", "Team", values, **choice)


def mail_channel(mail: MailServer, **choice: Any) -> AlertChannel:
    values = {
        "to": "owner@example.com",
        "sender": "relay@example.com",
        "host": "127.0.0.1",
        "port": str(mail.port),
        "security": "none",
    }
    return make("email", "Owner", values, **choice)


def hook_channel(sink: Sink, name: str = "Hook", **choice: Any) -> AlertChannel:
    values = {"url": f"{sink.url}/{name}", "auth": "none"}
    return make("webhook", name, values, **choice)


def make(kind: str, name: str, values: dict[str, str], **choice: Any) -> AlertChannel:
    return channels.create_channel(
        kind, name, values, ChannelChoice(**choice), COMMAND_LINE
    ).channel


def make_alert(rule: str = "destination_paused", at: datetime = NOON, **columns: Any) -> Alert:
    values: dict[str, Any] = {
        "subject": "destination:1",
        "severity": Severity.WARNING,
        "sentence": "Nothing is sent to Team channel.",
        "advice": "Enter the webhook URL again.",
        "since": at,
        "opened_at": at,
        **columns,
    }
    alert = Alert(rule=rule, **values)
    db.session.add(alert)
    db.session.commit()
    return alert


def open_alert(at: datetime = NOON, **columns: Any) -> Alert:
    """A new alert with its messages queued."""
    alert = make_alert(at=at, **columns)
    change(alert, AlertChange.OPENED, at)
    return alert


def change(alert: Alert, what: AlertChange, at: datetime = NOON) -> int:
    if what is AlertChange.RESOLVED:
        alert.resolved_at = at
    count = messages.enqueue(alert, what, at)
    db.session.commit()
    return count


def send(now: datetime = NOON, limit: int = 20) -> int:
    """Send what is due at ``now``, and wait for every channel."""
    db.session.rollback()
    return sender.send_due(limit, wait_s=PATIENT_S, now=now)


def after(seconds: float, at: datetime = NOON) -> datetime:
    return at + timedelta(seconds=seconds)


def states(alert: Alert) -> list[tuple[str, str, str]]:
    """(channel, change, state) of the messages of an alert, in the order in which they were queued."""
    db.session.rollback()
    rows = db.session.query(AlertMessage).filter_by(alert_id=alert.id).order_by(AlertMessage.id)
    return [(row.channel.name, row.change.value, row.state.value) for row in rows]


def channel_alerts(is_open: bool = True) -> list[str]:
    """The subjects of the alerts about failed channels."""
    db.session.rollback()
    rows = db.session.query(Alert).filter_by(rule="channel_failed")
    return [row.subject for row in rows if (row.resolved_at is None) is is_open]
