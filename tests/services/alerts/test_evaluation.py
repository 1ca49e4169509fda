"""The alert rules against rows, on a clock that the test turns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.event import listen, remove

from relay.delivery import gate
from relay.models import (
    Alert,
    AlertChannel,
    AlertEvaluation,
    AlertMessage,
    AlertRuleSetting,
    AuditEntry,
    DeadLetter,
    Destination,
    db,
)
from relay.rules.alerts import Reading, ReadingLevel
from relay.rules.circuit import CircuitState
from relay.rules.states import DeadLetterState, DestinationState, Resolution, Severity
from relay.services.alerts import actions, evaluation
from relay.services.alerts import state as alert_state
from relay.services.alerts.readings import Context
from relay.services.audit import By
from relay.services.destinations import removal
from relay.services.destinations import settings as destination_settings
from tests.services.alerts.problems import (
    Shop,
    alerts,
    names,
    pretend_sent,
    reported,
    seen,
    timeline,
)

JANE = By("jane@example.com")
MINUTE, HOUR = 60.0, 3600.0


@pytest.fixture
def shop(app: Flask) -> Iterator[Shop]:
    with app.app_context():
        yield Shop("Hook", "Team channel")
        db.session.remove()


def change_destination(shop: Shop, number: int = 0, **columns: Any) -> None:
    db.session.execute(
        update(Destination).where(Destination.id == shop.ids[number]).values(columns)
    )
    db.session.commit()


def resolve_failed() -> None:
    db.session.execute(
        update(DeadLetter).values(state=DeadLetterState.RESOLVED, resolution=Resolution.DISCARDED)
    )
    db.session.commit()


def mute(rule: str) -> None:
    db.session.merge(AlertRuleSetting(rule=rule, muted=True))
    db.session.commit()


def messages() -> list[str]:
    """The rule, the change and the channel of each message, in the order of the queue."""
    db.session.rollback()
    rows = db.session.execute(
        select(Alert.rule, AlertMessage.change, AlertChannel.name)
        .join(AlertMessage, AlertMessage.alert_id == Alert.id)
        .join(AlertChannel, AlertChannel.id == AlertMessage.channel_id)
        .order_by(AlertMessage.id)
    )
    return [f"{rule} {change} {name}" for rule, change, name in rows]


# ---- the failure rate ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("delivered", "failed", "opens"),
    [
        (97, 3, True),
        (98, 2, False),
        (0, 1, False),
        (9, 1, False),
        (0, 0, False),
        (0, 3, True),  # few deliveries: three of three events
        (0, 2, False),
    ],
)
def test_failures_of_five_minutes(shop: Shop, delivered: int, failed: int, opens: bool) -> None:
    shop.count(delivered, 0)
    shop.fail(failed)
    shop.wait(MINUTE)
    assert [alert.subject for alert in alerts("failure_rate")] == [shop.subject()] * opens
    assert [alert.changes for alert in alerts("failure_rate")] == [1] * opens


def test_it_fires_within_a_minute_with_one_message(shop: Shop) -> None:
    shop.count(97, 0)
    shop.fail(3)
    assert shop.wait(30) == 0
    shop.wait(15)
    [alert] = alerts("failure_rate")
    assert (alert.severity, alert.count) == (Severity.CRITICAL, 3)
    assert alert.sentence == (
        "3 of 100 deliveries to Hook failed in the last 5 minutes (3.0 %), and 3.0 % in the last "
        "hour. The threshold is 2 %."
    )
    assert alert.path == f"/dead-letters?destination={shop.ids[0]}"
    assert alert.since == shop.now - timedelta(seconds=45)
    assert reported() == {"failure_rate": 1}


def test_one_event_that_fails_at_three_subscriptions_is_one_event(shop: Shop) -> None:
    shop.fail(1)
    shop.count(0, 2)
    shop.wait(MINUTE)
    assert alerts("failure_rate") == []


def test_a_burst_within_much_traffic_opens_nothing(shop: Shop) -> None:
    for minute in range(1, 60):
        shop.count(166, 0, at=shop.now - timedelta(minutes=minute))
    shop.fail(5)
    shop.count(30, 0)
    shop.wait(20 * MINUTE)
    assert [alert.sentence for alert in alerts("failure_rate", is_open=False)] == []


def test_a_rate_that_goes_up_and_down_opens_one_alert_and_resolves_none(shop: Shop) -> None:
    for cycle in range(20):
        shop.count(*((195, 5) if cycle % 2 == 0 else (197, 3)))
        shop.wait(MINUTE)
    [alert] = alerts("failure_rate", is_open=False)
    assert alert.resolved_at is None
    assert alert.changes == 1


def test_it_resolves_after_ten_minutes_below_half_of_the_threshold(shop: Shop) -> None:
    shop.count(90, 0)
    shop.fail(10)
    shop.wait(MINUTE)
    pretend_sent(shop.now)
    resolve_failed()
    failed_until = shop.now
    while alerts("failure_rate") and shop.now < failed_until + timedelta(hours=1):
        shop.count(100, 0)
        shop.wait(MINUTE)
    waited = (shop.now - failed_until).total_seconds()
    assert 13 * MINUTE <= waited <= 17 * MINUTE
    [alert] = alerts("failure_rate", is_open=False)
    assert alert.changes == 2  # opened and resolved
    assert timeline(alert) == ["opened", "resolved"]


def test_many_small_failures_are_reported_for_all_destinations_together(shop: Shop) -> None:
    for number in (0, 1):
        shop.count(98, 0, number)
        shop.fail(2, number)
    shop.wait(MINUTE)
    assert alerts("failure_rate_overall") == []
    shop.fail(1, 0, shop.now)
    shop.count(48, 0, 0)  # 3 of 149 there, 2 of 100 here
    shop.fail(0, 1)
    shop.wait(MINUTE)
    # 5 of 249 is over 2 % of all, 3 of 149 over 2 % of the first: that one covers the other
    [overall] = alerts("failure_rate_overall")
    assert (overall.covered_by, overall.changes) == ("failure_rate", 0)


def test_all_destinations_together_without_a_single_one(shop: Shop) -> None:
    shop.fail(2, 0)
    shop.fail(1, 1)
    shop.wait(MINUTE)
    assert alerts("failure_rate") == []
    [overall] = alerts("failure_rate_overall")
    assert (overall.subject, overall.covered_by, overall.changes) == ("", "", 1)
    assert overall.sentence.startswith(
        "3 of 3 deliveries to all destinations failed in the last 15 minutes. They belong to 3 events."
    )


# ---- one problem, one message --------------------------------------------------------------------


def test_a_storm_makes_one_message(shop: Shop) -> None:
    for _ in range(4):
        shop.fail(125)
        shop.wait(15)
    shop.wait(10 * MINUTE)
    assert names() == ["failed_delivery", "failure_rate", "failure_rate_overall"]
    assert reported() == {"failure_rate": 1}
    covered = {alert.rule: alert.covered_by for alert in alerts()}
    assert covered == {
        "failure_rate": "",
        "failed_delivery": "failure_rate",
        "failure_rate_overall": "failure_rate",
    }


def test_channels_get_one_message_per_change(shop: Shop) -> None:
    """One channel takes notices too, one takes warnings: the storm, its end, and what remains."""
    for name, severity in (("All", Severity.NOTICE), ("Warnings", Severity.WARNING)):
        db.session.add(AlertChannel(kind="email", name=name, config={}, severity=severity))
    db.session.commit()
    for _ in range(4):
        shop.fail(125)
        shop.wait(15)
    shop.wait(MINUTE)
    assert messages() == ["failure_rate opened All", "failure_rate opened Warnings"]
    shop.wait(40 * MINUTE, every=30)
    assert messages()[2:] == ["failure_rate resolved All", "failure_rate resolved Warnings"]
    assert names() == ["failed_delivery"], "its failures were reported: nothing more is sent"
    shop.wait(5 * 60 * MINUTE, every=300)
    assert len(messages()) == 4
    shop.fail(1)
    shop.wait(MINUTE)
    later = ["failed_delivery opened All", "failed_delivery opened Warnings"]
    assert messages()[4:] == later, "a later failure is news"
    resolve_failed()
    shop.wait(MINUTE)
    assert messages()[6:] == ["failed_delivery resolved All", "failed_delivery resolved Warnings"]


def test_a_notice_goes_to_the_channels_that_ask_for_notices(shop: Shop) -> None:
    for name, severity in (("All", Severity.NOTICE), ("Warnings", Severity.WARNING)):
        db.session.add(AlertChannel(kind="email", name=name, config={}, severity=severity))
    db.session.commit()
    shop.fail(1)
    shop.wait(MINUTE)
    assert messages() == ["failed_delivery opened All"]
    shop.wait(20 * MINUTE, every=30)
    assert messages()[1:] == ["failed_delivery opened Warnings"]


def test_a_covered_alert_is_sent_when_the_covering_one_is_resolved(shop: Shop) -> None:
    shop.fail(10)
    shop.wait(20 * MINUTE)
    assert reported() == {"failure_rate": 1}
    shop.wait(15 * MINUTE)
    assert names() == ["failed_delivery"]
    [alert] = alerts("failed_delivery")
    assert (alert.covered_by, alert.changes, alert.severity) == ("", 1, Severity.WARNING)
    assert timeline(alert) == ["opened", "changed", "changed", "changed"]


def test_a_muted_rule_covers_nothing_and_sends_nothing(shop: Shop) -> None:
    mute("failure_rate")
    shop.fail(10)
    shop.wait(MINUTE)
    [rate] = alerts("failure_rate")
    [failed] = alerts("failed_delivery")
    assert (rate.changes, failed.covered_by, failed.changes) == (0, "", 1)
    db.session.execute(update(AlertRuleSetting).values(muted=False))
    db.session.commit()
    shop.wait(15)
    assert [alert.changes for alert in alerts("failure_rate")] == [1]


# ---- failed deliveries ---------------------------------------------------------------------------


def test_a_failed_delivery_is_a_notice_and_then_a_warning(shop: Shop) -> None:
    began = shop.now
    shop.fail(1)
    assert shop.wait(30) == 0
    shop.wait(MINUTE)
    [alert] = alerts()
    assert (alert.rule, alert.severity, alert.since) == ("failed_delivery", Severity.NOTICE, began)
    assert alert.sentence == "A delivery to Hook failed 1 minute ago, and Relay does not retry it."
    shop.wait(13 * MINUTE)
    assert [one.severity for one in alerts()] == [Severity.NOTICE]
    shop.wait(MINUTE)
    [alert] = alerts()
    assert alert.severity is Severity.WARNING
    # no channel took the notice, so the warning is the first message of the alert
    assert (alert.changes, timeline(alert)) == (1, ["opened", "changed"])
    resolve_failed()
    shop.wait(15)
    assert alerts() == []


def test_an_acknowledged_notice_does_not_become_a_warning(shop: Shop) -> None:
    shop.fail(1)
    shop.wait(MINUTE)
    [alert] = alerts()
    actions.acknowledge(alert.id, "A test address.", JANE)
    shop.wait(HOUR, every=300)
    assert [one.severity for one in alerts()] == [Severity.NOTICE]
    assert reported() == {"failed_delivery": 1}


def test_failed_deliveries_that_were_acknowledged_stay_a_notice(shop: Shop) -> None:
    shop.fail(1)
    db.session.execute(update(DeadLetter).values(state=DeadLetterState.ACKNOWLEDGED))
    db.session.commit()
    shop.wait(HOUR, every=300)
    assert [one.severity for one in alerts()] == [Severity.NOTICE]


def test_failed_deliveries_are_repeated_hourly_and_only_with_new_ones(shop: Shop) -> None:
    shop.fail(1)
    shop.wait(16 * MINUTE)
    pretend_sent(shop.now)
    shop.wait(8 * HOUR, every=600)
    assert reported() == {"failed_delivery": 1}
    shop.fail(1)
    shop.wait(MINUTE)
    assert reported() == {"failed_delivery": 2}
    [alert] = alerts("failed_delivery")
    assert alert.sentence == (
        "2 deliveries to Hook failed and Relay does not retry them: the oldest 8 hours ago, 1 in the "
        "last hour."
    )
    alert.notified_at = shop.now
    db.session.commit()
    for _ in range(3):  # the next ones wait for the next hour
        shop.fail(1)
        shop.wait(15 * MINUTE, every=60)
    assert reported()["failed_delivery"] == 2
    shop.wait(16 * MINUTE, every=60)
    assert reported()["failed_delivery"] == 3


# ---- destinations that are down ------------------------------------------------------------------


def test_a_pause_by_relay_is_reported_at_once_and_ends_with_it(shop: Shop) -> None:
    with db.engine.begin() as connection:
        gate.pause(connection, shop.ids[0], "The access token was refused.")
    shop.wait(15)
    [alert] = alerts()
    assert (alert.rule, alert.severity) == ("destination_paused", Severity.CRITICAL)
    assert alert.sentence == (
        "Relay paused Hook, so nothing is sent to it: The access token was refused."
    )
    paused_at = db.session.scalar(select(AuditEntry.at).where(AuditEntry.actor == "relay"))
    assert alert.since == paused_at
    destination_settings.resume(shop.ids[0], JANE)
    shop.wait(15)
    assert alerts() == []
    assert reported() == {"destination_paused": 1}


def test_a_pause_by_a_person_is_no_problem(shop: Shop) -> None:
    with db.engine.begin() as connection:
        gate.pause(connection, shop.ids[0], "The access token was refused.")
    destination_settings.resume(shop.ids[0], JANE)
    destination_settings.pause(shop.ids[0], JANE, "We move to another account.")
    shop.wait(MINUTE)
    assert alerts() == []


def test_an_open_circuit_has_one_beginning_over_all_its_probes(shop: Shop) -> None:
    began = shop.now
    for probe in range(8):
        change_destination(
            shop,
            circuit=CircuitState.OPEN if probe % 2 == 0 else CircuitState.PROBING,
            circuit_since=shop.now,
            circuit_until=shop.now + timedelta(seconds=30),
            circuit_reason="Connection refused.",
            openings=probe,
        )
        shop.wait(30)
    [alert] = alerts()
    assert (alert.rule, alert.since, alert.changes) == ("circuit_open", began, 1)
    assert alert.sentence == "Hook does not respond. The last error: Connection refused."
    change_destination(shop, circuit=CircuitState.CLOSED)
    shop.wait(MINUTE)
    assert names() == ["circuit_open"]  # it may fail again
    shop.wait(15)
    assert names() == []


def test_a_paused_destination_covers_what_follows_from_it(shop: Shop) -> None:
    shop.fail(10)
    with db.engine.begin() as connection:
        gate.pause(connection, shop.ids[0], "The access token was refused.")
    shop.wait(2 * MINUTE)
    assert reported() == {"destination_paused": 1}
    assert {alert.covered_by for alert in alerts() if alert.covered_by} == {
        "destination_paused"
    } | {"failure_rate"}


# ---- life of an alert ----------------------------------------------------------------------------


class Fault:
    """A reader that fails while it is told to."""

    def __init__(self) -> None:
        self.is_broken = True

    def __call__(self, context: Context) -> Iterator[Reading]:
        context.connection.execute(select(Alert.id))
        if self.is_broken:
            context.connection.exec_driver_sql("SELECT no_such_column FROM alert")
        yield Reading("canary", "site:shop", ReadingLevel.FIRING, 1.0, "Lost.", "Look.")


def test_a_reader_that_fails_stops_no_other_and_resolves_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = Fault()
    fault.is_broken = False
    others = [one for one in evaluation.READERS if "canary" not in one[1]]
    monkeypatch.setattr(evaluation, "READERS", ((fault, ("canary",)), *others))
    shop.wait(3 * MINUTE)
    fault.is_broken = True
    shop.fail(10)
    shop.wait(12 * MINUTE)
    assert names() == ["canary", "failed_delivery", "failure_rate", "failure_rate_overall"]


def test_an_open_alert_is_repeated_every_four_hours_until_it_is_acknowledged(shop: Shop) -> None:
    change_destination(shop, circuit=CircuitState.OPEN)
    shop.wait(MINUTE)
    pretend_sent(shop.now)
    shop.wait(4 * HOUR, every=240)
    assert reported() == {"circuit_open": 1}
    shop.wait(2 * MINUTE, every=60)
    [alert] = alerts()
    assert (alert.changes, timeline(alert)) == (2, ["opened", "reminder"])
    alert.notified_at = shop.now
    db.session.commit()
    actions.acknowledge(alert.id, "The provider works on it.", JANE)
    shop.wait(9 * HOUR, every=600)
    assert reported() == {"circuit_open": 2}


def test_an_acknowledged_alert_needs_attention_again_when_it_becomes_worse(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    severity = Severity.WARNING

    def reader(context: Context) -> Iterator[Reading]:
        yield Reading(
            "ai_budget", "destination:1", ReadingLevel.FIRING, 90.0, "Much.", "Look.",
            severity=severity,
        )  # fmt: skip

    monkeypatch.setattr(evaluation, "READERS", ((reader, ("ai_budget",)),))
    shop.wait(15)
    pretend_sent(shop.now)
    [alert] = alerts()
    actions.acknowledge(alert.id, "Expected.", JANE)
    shop.wait(HOUR, every=600)
    severity = Severity.CRITICAL
    shop.wait(15)
    [alert] = alerts()
    assert (alert.severity, alert.acknowledged_by, alert.changes) == (Severity.CRITICAL, None, 2)
    severity = Severity.WARNING
    shop.wait(15)
    assert [one.severity for one in alerts()] == [Severity.CRITICAL]  # never less severe


def test_alerts_about_a_removed_destination_are_resolved(shop: Shop) -> None:
    shop.fail(10)
    shop.wait(MINUTE)
    removal.remove(shop.ids[0], JANE)
    assert [one.rule for one in alerts() if one.subject == shop.subject()] == []
    [gone] = alerts("failed_delivery", is_open=False)
    assert timeline(gone)[-1] == "resolved"
    assert seen("failure_rate", shop.subject()) is None
    shop.wait(MINUTE)
    assert [one.rule for one in alerts() if one.subject == shop.subject()] == []


def test_what_a_check_found_is_repeated_as_well(shop: Shop) -> None:
    alert_state.raise_alert("ledger.site", "shop 2026-01-01", "One is missing.", "Look.")
    db.session.commit()
    pretend_sent(shop.now)
    shop.wait(5 * HOUR, every=600)
    assert reported()["ledger.site"] >= 2


# ---- what the rules see --------------------------------------------------------------------------


def test_samples_are_taken_every_five_minutes_and_six_hours_are_kept(shop: Shop) -> None:
    for minute in range(0, 8 * 60, 2):
        shop.count(100, minute % 5)
        shop.wait(2 * MINUTE, every=120)
    row = seen("failure_rate", shop.subject())
    assert row is not None
    gaps = {int(b[0] - a[0]) for a, b in zip(row.samples, row.samples[1:], strict=False)}
    assert len(row.samples) == evaluation.MAX_SAMPLES
    assert min(gaps) >= 300
    assert row.threshold == 2.0


def test_a_subject_without_readings_is_forgotten_after_its_chart_is_empty(shop: Shop) -> None:
    shop.fail(1)
    shop.wait(MINUTE)
    resolve_failed()
    shop.wait(5 * HOUR, every=300)
    assert seen("failed_delivery", shop.subject()) is not None
    shop.wait(2 * HOUR, every=300)
    assert seen("failed_delivery", shop.subject()) is None


class Statements:
    """The statements of every connection, while the block runs."""

    def __enter__(self) -> list[str]:
        self.found: list[str] = []
        listen(db.engine, "before_cursor_execute", self._add)
        return self.found

    def __exit__(self, *_: object) -> None:
        remove(db.engine, "before_cursor_execute", self._add)

    def _add(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        self.found.append(statement)


def test_a_quiet_installation_writes_nothing(shop: Shop) -> None:
    shop.count(100, 0)
    shop.wait(2 * MINUTE)
    with Statements() as found:
        shop.wait(10 * MINUTE)
    writes = [one for one in found if one.split()[0] in ("INSERT", "UPDATE", "DELETE")]
    assert len(writes) <= 4, writes  # the space on the disk may change


def test_the_number_of_statements_does_not_depend_on_the_number_of_destinations(
    app: Flask,
) -> None:
    with app.app_context():
        shop = Shop("Number 0")

        def statements() -> int:
            for number in range(len(shop.ids)):
                shop.count(100, 0, number)
                shop.fail(1, number)
            shop.wait(10 * MINUTE, every=60)
            with Statements() as found:
                evaluation.evaluate(shop.now)
            return len(found)

        one = statements()
        shop.ids += [
            destination_settings.create_destination("inbox", f"Number {n}", {}, JANE).id
            for n in range(1, 30)
        ]
        assert statements() <= one + 2
        rows = db.session.scalars(select(AlertEvaluation.rule)).all()
        assert len(rows) > 60
        db.session.remove()


def test_a_destination_that_is_not_active_is_no_problem(shop: Shop) -> None:
    change_destination(
        shop,
        circuit=CircuitState.OPEN,
        state=DestinationState.PAUSED,
        paused_reason="Paused by jane@example.com.",
    )
    shop.wait(MINUTE)
    assert names() == []
