"""A destination starts to fail: the right channels are notified once, and once when it is over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.events import comment
from tests.support.fake_slack import FakeSlack
from tests.support.mail import MailServer
from tests.support.sink import Answer, Seen, Sink
from tests.support.stack import Stack

POSTGRES = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
pytestmark = POSTGRES
WITHIN_S = 60.0


class FailingShop(Sink):
    """Answers 500 to the events whose text says so."""

    def take(self, seen: Seen) -> Answer:
        super().take(seen)
        return Answer(500, b"broken") if b"please fail" in seen.body else Answer()


@pytest.fixture
def hook() -> Iterator[FailingShop]:
    sink = FailingShop()
    yield sink
    sink.close()


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    fake = FakeSlack(every_s=0)
    yield fake
    fake.close()


@pytest.fixture
def mail() -> Iterator[MailServer]:
    server = MailServer(login=False)
    yield server
    server.close()


def set_up(stack: Stack, hook: Sink, slack: FakeSlack, mail: MailServer) -> str:
    """A site, a destination that is not retried after a 500, and two channels.  -> the site's secret"""
    secret = stack.make_source().secret
    stack.flask(
        *("destinations", "create", "webhook", "Warehouse"),
        *("--set", f"url={hook.url}/in", "--set", "auth=none"),
    )
    stack.flask("destinations", "pace", "Warehouse", "--on-status", "500=fail")
    stack.flask(
        *("alerts", "channels", "create", "slack", "Team"),
        *("--secret", "webhook_url=-"),
        input=slack.webhook_url,
    )
    stack.flask(
        *("alerts", "channels", "create", "email", "Owner"),
        *("--set", "host=127.0.0.1", "--set", f"port={mail.port}", "--set", "security=none"),
        *("--set", "sender=relay@example.com", "--set", "to=owner@example.com"),
    )
    return secret


def send(stack: Stack, secret: str, good: int, bad: int, run: str) -> None:
    """Send events of which ``bad`` fail, and wait until all deliveries are finished."""
    before = sum(stack.states().values())
    for n in range(good + bad):
        event = comment(event_id=f"{run}-{n}")
        if n < bad:
            event["data"]["content"] = "please fail"
        assert stack.send(event, secret).status_code == 202

    def finished() -> bool:
        states = stack.states()
        return states.get("delivered", 0) + states.get("dead", 0) == before + good + bad

    stack.wait_for(finished, 60, "all deliveries to finish")


def let_minutes_pass(stack: Stack, minutes: int) -> None:
    """Move what the rules measure into the past, as if time had passed."""
    for statement in (
        "UPDATE delivery_minute SET minute = minute - make_interval(mins => :n)",
        "UPDATE alert_evaluation SET firing_since = firing_since - make_interval(mins => :n), "
        "clear_since = clear_since - make_interval(mins => :n)",
        "UPDATE dead_letter SET created_at = created_at - make_interval(mins => :n)",
    ):
        stack.change(statement, n=minutes)


def messages(stack: Stack) -> list[dict[str, str]]:
    return stack.rows(
        "SELECT c.name, m.change, m.state, a.kind AS rule FROM alert_message m "
        "JOIN alert_channel c ON c.id = m.channel_id LEFT JOIN alert a ON a.id = m.alert_id "
        "ORDER BY m.id"
    )


def fires(stack: Stack) -> bool:
    """Whether the failure rate of the destination has an open alert."""
    return bool(
        stack.rows("SELECT 1 FROM alert WHERE kind = 'failure_rate' AND resolved_at IS NULL")
    )


@pytest.mark.parametrize(("good", "bad"), [(0, 1), (9, 1), (98, 2)])
def test_few_failures_notify_nobody_at_once(
    stack: Stack, hook: FailingShop, slack: FakeSlack, mail: MailServer, good: int, bad: int
) -> None:
    secret = set_up(stack, hook, slack, mail)
    send(stack, secret, good, bad, "few")
    stack.wait_for(
        lambda: stack.rows("SELECT 1 FROM alert WHERE kind = 'failed_delivery'"),
        WITHIN_S,
        "the notice in the dashboard",
    )
    assert not fires(stack)
    assert (slack.messages, mail.mails, messages(stack)) == ([], [], [])


def test_three_percent_notify_slack_and_mail_once_and_once_when_it_is_over(
    stack: Stack, hook: FailingShop, slack: FakeSlack, mail: MailServer
) -> None:
    secret = set_up(stack, hook, slack, mail)
    send(stack, secret, 97, 3, "bad")
    stack.wait_for(
        lambda: slack.messages and mail.mails, WITHIN_S, f"both channels: {messages(stack)}"
    )
    assert "Warehouse" in slack.shown[0] and "3" in slack.shown[0]
    assert "Warehouse" in mail.letter(0)["Subject"]
    assert "owner@example.com" in mail.letter(0)["To"]

    # It is over once nothing has failed for ten minutes.
    let_minutes_pass(stack, 11)
    send(stack, secret, 60, 0, "good")
    stack.wait_for(
        lambda: stack.rows(
            "SELECT 1 FROM alert_evaluation WHERE rule = 'failure_rate' AND clear_since IS NOT NULL"
        ),
        WITHIN_S,
        "the rule to be clear",
    )
    let_minutes_pass(stack, 11)
    stack.wait_for(
        lambda: len(slack.messages) == 2 and len(mail.mails) == 2, WITHIN_S, "the end of it"
    )
    # What was sent is noted after the answer of the service.
    stack.wait_for(
        lambda: {one["state"] for one in messages(stack)} == {"sent"}, 20, "the last result"
    )
    assert [(one["name"], one["change"], one["state"]) for one in messages(stack)] == [
        ("Team", "opened", "sent"),
        ("Owner", "opened", "sent"),
        ("Team", "resolved", "sent"),
        ("Owner", "resolved", "sent"),
    ]
    assert {one["rule"] for one in messages(stack)} == {"failure_rate"}


def test_while_slack_is_down_the_mail_is_sent_once_and_nothing_loops(
    stack: Stack, hook: FailingShop, slack: FakeSlack, mail: MailServer
) -> None:
    secret = set_up(stack, hook, slack, mail)
    slack.next(*[Answer(503, b"down")] * 50)
    send(stack, secret, 97, 3, "bad")
    stack.wait_for(lambda: mail.mails, WITHIN_S, "the mail")
    stack.wait_for(
        lambda: [one for one in messages(stack) if one["state"] == "failed"],
        WITHIN_S,
        "Slack to be given up",
    )
    # The mail about the failing destination came once; that Slack fails is reported once, too.
    stack.wait_for(
        lambda: stack.rows("SELECT 1 FROM alert WHERE kind = 'channel_failed'"), 30, "that alert"
    )
    stack.wait_for(
        lambda: not [one for one in messages(stack) if one["state"] == "pending"], 60, "an end"
    )
    of_rate = [one for one in messages(stack) if one["rule"] == "failure_rate"]
    assert sorted((one["name"], one["state"]) for one in of_rate) == [
        ("Owner", "sent"),
        ("Team", "failed"),
    ]
    about_slack = [one for one in messages(stack) if one["rule"] == "channel_failed"]
    assert {one["name"] for one in about_slack} <= {"Owner"}
    assert len(mail.mails) == 1 + len(about_slack) <= 2
