"""The message about the database: from one process, once, and resolved once.

The clock is given, so that hours pass at once; the broker, the channels' receiver and the database
are real.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from relay.launcher.valkey import Valkey
from relay.models import Alert, AlertChannel, AlertMessage, AlertRuleSetting, db
from relay.rules.states import AlertMessageState
from relay.services.alerts import outage
from relay.services.alerts.outage import FAILING_KEY, RECORD_KEY, DatabaseOutage
from tests.support.sink import Sink

BEGAN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DOWN = "The database does not answer."
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Processes:
    """Processes of one host that share a broker, and a clock."""

    def __init__(self, app: Flask, data_dir: Path, sink: Sink):
        self.app, self.data_dir, self.sink = app, data_dir, sink
        self.broker = app.extensions["relay_broker"].broker.client
        self.now, self.all = BEGAN, list[DatabaseOutage]()

    def start(self, role: str, folder: Path | None = None) -> DatabaseOutage:
        one = DatabaseOutage(
            self.broker,
            folder or self.data_dir,
            role,
            "https://relay.example.com",
            outage.send_directly,
        )
        one.channels = outage.snapshot_channels()
        self.all.append(one)
        return one

    def end(self, one: DatabaseOutage) -> None:
        """What the end of a process does."""
        one._unlock()
        self.all.remove(one)

    def run(self, seconds: float, reason: str | None) -> None:
        """Check every 5 seconds in each process; the first one has the lease."""
        until = self.now + timedelta(seconds=seconds)
        while self.now < until:
            for number, one in enumerate(self.all):
                one.observe(reason, self.now, may_settle=number == 0)
            self.now += timedelta(seconds=5)

    def forget_failing(self) -> None:
        """What the broker's own clock does in a minute."""
        self.broker.delete(FAILING_KEY)

    def types(self) -> list[str]:
        return [seen.json()["type"] for seen in self.sink.requests]


def channel(sink: Sink, name: str = "Hook", **values: Any) -> AlertChannel:
    values = {"config": {"url": f"{sink.url}/{name.lower()}"}} | values
    one = AlertChannel(kind="webhook", name=name, **values)
    db.session.add(one)
    db.session.commit()
    return one


@pytest.fixture
def processes(app: Flask, valkey: Valkey, data_dir: Path, sink: Sink) -> Iterator[Processes]:
    with app.app_context():
        channel(sink)
        found = Processes(app, data_dir, sink)
        yield found
        for one in found.all:
            one._unlock()
        db.session.remove()


def test_one_of_all_processes_sends_once_and_the_outage_is_stored_once(
    processes: Processes,
) -> None:
    for role in ("scheduler", "worker", "web", "web"):
        processes.start(role)
    processes.run(30, DOWN)
    assert processes.types() == []
    processes.run(600, DOWN)
    assert processes.types() == ["alert.opened"]
    body = processes.sink.requests[0].json()
    assert (body["rule"], body["subject"], body["severity"]) == (
        *("database_unavailable", "", "critical"),
    )
    assert DOWN in body["sentence"] and body["since"] == "2026-03-01T12:00:00Z"
    processes.forget_failing()
    processes.run(55, None)
    assert db.session.scalars(select(Alert)).all() == []
    processes.run(60, None)
    alert = db.session.scalars(select(Alert)).one()
    assert (alert.rule, alert.since, alert.changes >= 1) == ("database_unavailable", BEGAN, True)
    assert alert.opened_at == BEGAN + timedelta(seconds=30) and alert.resolved_at is not None
    assert [entry.action for entry in alert.entries][:3] == ["opened", "sent", "resolved"]
    sent = db.session.scalars(select(AlertMessage).where(AlertMessage.number == 1)).all()
    assert [(one.state, one.sent_at) for one in sent] == [(AlertMessageState.SENT, alert.opened_at)]


@SQLITE
def test_a_short_failure_sends_nothing(processes: Processes) -> None:
    processes.start("scheduler")
    for _ in range(5):
        processes.run(25, DOWN)
        processes.run(65, None)
    assert processes.types() == []


@SQLITE
def test_a_failure_soon_after_another_sends_nothing(processes: Processes) -> None:
    processes.start("scheduler")
    processes.start("web")
    processes.run(60, DOWN)
    processes.forget_failing()
    processes.run(120, None)
    processes.run(300, DOWN)
    assert processes.types() == ["alert.opened"]
    processes.forget_failing()
    processes.run(120, None)
    assert len(db.session.scalars(select(Alert)).all()) == 1
    processes.broker.delete(RECORD_KEY)  # it expires after ten minutes
    processes.run(300, None)
    processes.run(60, DOWN)
    assert processes.types() == ["alert.opened", "alert.opened"]


@SQLITE
def test_a_failure_within_the_minute_after_it_is_the_same_outage(processes: Processes) -> None:
    processes.start("scheduler")
    for _ in range(5):
        processes.run(60, DOWN)
        processes.run(40, None)
    assert processes.types() == ["alert.opened"]
    assert db.session.scalars(select(Alert)).all() == []


@SQLITE
@pytest.mark.parametrize("first", ["web", "scheduler"])
def test_without_a_broker_the_scheduler_sends(
    processes: Processes, valkey: Valkey, first: str
) -> None:
    second = "scheduler" if first == "web" else "web"
    one = {role: processes.start(role) for role in (first, second)}
    valkey.stop()
    processes.run(300, DOWN)
    assert processes.types() == ["alert.opened"]
    assert one["scheduler"].record is not None and one["web"].record is None
    processes.run(120, None)
    assert len(db.session.scalars(select(Alert)).all()) == 1
    processes.run(300, DOWN)
    assert processes.types() == ["alert.opened"], "soon after another"


@SQLITE
def test_without_a_broker_and_scheduler_another_process_sends(
    processes: Processes, valkey: Valkey
) -> None:
    processes.start("web")
    processes.start("worker")
    valkey.stop()
    processes.run(85, DOWN)
    assert processes.types() == []
    processes.run(300, DOWN)
    assert processes.types() == ["alert.opened"]


@SQLITE
def test_a_broker_that_returns_first_does_not_repeat_the_message(
    processes: Processes, valkey: Valkey, tmp_path: Path
) -> None:
    processes.start("scheduler")
    (tmp_path / "other").mkdir()
    valkey.stop()
    processes.run(60, DOWN)
    valkey.start()
    processes.run(10, DOWN)
    processes.start("worker", tmp_path / "other")  # on another host
    processes.run(300, DOWN)
    assert processes.types() == ["alert.opened"]


@SQLITE
def test_on_several_hosts_one_sends(processes: Processes, tmp_path: Path) -> None:
    for role in ("scheduler", "worker", "web"):
        (tmp_path / role).mkdir()
        processes.start(role, tmp_path / role)
    processes.run(300, DOWN)
    assert processes.types() == ["alert.opened"]


@SQLITE
def test_the_outage_is_stored_if_the_sender_ended(processes: Processes) -> None:
    sender = processes.start("scheduler")
    processes.run(60, DOWN)
    processes.start("worker")
    processes.end(sender)
    processes.run(60, DOWN)
    assert processes.types() == ["alert.opened"]
    processes.forget_failing()
    processes.run(120, None)
    alert = db.session.scalars(select(Alert)).one()
    assert alert.since == BEGAN and alert.resolved_at is not None


@SQLITE
def test_another_process_that_still_fails_keeps_it_open(processes: Processes) -> None:
    sender = processes.start("scheduler")
    processes.run(60, DOWN)
    processes.broker.set(FAILING_KEY, 1)
    processes.run(300, None)
    assert db.session.scalars(select(Alert)).all() == [] and sender.record is not None


@SQLITE
def test_a_long_outage_is_repeated_after_four_hours(processes: Processes) -> None:
    processes.start("scheduler")
    processes.start("web")
    processes.run(9 * 3600, DOWN)
    assert processes.types() == ["alert.opened", "alert.reminder", "alert.reminder"]
    assert processes.sink.requests[2].json()["since"] == "2026-03-01T12:00:00Z"


@SQLITE
def test_another_channel_takes_over(processes: Processes, sink: Sink) -> None:
    sink.answer(500, path="/hook")
    channel(sink, "Reserve", rules=["canary"], position=2)
    channel(sink, "Off", enabled=False)
    processes.start("scheduler")
    processes.run(120, DOWN)
    assert [seen.path for seen in sink.requests] == ["/hook", "/reserve"]


@SQLITE
def test_each_channel_that_wants_it_gets_it(processes: Processes, sink: Sink) -> None:
    channel(sink, "Two", severity="critical", position=1)
    channel(sink, "Other", rules=["canary"], position=2)
    processes.start("scheduler")
    processes.run(120, DOWN)
    assert [seen.path for seen in sink.requests] == ["/hook", "/two"]


@SQLITE
def test_if_no_channel_works_it_is_tried_again(processes: Processes, sink: Sink) -> None:
    sink.answer(500)
    processes.start("scheduler")
    processes.start("web")
    processes.run(80, DOWN)
    failed = len(sink.requests)
    assert failed in (1, 2)
    sink.answer(200)
    processes.run(300, DOWN)
    assert len(sink.requests) == failed + 1


@SQLITE
@pytest.mark.parametrize("until", [None, "later"])
def test_nothing_is_sent_while_the_rule_is_muted(processes: Processes, until: str | None) -> None:
    ends = datetime.now(UTC) + timedelta(hours=1) if until else None
    db.session.add(AlertRuleSetting(rule="database_unavailable", muted=True, muted_until=ends))
    db.session.commit()
    processes.start("scheduler")
    processes.run(120, DOWN)
    assert processes.types() == []


def test_an_outage_is_stored_only_once(processes: Processes) -> None:
    record = outage.OutageRecord(
        BEGAN.isoformat(), (BEGAN + timedelta(seconds=30)).isoformat(), "It is down.", []
    )
    assert outage.store(record) is True
    assert outage.store(outage.OutageRecord(**json.loads(json.dumps(vars(record))))) is False
    assert len(db.session.scalars(select(Alert)).all()) == 1
