"""Which channels get a message, when, and what happens if one of them fails."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from flask import Flask

from relay.models import AlertChannel, AlertEntry, AlertMessage, AlertRuleSetting, db
from relay.observability.exposition import exposition
from relay.rules.states import AlertChange, AlertMessageState, Severity
from relay.services.alerts import channels, messages, sender
from relay.services.audit import COMMAND_LINE
from tests.services.alerts.conftest import (
    NOON,
    after,
    change,
    channel_alerts,
    hook_channel,
    mail_channel,
    make_alert,
    open_alert,
    send,
    slack_channel,
    states,
)
from tests.support.fake_slack import FakeSlack
from tests.support.mail import MailServer
from tests.support.network import wait_for
from tests.support.sink import Answer, Sink

pytestmark = pytest.mark.usefixtures("context")
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
OPENED, REMINDER, RESOLVED = AlertChange.OPENED, AlertChange.REMINDER, AlertChange.RESOLVED
DOWN = Answer(503, b"down")
ABOUT = "Nothing is sent to Team channel."


def mails(mail: MailServer) -> list[str]:
    """The subjects of the mails about the test's own alert."""
    subjects = [str(mail.letter(n)["Subject"]) for n in range(len(mail.mails))]
    return [subject for subject in subjects if ABOUT in subject]


def test_each_channel_that_wants_it_gets_each_change_once(
    eager_slack: FakeSlack, mail: MailServer
) -> None:
    slack_channel(eager_slack)
    mail_channel(mail)
    alert = open_alert()
    assert (alert.changes, alert.notified_at) == (1, NOON)
    assert send() == 2
    assert send() == 0
    change(alert, RESOLVED, after(420))
    assert send(after(420)) == 2
    assert [text.splitlines()[0] for text in eager_slack.shown] == [
        f"*Warning*: {ABOUT}",
        f"*Resolved*: {ABOUT}",
    ]
    assert mails(mail) == [f"[Relay] Warning: {ABOUT}", f"[Relay] Resolved: {ABOUT}"]
    assert "It lasted 7 minutes" in mail.plain()
    entries = db.session.query(AlertEntry).filter_by(alert_id=alert.id, action="sent").count()
    assert entries == 4


@SQLITE
def test_a_channel_gets_its_severities_and_rules_only(sink: Sink) -> None:
    hook_channel(sink, "all", severity="notice")
    hook_channel(sink, "default")
    hook_channel(sink, "critical", severity="critical")
    hook_channel(sink, "disk", rules=("disk_space",))
    expected = {
        Severity.NOTICE: {"all"},
        Severity.WARNING: {"all", "default"},
        Severity.CRITICAL: {"all", "default", "critical"},
    }
    for n, (severity, wanted) in enumerate(expected.items()):
        alert = open_alert(severity=severity, subject=f"destination:{n}")
        assert {name for name, _, _ in states(alert)} == wanted
    disk = open_alert(rule="disk_space", subject="")
    assert {name for name, _, _ in states(disk)} == {"all", "default", "disk"}


@SQLITE
def test_the_end_is_reported_to_those_that_heard_of_the_beginning(sink: Sink) -> None:
    hook_channel(sink, "warnings")
    hook_channel(sink, "critical", severity="critical")
    alert = open_alert()
    send()
    hook_channel(sink, "later")
    alert.severity = Severity.CRITICAL
    db.session.commit()
    assert change(alert, RESOLVED) == 1
    assert states(alert)[-1] == ("warnings", "resolved", "pending")


@SQLITE
def test_nothing_is_sent_about_a_muted_rule_or_a_snoozed_alert(sink: Sink) -> None:
    hook_channel(sink)
    snoozed = make_alert(snoozed_until=after(60))
    assert change(snoozed, OPENED) == 0 and snoozed.changes == 0 and snoozed.notified_at is None
    assert change(snoozed, REMINDER, after(61)) == 1
    db.session.add(AlertRuleSetting(rule="disk_space", muted=True, muted_until=after(60)))
    muted = make_alert(rule="disk_space", subject="")
    assert change(muted, OPENED) == 0
    assert change(muted, REMINDER, after(61)) == 1


@SQLITE
def test_what_waits_while_its_rule_is_muted_is_sent_when_the_mute_ends(sink: Sink) -> None:
    hook_channel(sink)
    alert = open_alert()
    setting = AlertRuleSetting(rule=alert.rule, muted=True)
    db.session.add(setting)
    db.session.commit()
    assert (send(), send(after(3600)), sink.requests) == (0, 0, [])
    setting.muted_until = after(7200)
    db.session.commit()
    assert (send(after(7199)), sink.requests) == (0, [])
    assert send(after(7200)) == 1


@SQLITE
@pytest.mark.parametrize("waits", [OPENED, RESOLVED])
def test_what_waits_while_its_rule_is_muted_and_is_over_is_not_sent(
    sink: Sink, waits: AlertChange
) -> None:
    hook_channel(sink)
    alert = open_alert()
    if waits is RESOLVED:
        send()
        change(alert, RESOLVED, after(60))
    setting = AlertRuleSetting(rule=alert.rule, muted=True, muted_until=after(7200))
    db.session.add(setting)
    db.session.commit()
    sink.forget()
    send(after(61))
    if waits is OPENED:
        change(alert, RESOLVED, after(120))
    send(after(7200))
    assert sink.requests == []
    assert states(alert)[-1] == ("Hook", waits.value, "skipped")


@SQLITE
def test_each_try_is_counted_by_kind_and_outcome(sink: Sink) -> None:
    hook_channel(sink)
    open_alert()
    sink.answers([DOWN, Answer(), Answer(404)])
    send()
    send(after(10))
    open_alert(subject="destination:2")
    send(after(10))
    text = exposition().decode()
    for outcome in ("retried", "sent", "failed"):
        name = f'relay_alert_messages_total{{kind="webhook",outcome="{outcome}"}}'
        assert f"{name} 1.0" in text


def test_channels_that_fail_at_the_same_moment_send_each_message_once(sink: Sink) -> None:
    for n in range(4):
        hook_channel(sink, f"hook-{n}")
    alerts = [open_alert(subject=f"destination:{n}") for n in range(6)]
    sink.answers([Answer(404)])
    for n in range(4):
        send(after(61 * n))
    for alert in alerts:
        assert {state for _, _, state in states(alert)} == {"failed"}
    tries = db.session.query(AlertMessage.attempts).filter(AlertMessage.state == "failed")
    assert {one.attempts for one in tries} == {1}


def test_a_failure_is_retried_after_10_and_30_seconds_then_the_next_channel_takes_over(
    eager_slack: FakeSlack, mail: MailServer
) -> None:
    slack = slack_channel(eager_slack)
    mail_channel(mail, severity="critical")
    alert = open_alert()
    eager_slack.answers([DOWN])
    eager_slack.next(DOWN, DOWN, DOWN)
    assert send() == 0
    assert send(after(9)) == 0 and len(eager_slack.requests) == 1
    assert send(after(10)) == 0
    assert send(after(39)) == 0 and len(eager_slack.requests) == 2
    assert send(after(40)) == 1
    assert states(alert) == [("Team", "opened", "failed"), ("Owner", "opened", "pending")]
    assert channel_alerts() == [f"channel:{slack.id}"]
    send(after(40))
    assert mails(mail) == [f"[Relay] Warning: {ABOUT}"], "although it selects critical alerts only"
    taken = db.session.query(AlertMessage).filter_by(alert_id=alert.id).all()[-1]
    assert (taken.fallback_from, taken.state) == (slack.id, AlertMessageState.SENT)
    # the end goes to the one that took over
    change(alert, RESOLVED, after(60))
    assert states(alert)[2:] == [("Owner", "resolved", "pending")]


def test_a_permanent_refusal_gives_up_at_once(eager_slack: FakeSlack, mail: MailServer) -> None:
    slack_channel(eager_slack)
    mail_channel(mail, severity="critical")
    alert = open_alert()
    eager_slack.next(Answer(404, b"no_service"))
    send()
    assert states(alert) == [("Team", "opened", "failed"), ("Owner", "opened", "pending")]
    entry = db.session.query(AlertEntry).filter_by(alert_id=alert.id, action="failed").one()
    assert entry.text.startswith("Team failed: ") and entry.text.endswith("Owner takes over.")


def test_if_both_are_subscribed_and_one_fails_the_other_gets_it_once(
    eager_slack: FakeSlack, mail: MailServer
) -> None:
    slack_channel(eager_slack)
    mail_channel(mail)
    open_alert()
    eager_slack.next(*[Answer(404, b"no_service")] * 3)
    for seconds in (0, 10, 40, 100, 1000):
        send(after(seconds))
    assert mails(mail) == [f"[Relay] Warning: {ABOUT}"]


def test_two_broken_channels_do_not_report_each_other_without_end(
    sink: Sink, eager_slack: FakeSlack
) -> None:
    slack = slack_channel(eager_slack)
    hook = hook_channel(sink)
    sink.answer(404, b"no")
    eager_slack.next(*[Answer(404, b"no_service")] * 50)
    open_alert()
    for minute in range(60):
        send(after(60 * minute))
    assert sorted(channel_alerts()) == sorted([f"channel:{slack.id}", f"channel:{hook.id}"])
    # each has the alert, and at most one message about the other one
    assert len(sink.requests) <= 2 and len(eager_slack.requests) <= 2
    assert send(after(7200)) == 0


def test_a_message_about_a_failed_channel_is_tried_once_and_never_by_itself(
    sink: Sink, eager_slack: FakeSlack
) -> None:
    slack, hook = slack_channel(eager_slack), hook_channel(sink)
    spare = hook_channel(sink, "spare", severity="critical")
    alert = make_alert(rule="channel_failed", subject=messages.subject_of(slack.id))
    assert change(alert, OPENED) == 1
    assert states(alert) == [("Hook", "opened", "pending")]
    sink.answer(503, b"down")
    assert send() == 1
    for seconds in (10, 40, 600):
        assert send(after(seconds)) == 0
    assert states(alert) == [("Hook", "opened", "failed")]
    assert channel_alerts() == [f"channel:{slack.id}"], "nothing about the hook"
    db.session.refresh(hook)
    assert hook.failed_at is not None and not spare.failed_at


def test_the_alert_about_a_channel_ends_when_it_sends_again(eager_slack: FakeSlack) -> None:
    slack = slack_channel(eager_slack)
    open_alert()
    eager_slack.next(Answer(404, b"no_service"))
    send()
    db.session.refresh(slack)
    assert slack.failed_at == NOON and slack.last_error
    assert channel_alerts() == [f"channel:{slack.id}"]
    open_alert(subject="destination:2")
    send(after(60))
    assert channel_alerts() == [] and channel_alerts(is_open=False) == [f"channel:{slack.id}"]
    db.session.refresh(slack)
    assert (slack.failed_at, slack.last_error, slack.last_sent_at) == (None, "", after(60))


def test_two_senders_at_once_send_each_message_once(app: Flask, sink: Sink) -> None:
    hook_channel(sink)
    for n in range(12):
        open_alert(subject=f"destination:{n}")
    db.session.remove()
    start = threading.Barrier(2)

    def run() -> None:
        # its own set of busy channels, as in another process
        with app.app_context():
            start.wait()
            for _ in range(30):
                sender.send_due(20, 30.0, NOON)

    app.extensions["relay_busy_channels"] = Everywhere()
    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keys = [seen.headers["idempotency-key"] for seen in sink.requests]
    assert len(keys) == len(set(keys)) == 12


class Everywhere(sender.BusyChannels):
    """Lets several threads send through the same channel, as several processes would."""

    def take(self, channel_id: int) -> bool:
        return True


def test_after_a_crash_between_sending_and_recording_it_is_sent_again_with_the_same_key(
    sink: Sink,
) -> None:
    channels.create_channel(
        "webhook",
        "Signed",
        {"url": f"{sink.url}/signed"},
        channels.ChannelChoice(),
        COMMAND_LINE,
    )
    open_alert()
    claimed = sender.claim(1, NOON)
    assert claimed is not None
    # the process ends here: the call is made, and nothing is recorded
    sender.channel_call.call(claimed.address, claimed.key, claimed.body, claimed.created_at)
    assert send(after(59)) == 0
    assert send(after(60)) == 1
    assert send(after(3600)) == 0
    first, second = sink.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == claimed.key
    assert first.body == second.body


def test_a_late_failure_of_a_lost_claim_changes_nothing(sink: Sink) -> None:
    hook_channel(sink)
    alert = open_alert()
    claimed = sender.claim(1, NOON)
    assert claimed is not None
    assert send(after(61)) == 1
    sink.answer(404, b"no")
    late = sender.channel_call.call(claimed.address, claimed.key, claimed.body, NOON)
    sender.results.store(claimed, late, after(62))
    assert states(alert) == [("Hook", "opened", "sent")]


def test_a_slow_channel_does_not_delay_the_others(sink: Sink) -> None:
    other = Sink()
    hook_channel(sink, "slow")
    hook_channel(other, "fast")
    sink.answer(200, delay_s=30)
    open_alert()
    db.session.rollback()
    sender.send_due(wait_s=0.2, now=NOON)
    other.wait(1)
    for n in range(2, 6):
        open_alert(subject=f"destination:{n}")
        db.session.rollback()
        sender.send_due(wait_s=0.2, now=NOON)
        other.wait(n)
    assert len(sink.requests) == 1
    sink.closing.set()
    wait_for(lambda: not _pending("slow"), 20, "the slow channel")
    other.close()


def _pending(name: str) -> int:
    db.session.rollback()
    sender.send_due(wait_s=0.1, now=NOON)
    waits = AlertMessage.state == AlertMessageState.PENDING
    return (
        db.session.query(AlertMessage)
        .join(AlertChannel)
        .filter(waits, AlertChannel.name == name)
        .count()
    )


@SQLITE
def test_500_changes_are_queued_and_sent(sink: Sink) -> None:
    hook_channel(sink)
    for n in range(500):
        messages.enqueue(make_alert(subject=f"destination:{n}"), OPENED, NOON)
    db.session.commit()
    assert send(limit=600) == 500
    assert len({seen.headers["idempotency-key"] for seen in sink.requests}) == 500


def test_a_service_that_asks_to_wait_uses_up_no_try(sink: Sink) -> None:
    slack = FakeSlack(every_s=0)
    slack_channel(slack)
    alert = open_alert()
    slow_down = Answer(429, b"rate_limited", {"Retry-After": "5"})
    slack.next(*[slow_down] * 6)
    for n in range(6):
        assert send(after(5 * n)) == 0
    assert send(after(30)) == 1
    assert states(alert) == [("Team", "opened", "sent")]
    slack.close()


VIENNA = {"quiet_from": "22:00", "quiet_until": "07:00", "timezone": "Europe/Vienna"}


@SQLITE
@pytest.mark.parametrize(
    ("night", "morning"),
    [
        ("2026-11-27T23:30+01:00", "2026-11-28T07:00+01:00"),
        ("2026-11-28T00:30+01:00", "2026-11-28T07:00+01:00"),
        ("2026-03-28T23:30+01:00", "2026-03-29T07:00+02:00"),  # an hour less
        ("2026-10-24T23:30+02:00", "2026-10-25T07:00+01:00"),  # an hour more
    ],
)
def test_in_quiet_hours_only_critical_alerts_are_sent(sink: Sink, night: str, morning: str) -> None:
    hook_channel(sink, **VIENNA)
    at, end = (datetime.fromisoformat(one).astimezone(UTC) for one in (night, morning))
    open_alert(at)
    open_alert(at, subject="destination:2", severity=Severity.CRITICAL)
    assert send(at) == 1 and sink.requests[0].json()["severity"] == "critical"
    assert send(after(-1, end)) == 0
    assert send(end) == 1 and sink.requests[1].json()["severity"] == "warning"


@SQLITE
def test_what_waited_in_quiet_hours_and_is_over_is_not_sent_at_all(sink: Sink) -> None:
    hook_channel(sink, **VIENNA)
    night = datetime(2026, 11, 27, 23, tzinfo=UTC)
    alert = open_alert(night)
    assert change(alert, RESOLVED, after(600, night)) == 0
    assert states(alert) == [("Hook", "opened", "skipped")]
    assert send(after(10 * 3600, night)) == 0 and sink.requests == []


@SQLITE
def test_quiet_hours_that_begin_later_hold_what_is_queued(sink: Sink) -> None:
    channel = hook_channel(sink)
    night = datetime(2026, 11, 27, 23, tzinfo=UTC)
    open_alert(night)
    for name, value in VIENNA.items():
        setattr(channel, name, value)
    db.session.commit()
    assert send(night) == 0
    assert send(datetime(2026, 11, 28, 6, tzinfo=UTC)) == 1


@SQLITE
def test_an_alert_that_ends_before_it_could_be_sent_is_one_message(sink: Sink) -> None:
    hook_channel(sink)
    alert = open_alert()
    sink.answer(503, b"down")
    send()
    change(alert, RESOLVED, after(5))
    sink.answer(200)
    assert send(after(10)) == 1
    assert states(alert) == [("Hook", "opened", "skipped"), ("Hook", "resolved", "sent")]
    said = sink.requests[-1].json()
    assert (said["type"], said["resolved_at"]) == ("alert.resolved", "2026-11-27T12:00:05Z")


@SQLITE
def test_an_alert_that_ends_while_it_is_claimed_says_that_it_is_over(sink: Sink) -> None:
    hook_channel(sink)
    alert = open_alert()
    alert.resolved_at = after(5)
    db.session.commit()
    assert send(after(6)) == 1
    said = sink.requests[0].json()
    assert (said["type"], said["resolved_at"]) == ("alert.opened", "2026-11-27T12:00:05Z")


@SQLITE
@pytest.mark.parametrize("reason", ["resolved_at", "acknowledged_at", "snoozed_until"])
def test_a_reminder_that_is_not_needed_any_more_is_skipped(sink: Sink, reason: str) -> None:
    hook_channel(sink)
    alert = open_alert()
    send()
    later = after(4 * 3600)
    assert change(alert, REMINDER, later) == 1
    setattr(alert, reason, after(5 * 3600))
    if reason == "acknowledged_at":
        alert.acknowledged_by = "ada@example.com"
    db.session.commit()
    send(later)
    assert states(alert)[1:] == [("Hook", "reminder", "skipped")]
    assert len(sink.requests) == 1


@SQLITE
def test_reminders_do_not_pile_up_behind_a_message_that_waits(sink: Sink) -> None:
    hook_channel(sink, **VIENNA)
    night = datetime(2026, 11, 27, 21, tzinfo=UTC)
    alert = open_alert(night)
    assert [change(alert, REMINDER, after(14_400 * n, night)) for n in (1, 2)] == [0, 0]
    assert states(alert) == [("Hook", "opened", "pending")]


@SQLITE
def test_what_waits_for_a_channel_that_is_turned_off_is_not_sent(sink: Sink) -> None:
    channel = hook_channel(sink)
    alert = open_alert()
    channels.set_enabled(channel.id, False, COMMAND_LINE)
    send()
    assert states(alert) == [("Hook", "opened", "skipped")] and sink.requests == []
    assert change(alert, REMINDER) == 0


@SQLITE
def test_a_webhook_gets_the_fields_of_the_contract(app: Flask, sink: Sink) -> None:
    hook_channel(sink)
    open_alert(sentence="Two\nlines\x00 of\ttext " + "x" * 2000, count=3)
    send()
    said = sink.requests[0].json()
    assert said | {"sentence": ""} == {
        "type": "alert.opened",
        "id": 1,
        "rule": "destination_paused",
        "subject": "destination:1",
        "severity": "warning",
        "sentence": "",
        "advice": "Enter the webhook URL again.",
        "url": "/alerts/1",
        "since": "2026-11-27T12:00:00Z",
        "count": 3,
        "opened_at": "2026-11-27T12:00:00Z",
        "resolved_at": None,
    }
    assert said["sentence"].startswith("Two lines of text xxx") and len(said["sentence"]) == 1000


@SQLITE
def test_a_secret_in_an_answer_is_masked_where_it_is_stored(sink: Sink) -> None:
    token = "very-secret-token-1"
    values = {"url": f"{sink.url}/x", "auth": "bearer", "token": token}
    made = channels.create_channel(
        "webhook", "Echo", values, channels.ChannelChoice(), COMMAND_LINE
    )
    open_alert()
    sink.answer(302, b"", {"Location": f"https://{token}.example.com/"})
    send()
    db.session.refresh(made.channel)
    assert "moved" in made.channel.last_error and token not in made.channel.last_error
