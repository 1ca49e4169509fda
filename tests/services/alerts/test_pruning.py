"""Old counts, test runs, alerts and their messages are deleted; newer and open ones stay."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from relay import database
from relay.models import (
    Alert,
    AlertChannel,
    AlertEntry,
    AlertMessage,
    CanaryRun,
    DeliveryMinute,
    EventHour,
    db,
)
from relay.rules.states import AlertChange, AlertMessageState
from relay.services.audit import COMMAND_LINE
from relay.services.destinations import settings as destination_settings
from relay.services.operations import retention
from tests.services.alerts.sites import add_hours, site

DAY = timedelta(days=1)


def count(table: type) -> int:
    found = db.session.scalar(select(func.count()).select_from(table))
    assert found is not None
    return found


def alert(opened_at: datetime, resolved_at: datetime | None) -> Alert:
    found = Alert(
        rule="silent_site",
        subject=f"site:shop:{opened_at}",
        sentence="It is silent.",
        advice="Test it.",
        opened_at=opened_at,
        resolved_at=resolved_at,
        entries=[AlertEntry(action="opened")],
    )
    db.session.add(found)
    db.session.flush()
    return found


@pytest.mark.parametrize(
    ("table", "kept"), [(EventHour, 63 * DAY), (DeliveryMinute, 8 * DAY), (CanaryRun, 2 * DAY)]
)
def test_counts_and_test_runs(app: Flask, table: type, kept: timedelta) -> None:
    with app.app_context():
        now = database.now(db.session)
        source, _ = site()
        inbox = destination_settings.create_destination("inbox", "Inbox", {}, COMMAND_LINE)
        source_id, inbox_id = source.id, inbox.id
        minute = timedelta(minutes=1)
        times = [now - kept - 5 * DAY, now - kept - minute, now - kept + 5 * minute, now]
        if table is EventHour:
            add_hours(source, times)
        elif table is DeliveryMinute:
            db.session.add_all(DeliveryMinute(destination_id=inbox_id, minute=at) for at in times)
        else:
            db.session.add_all(
                CanaryRun(source_id=source_id, event_id=str(at), sent_at=at) for at in times
            )
        db.session.commit()
        retention.prune(COMMAND_LINE)
        assert count(table) == 2
        db.session.remove()


def test_alerts_a_year_after_they_were_resolved(app: Flask) -> None:
    with app.app_context():
        now = database.now(db.session)
        old = now - 800 * DAY
        channel = AlertChannel(kind="ntfy", name="Phone", config={})
        db.session.add(channel)
        gone, kept = alert(old, now - 366 * DAY), alert(old - DAY, now - 364 * DAY)
        still_open = alert(old - 2 * DAY, None)
        db.session.flush()
        for one in (gone, kept, still_open):
            db.session.add(
                AlertMessage(
                    key=str(one.id),
                    alert_id=one.id,
                    channel_id=channel.id,
                    change=AlertChange.OPENED,
                    body={},
                )
            )
        db.session.commit()
        wanted = {kept.id, still_open.id}
        retention.prune(COMMAND_LINE)
        assert set(db.session.scalars(select(Alert.id))) == wanted
        assert set(db.session.scalars(select(AlertEntry.alert_id))) == wanted
        assert set(db.session.scalars(select(AlertMessage.alert_id))) == wanted
        db.session.remove()


def test_messages_ninety_days_after_they_were_sent(app: Flask) -> None:
    with app.app_context():
        now = database.now(db.session)
        channel = AlertChannel(kind="ntfy", name="Phone", config={})
        one = alert(now - 100 * DAY, None)
        db.session.add(channel)
        db.session.flush()
        old, new = now - 91 * DAY, now - 89 * DAY
        sent, failed, pending = (
            AlertMessageState.SENT,
            AlertMessageState.FAILED,
            AlertMessageState.PENDING,
        )
        for number, (state, created_at, sent_at) in enumerate(
            [
                (sent, old, old),
                (sent, old, new),
                (failed, old, None),
                (failed, new, None),
                (pending, old, None),
            ]
        ):
            db.session.add(
                AlertMessage(
                    key=str(number),
                    number=number,
                    alert_id=one.id,
                    channel_id=channel.id,
                    change=AlertChange.OPENED,
                    body={},
                    state=state,
                    created_at=created_at,
                    sent_at=sent_at,
                )
            )
        db.session.commit()
        retention.prune(COMMAND_LINE)
        assert sorted(db.session.scalars(select(AlertMessage.number))) == [1, 3, 4]
        db.session.remove()
