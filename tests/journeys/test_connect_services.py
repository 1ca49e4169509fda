"""A shop owner connects Slack, HubSpot and a CRM of their own in the browser."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import Console
from tests.support.events import SMALL_ORDER, comment
from tests.support.fake_hubspot import FORM, PORTAL, TOKEN, Answer, FakeHubSpot, too_many
from tests.support.fake_slack import CHANNEL, FakeSlack, refusal
from tests.support.fake_slack import TOKEN as BOT_TOKEN
from tests.support.people import sign_in
from tests.support.stack import Stack
from tests.support.token_endpoint import TokenEndpoint

pytestmark = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


def choose(stack: Stack, page: Page, kind: str) -> None:
    page.goto(f"{stack.url}/destinations/new")
    page.get_by_role("link", name=re.compile(f"^{kind}")).click()


def settled(stack: Stack) -> dict[str, Any]:
    rows = stack.rows("SELECT state, count(*) AS n FROM delivery GROUP BY state")
    return {row["state"]: row["n"] for row in rows}


def test_slack_is_connected_as_a_webhook_and_then_as_a_bot(
    stack: Stack, page: Page, slack: FakeSlack, console: Console
) -> None:
    console.allow("422")
    secret = stack.make_source().secret
    sign_in(stack, page, "admin")
    choose(stack, page, "Slack")
    expect(page.get_by_label("Bot token")).to_be_hidden()
    page.get_by_role("button", name="Add destination").click()
    expect(page.get_by_text("Enter the webhook URL from Slack.")).to_be_visible()
    page.get_by_label("Webhook URL").fill(slack.webhook_url)
    page.get_by_role("button", name="Add destination").click()
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_text("Test succeeded.")).to_be_visible()
    assert slack.texts[0].startswith("*TEST* *New comment by ")

    slack.next(Answer(404, b"no_service"))
    stack.send(comment(), secret)
    expect(page.get_by_text("The webhook was removed in Slack.").first).to_be_visible(
        timeout=20_000
    )

    page.get_by_role("link", name="Edit settings").first.click()
    page.get_by_label("Connection").select_option("bot")
    expect(page.get_by_label("Webhook URL")).to_be_hidden()
    page.get_by_label("Bot token").fill(BOT_TOKEN)
    page.get_by_label("Channel").fill(CHANNEL)
    page.get_by_text("More settings").click()
    page.get_by_label("URL of Slack's API").fill(slack.api_url)
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Resume").click()
    stack.wait_for(lambda: settled(stack) == {"delivered": 1}, 30, "the comment that waited")
    slack.next(refusal("not_in_channel"))
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_text("Type /invite and the app's name there").first).to_be_visible()
    stack.send(comment(), secret)
    stack.wait_for(lambda: settled(stack) == {"delivered": 2}, 30, "both comments")
    assert slack.messages[-1]["channel"] == CHANNEL
    assert BOT_TOKEN not in page.content() and slack.webhook_url not in page.content()


def test_hubspot_is_connected_and_receives_an_order_and_a_lead(
    stack: Stack, page: Page, hubspot: FakeHubSpot, console: Console
) -> None:
    console.allow("422")
    secret = stack.make_source().secret
    sign_in(stack, page, "admin")
    choose(stack, page, "HubSpot")
    expect(page.get_by_label("Form id")).to_be_hidden()
    page.get_by_label("Access token").fill(TOKEN)
    page.get_by_label("Send leads to").select_option("form")
    page.get_by_label("Account number").fill(PORTAL)
    page.get_by_text("More settings").click()
    page.get_by_label("URL of HubSpot's API").fill(hubspot.url)
    page.get_by_label("URL of HubSpot's Forms API").fill(hubspot.url)
    page.get_by_role("button", name="Add destination").click()
    expect(page.get_by_text("Enter the form id, or send leads to a contact.")).to_be_visible()
    page.get_by_label("Form id").fill(FORM)
    page.get_by_label("Access token").fill(TOKEN)
    page.get_by_role("button", name="Add destination").click()
    page.get_by_role("button", name="Reload fields").click()
    expect(page.get_by_text(f"HubSpot account {PORTAL}", exact=True)).to_be_visible()

    order = comment(event="order.created", data=SMALL_ORDER)
    lead = {
        "form": {"plugin": "contact-form-7", "id": 7, "title": "Contact"},
        "fields": {"E-mail": "lead@example.com", "Name": "Leo Lead"},
        "consent": True,
        "created_at": "2026-03-01T12:00:00+00:00",
    }
    stack.send(order, secret)
    stack.send(comment(event="lead.created", data=lead), secret)
    stack.wait_for(lambda: settled(stack) == {"delivered": 2}, 30, "both to arrive")
    assert hubspot.deals[0]["dealstage"] == "paid" and len(hubspot.joined) == 1
    assert hubspot.submissions[0]["legalConsentOptions"]["consent"]["consentToProcess"] is True
    expect(page.get_by_text("Calls a day")).to_be_visible(timeout=20_000)

    (event,) = stack.rows("SELECT id FROM event WHERE event_type = 'order.created'")
    page.goto(f"{stack.url}/events/{event['id']}")
    expect(page.get_by_text("Request", exact=True)).to_have_count(5)
    assert TOKEN not in page.content()

    hubspot.next("upsert", too_many("DAILY"))
    stack.send(comment(event="order.created", data=SMALL_ORDER | {"id": 1043}), secret)
    (destination,) = stack.rows("SELECT id FROM destination")
    page.goto(f"{stack.url}/destinations/{destination['id']}")
    expect(
        page.get_by_text("Relay continues after midnight in the time zone of your HubSpot account.")
    ).to_be_visible(timeout=20_000)
    assert len(hubspot.deals) == 1


def test_a_crm_with_oauth_gets_json_as_written_and_waits_while_its_secret_is_wrong(
    stack: Stack, page: Page, console: Console
) -> None:
    console.allow("422")
    crm = TokenEndpoint()
    secret = stack.make_source().secret
    sign_in(stack, page, "admin")
    choose(stack, page, "Webhook")
    page.get_by_label("Name").fill("CRM")
    page.get_by_label("URL", exact=True).fill(crm.api_url)
    page.get_by_label("Method").select_option("PUT")
    expect(page.get_by_label("JSON text")).to_be_hidden()
    page.get_by_label("Content").select_option("json_text")
    page.get_by_label("JSON text").fill(
        '{"who": "{{ data.customer.name }}", "sum": {{ data.total }}}'
    )
    page.get_by_label("Authentication").select_option("oauth2")
    page.get_by_label("Token URL").fill(crm.token_url)
    page.get_by_label("Client ID", exact=True).fill(crm.rules.client_id)
    page.get_by_label("Client secret", exact=True).fill("an-old-secret")
    page.get_by_role("button", name="Add destination").click()
    expect(page.get_by_text("With a sample of comment.created:")).to_be_visible()

    page.get_by_label("Only these event types").check()
    page.locator('input[name="event_types"][value="order.created"]').check()
    page.get_by_label("Client secret", exact=True).fill("an-old-secret")
    page.get_by_role("button", name="Add destination").click()
    expect(page.get_by_text("it uses no mapping.")).to_be_visible()
    event = {
        "event": "order.created",
        "event_id": "evt-order-1",
        "site": "https://shop.example.com",
    }
    stack.send({**event, "data": SMALL_ORDER}, secret)
    status = page.locator("#status")
    expect(status).to_contain_text(
        "invalid_client: “The client secret is wrong or has expired”", timeout=20_000
    )
    expect(status).to_contain_text("1 delivery is pending. Nothing is lost. Relay sends it when")

    page.get_by_role("link", name="Edit settings").first.click()
    page.get_by_label("Client secret", exact=True).fill(crm.rules.client_secret)
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Resume").click()
    stack.wait_for(lambda: settled(stack) == {"delivered": 1}, 30, "the order")
    (call,) = crm.api_calls()
    assert (call.method, call.body) == ("PUT", b'{"who": "Jane Example", "sum": 129.90}')
    (event,) = stack.rows("SELECT max(id) AS id FROM event")
    page.goto(f"{stack.url}/events/{event['id']}")
    assert crm.rules.client_secret not in page.content() and crm.issued[0] not in page.content()
    crm.close()
