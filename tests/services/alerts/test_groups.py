"""Many destinations that fail at once make one message, on the simulated clock of the alert tests."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from relay.models import AlertEntry, AlertMessage, Destination, db
from relay.rules.circuit import CircuitState
from relay.rules.states import AlertChange, AlertMessageState
from relay.services.alerts import groups
from tests.services.alerts.conftest import hook_channel, mail_channel, open_alert, send
from tests.services.alerts.conftest import slack_channel as make_slack
from tests.services.alerts.problems import Shop, alerts
from tests.support.fake_slack import FakeSlack
from tests.support.mail import MailServer
from tests.support.sink import Answer, Sink

pytestmark = pytest.mark.usefixtures("context")
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
MANY = 30
LABEL = "Destination not responding"


def make_shop(count: int = MANY) -> Shop:
    return Shop(*(f"Shop & <b> {n:02}" for n in range(count)))


def circuits(shop: Shop, state: CircuitState, first: int = 0, last: int = MANY) -> None:
    """Open or close the circuits of some destinations, as their drains do."""
    is_open = state is CircuitState.OPEN
    values = {
        "circuit": state,
        "circuit_since": shop.now,
        "circuit_until": shop.now + timedelta(hours=1) if is_open else None,
        "circuit_reason": "The network is unreachable." if is_open else "",
    }
    chosen = Destination.id.in_(shop.ids[first:last])
    db.session.execute(update(Destination).where(chosen).values(**values))
    db.session.commit()


def test_30_open_circuits_are_30_alerts_and_one_message_per_channel(
    eager_slack: FakeSlack, mail: MailServer, sink: Sink
) -> None:
    make_slack(eager_slack)
    mail_channel(mail)
    hook_channel(sink)
    shop = make_shop()
    circuits(shop, CircuitState.OPEN)
    shop.wait(60)
    assert len(alerts("circuit_open")) == MANY
    assert send(shop.now, limit=50) == 3 * MANY
    [text] = eager_slack.shown
    first, *lines = text.splitlines()
    assert first == f"*Critical*: {LABEL}: 30 destinations."
    listed = [line for line in lines if line.startswith("• ")]
    assert len(listed) == groups.MOST_LISTED and len(set(listed)) == groups.MOST_LISTED
    assert "Shop & <b> 00" in listed[0] and "and 20 more." in lines
    assert "check its network, DNS and outbound proxy first" in text
    assert "/alerts?rule=circuit_open" in text
    assert len(mail.mails) == 1 and f"{LABEL}: 30 destinations." in mail.plain()
    assert [one["id"] for one in (r.json() for r in sink.requests)] == [
        one.id for one in alerts("circuit_open")
    ]  # a program follows each alert by its id
    assert send(shop.now) == 0
    told = db.session.scalars(select(AlertEntry.text).where(AlertEntry.action == "sent")).all()
    assert sum(text.endswith("in one message about 30 alerts.") for text in told) == 2 * MANY

    circuits(shop, CircuitState.CLOSED)
    shop.wait(120)
    assert alerts("circuit_open") == []
    send(shop.now, limit=50)
    assert len(eager_slack.shown) == 2 and len(mail.mails) == 2
    assert eager_slack.shown[1].startswith(f"*Resolved*: {LABEL}: 30 destinations.")
    assert "This is over." in eager_slack.shown[1] and "and 20 more." in eager_slack.shown[1]


@SQLITE
def test_two_alerts_have_a_message_each(eager_slack: FakeSlack) -> None:
    make_slack(eager_slack)
    shop = make_shop(2)
    circuits(shop, CircuitState.OPEN)
    shop.wait(60)
    send(shop.now)
    assert len(eager_slack.shown) == 2 and all("• " not in text for text in eager_slack.shown)


@SQLITE
def test_one_after_the_other_is_at_most_one_message_per_minute(eager_slack: FakeSlack) -> None:
    make_slack(eager_slack)
    shop = make_shop()
    for number in range(MANY):  # one in each evaluation, for seven and a half minutes
        circuits(shop, CircuitState.OPEN, number, number + 1)
        shop.wait(15)
        send(shop.now)
    shop.wait(60)
    send(shop.now)
    shop.wait(60)
    send(shop.now)
    assert len(alerts("circuit_open")) == MANY
    assert len(eager_slack.shown) <= 3 + 8
    left = select(AlertMessage.id).where(AlertMessage.state != AlertMessageState.SENT)
    assert db.session.scalars(left).all() == []
    text = " ".join(eager_slack.shown)
    assert all(f"Shop & <b> {n:02}" in text for n in range(MANY))


@SQLITE
def test_if_a_channel_fails_the_next_one_gets_one_message_too(
    eager_slack: FakeSlack, mail: MailServer
) -> None:
    make_slack(eager_slack)
    mail_channel(mail, severity="critical", rules=("disk_space",))
    eager_slack.next(Answer(404, b"no_service"))
    shop = make_shop(5)
    circuits(shop, CircuitState.OPEN, 0, 5)
    shop.wait(60)
    send(shop.now)
    send(shop.now)
    grouped = [
        n for n in range(len(mail.mails)) if "5 destinations" in str(mail.letter(n)["Subject"])
    ]
    assert len(grouped) == 1 and eager_slack.shown == []


@SQLITE
def test_what_is_snoozed_or_of_another_rule_is_left_out(eager_slack: FakeSlack) -> None:
    make_slack(eager_slack)
    about = [open_alert(subject=f"destination:{n}", sentence=f"Alert {n}.") for n in range(5)]
    open_alert(rule="late_delivery", subject="destination:9", sentence="Late.")
    about[0].snoozed_until = about[0].opened_at + timedelta(hours=4)
    db.session.commit()
    send()
    grouped, late = sorted(eager_slack.shown, key=len, reverse=True)
    assert "4 destinations." in grouped and "Alert 0." not in grouped and "Alert 4." in grouped
    assert "Late." in late


def test_a_group_is_as_severe_as_its_most_severe_alert_and_has_a_key_of_its_own() -> None:
    def body(number: int, severity: str, resolved_at: str | None = None) -> dict[str, object]:
        return {
            "type": f"alert.{AlertChange.OPENED}",
            "id": number,
            "rule": "late_delivery",
            "severity": severity,
            "sentence": f"Alert {number}.",
            "advice": "",
            "url": f"https://relay.example.com/alerts/{number}",
            "since": f"2026-03-01T12:00:0{number}Z",
            "opened_at": "2026-03-01T12:00:00Z",
            "resolved_at": resolved_at,
            "count": 3,
        }

    made = groups.body_of_group([body(3, "warning"), body(1, "critical"), body(2, "notice")])
    assert (made["severity"], made["alerts"]) == ("critical", ["Alert 1.", "Alert 3.", "Alert 2."])
    assert (made["since"], made["more"]) == ("2026-03-01T12:00:01Z", 0)
    assert made["url"] == "https://relay.example.com/alerts?rule=late_delivery"
    assert made["sentence"] == "Delivery late: 3 destinations."
    assert groups.key_of_group(["a", "b"]) == groups.key_of_group(["b", "a"]) != "a"
