"""Many deliveries in one call, over all of Relay's real processes, with a result for each."""

from __future__ import annotations

import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests

from tests.support.events import SMALL_ORDER, comment, lead
from tests.support.fake_hubspot import TOKEN, FakeHubSpot, too_many
from tests.support.fake_slack import FakeSlack
from tests.support.stack import Stack

POSTGRES = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


def order(**changes: Any) -> dict[str, Any]:
    return comment(event="order.created", data=SMALL_ORDER | changes)


def connect_hubspot(stack: Stack, hubspot: FakeHubSpot, *more: str) -> str:
    source = stack.make_source()
    made = ("hubspot", "HubSpot", "--set", f"base_url={hubspot.url}", "--secret", "token=-", *more)
    stack.flask("destinations", "create", *made, input=TOKEN)
    return source.secret


def connect_slack(stack: Stack, slack: FakeSlack, *more: str) -> str:
    source = stack.make_source()
    made = ("slack", "Slack", "--secret", "webhook_url=-", *more)
    stack.flask("destinations", "create", *made, input=slack.webhook_url)
    return source.secret


def send_all(stack: Stack, secret: str, events: list[dict[str, Any]]) -> None:
    """Send them while the one destination is paused, so that all of them wait."""
    (name,) = [row["name"] for row in stack.rows("SELECT name FROM destination")]
    stack.flask("destinations", "pause", name)
    with ThreadPoolExecutor(8) as senders:
        answers = list(senders.map(lambda one: stack.send(one, secret).status_code, events))
    assert answers == [202] * len(events)
    stack.wait_for(lambda: sum(stack.states().values()) == len(events), 30, "all to be routed")
    stack.flask("destinations", "resume", name)


def shown(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def account_is_read(stack: Stack) -> bool:
    return bool(stack.rows("SELECT 1 AS n FROM destination WHERE account_read_at IS NOT NULL"))


def test_a_backlog_for_hubspot_is_sent_in_few_calls_with_an_attempt_for_each_delivery(
    stack: Stack, hubspot: FakeHubSpot
) -> None:
    secret = connect_hubspot(stack, hubspot)
    send_all(stack, secret, [lead(n) for n in range(150)])
    stack.wait_for(lambda: stack.states() == {"delivered": 150}, 60, "all to be delivered")
    assert len(hubspot.contacts) == 150
    assert len(hubspot.calls("upsert")) <= 12, "they were sent one by one"
    rows = stack.rows("SELECT delivery_id, outcome, request FROM attempt")
    assert len({row["delivery_id"] for row in rows}) == len(rows) == 150
    assert {row["outcome"] for row in rows} == {"accepted"}
    sent = [shown(row["request"]) for row in rows]
    assert max(request.get("together", 1) for request in sent) >= 50
    assert all(request["body"].count("@example.com") <= 2 for request in sent), (
        "an attempt shows the data of another delivery"
    )


@pytest.mark.parametrize("multi_status", [True, False])
@POSTGRES
def test_a_field_that_hubspot_lacks_is_left_out_of_one_lead_among_many(
    stack: Stack, hubspot: FakeHubSpot, multi_status: bool
) -> None:
    hubspot.multi_status = multi_status
    secret = connect_hubspot(stack, hubspot)
    hubspot.properties["contacts"] = [
        one for one in hubspot.properties["contacts"] if one["name"] != "company"
    ]
    leads = [lead(n) for n in range(40)]
    leads[17]["data"]["fields"]["Company"] = "Tea & Co"
    send_all(stack, secret, leads)
    stack.wait_for(lambda: stack.states() == {"delivered": 40}, 60, "all to be delivered")
    assert len(hubspot.contacts) == 40
    (attempt,) = stack.rows("SELECT notes FROM attempt WHERE notes IS NOT NULL")
    (note,) = shown(attempt["notes"])
    assert note["field"] == "contact.company"
    assert (
        'relay_fields_left_out_total{kind="hubspot"} 1.0'
        in requests.get(f"{stack.url}/metrics").text
    )


@POSTGRES
def test_one_lead_without_a_usable_address_among_many_is_dead_alone(
    stack: Stack, hubspot: FakeHubSpot
) -> None:
    secret = connect_hubspot(stack, hubspot)
    leads = [lead(n) for n in range(40)]
    leads[17]["data"]["fields"]["E-mail"] = "person17@shop.invalid"  # only HubSpot knows domains
    send_all(stack, secret, leads)
    stack.wait_for(lambda: stack.states() == {"delivered": 39, "dead": 1}, 60, "all to settle")
    assert len(hubspot.contacts) == 39
    (dead_letter,) = stack.rows("SELECT code, field FROM dead_letter")
    assert (dead_letter["code"], dead_letter["field"]) == ("bad_value", "email")


@POSTGRES
def test_the_rate_limit_counts_calls_and_not_records(stack: Stack, hubspot: FakeHubSpot) -> None:
    secret = connect_hubspot(stack, hubspot)
    stack.flask("destinations", "pace", "HubSpot", "--rate", "1/second")
    send_all(stack, secret, [lead(n) for n in range(90)])
    stack.wait_for(lambda: stack.states() == {"delivered": 90}, 30, "all to be delivered")
    times = [seen.at for seen in hubspot.calls("upsert")]
    assert len(times) <= 8
    assert all(later - sooner > 0.9 for sooner, later in itertools.pairwise(times))


@pytest.mark.parametrize(
    "moment", ["contacts/batch/upsert", "deals/batch/upsert", "/properties/", "associate"]
)
@POSTGRES
def test_a_worker_killed_in_the_middle_makes_no_second_contact_or_deal(
    stack: Stack, hubspot: FakeHubSpot, moment: str
) -> None:
    secret = connect_hubspot(stack, hubspot)
    stack.wait_for(lambda: account_is_read(stack), 20, "the account to be read")
    hubspot.forget()
    hubspot.lag(moment, 60)
    assert stack.send(order(), secret).status_code == 202
    stack.wait_for(lambda: hubspot.calls(moment), 20, f"the call to {moment}")
    stack.kill("worker")
    stack.change("UPDATE delivery SET lease_until = created_at WHERE state = 'in_flight'")
    stack.change("UPDATE destination SET drain_until = created_at")
    stack.start("worker")
    stack.wait_for(lambda: stack.states() == {"delivered": 1}, 60, "it to be delivered")
    assert len(hubspot.contacts) == len(hubspot.deals) == len(hubspot.joined) == 1
    assert hubspot.deals[0]["relay_order_key"] == "shop.example.com:1042"
    assert hubspot.deals[0]["dealstage"] == "paid"  # by the stages of the account itself


@POSTGRES
def test_an_attempt_shows_every_call_it_made(stack: Stack, hubspot: FakeHubSpot) -> None:
    secret = connect_hubspot(stack, hubspot)
    stack.send(order(), secret)
    stack.wait_for(lambda: stack.states() == {"delivered": 1}, 30, "it to be delivered")
    (attempt,) = stack.rows("SELECT request, response FROM attempt")
    request = shown(attempt["request"])
    calls = [one["request"]["url"] for one in request["earlier"]] + [request["url"]]
    assert [url.rpartition("/crm/")[2] for url in calls] == [
        "objects/2026-03/contacts/batch/upsert",
        "objects/2026-03/deals/batch/upsert",
        "properties/2026-03/deals",
        "objects/2026-03/deals/batch/upsert",
        "associations/2026-03/deals/contacts/batch/associate/default",
    ]
    assert [one["response"]["status"] for one in request["earlier"]] == [200, 400, 201, 200]
    assert TOKEN not in json.dumps(request)


@POSTGRES
def test_a_used_up_daily_quota_holds_everything_until_midnight_there_and_costs_no_attempt(
    stack: Stack, hubspot: FakeHubSpot
) -> None:
    secret = connect_hubspot(stack, hubspot)
    stack.wait_for(lambda: account_is_read(stack), 20, "the account to be read")
    hubspot.next("upsert", too_many("DAILY"))
    send_all(stack, secret, [lead(n) for n in range(5)])

    def held() -> Any:
        return stack.rows("SELECT held_until, held_reason FROM destination")[0]

    stack.wait_for(lambda: "midnight" in held()["held_reason"], 20, "the hold")
    local = held()["held_until"].astimezone(ZoneInfo("Europe/Berlin"))
    assert isinstance(local, datetime) and (local.hour, local.minute) in {(0, 0), (23, 59)}
    stack.wait_for(lambda: stack.states() == {"pending": 5}, 20, "all to be given back")
    assert stack.rows("SELECT max(attempts) AS n FROM delivery")[0]["n"] == 0
    stack.flask("destinations", "pause", "HubSpot")
    stack.flask("destinations", "resume", "HubSpot")
    stack.wait_for(lambda: stack.states() == {"delivered": 5}, 30, "all to be delivered")


def test_a_backlog_for_slack_is_one_digest_and_the_next_message_waits(
    stack: Stack, slack: FakeSlack
) -> None:
    secret = connect_slack(stack, slack)
    send_all(stack, secret, [lead(n) for n in range(60)])
    stack.wait_for(lambda: stack.states() == {"delivered": 60}, 30, "all to be delivered")
    (text,) = slack.texts
    assert text.startswith("*60 messages in one: 60 leads*")
    sent = [shown(row["request"]) for row in stack.rows("SELECT request FROM attempt")]
    assert [one["together"] for one in sent] == [60] * 60
    (row,) = stack.rows("SELECT held_reason FROM destination")
    assert "digest" in row["held_reason"]
    stack.send(comment(), secret)
    stack.wait_for(lambda: stack.states().get("pending") == 1, 20, "the next one to wait")
    assert len(slack.messages) == 1


@POSTGRES
def test_a_few_messages_for_slack_are_sent_one_by_one(stack: Stack, slack: FakeSlack) -> None:
    secret = connect_slack(stack, slack)
    send_all(stack, secret, [comment() for _ in range(3)])
    stack.wait_for(lambda: stack.states() == {"delivered": 3}, 30, "all to be delivered")
    assert len(slack.messages) == 3
    times = [seen.at for seen in slack.requests]
    assert all(later - sooner > 0.9 for sooner, later in itertools.pairwise(times))


@POSTGRES
def test_the_quota_that_hubspot_reports_is_stored(stack: Stack, hubspot: FakeHubSpot) -> None:
    secret = connect_hubspot(stack, hubspot)
    for n in range(3):
        stack.send(lead(n), secret)
        stack.wait_for(lambda n=n: stack.states().get("delivered") == n + 1, 20, "delivery")
    rows = {row["name"]: row for row in stack.rows("SELECT * FROM gauge")}
    assert rows["day"]["limit"] == hubspot.daily
    assert rows["day"]["remaining"] == hubspot.daily - hubspot.used
    assert rows["interval"]["limit"] == 100
