"""Leads use a field that the HubSpot account does not have: they arrive without it, and a person is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.support.events import lead
from tests.support.fake_hubspot import TOKEN, FakeHubSpot, prop
from tests.support.people import sign_in
from tests.support.stack import Stack

WITH, WITHOUT = 12, 3


@pytest.fixture
def hubspot() -> Iterator[FakeHubSpot]:
    """An account without the field ``message``."""
    server = FakeHubSpot()
    fields = server.properties["contacts"]
    server.properties["contacts"] = [one for one in fields if one["name"] != "message"]
    yield server
    server.close()


def asks(number: int, message: str) -> dict[str, object]:
    event = lead(number)
    event["data"]["fields"] |= {"Your message": message} if message else {}
    return event


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_leads_arrive_without_a_field_that_hubspot_does_not_have_and_a_person_is_told(
    stack: Stack, hubspot: FakeHubSpot, page: Page
) -> None:
    secret = stack.make_source().secret
    made = ("hubspot", "HubSpot", "--secret", "token=-", "--events", "lead.created")
    there = ("--set", f"base_url={hubspot.url}", "--set", f"forms_url={hubspot.url}")
    message = prop("message", "Message", widget="textarea")
    hubspot.properties["contacts"].append(message)
    stack.flask("destinations", "create", *made, *there, input=TOKEN)
    read = (
        "SELECT id FROM destination WHERE account IS NOT NULL AND CAST(account AS text) <> 'null'"
    )
    stack.wait_for(lambda: stack.rows(read), 30, "the fields of the account")
    hubspot.properties["contacts"].remove(message)  # after Relay has read the fields
    for number in range(WITH + WITHOUT):
        stack.send(asks(number, "Do you ship to Norway?" if number < WITH else ""), secret)
    stack.wait_for(lambda: stack.states() == {"delivered": WITH + WITHOUT}, 60, "all leads")
    assert len(hubspot.contacts) == WITH + WITHOUT

    # the destination's page counts what was left out, and an event's page says why
    (destination,) = stack.rows("SELECT id FROM destination")
    sign_in(stack, page, "admin", f"/destinations/{destination['id']}")
    card = page.locator("#left-out")
    expect(card).to_contain_text(f"something was left out of {WITH} deliveries")
    expect(card).to_contain_text(f"Message: {WITH}")
    (event,) = stack.rows("SELECT min(id) AS id FROM event")
    page.goto(f"{stack.url}/events/{event['id']}")
    expect(page.locator("#story")).to_contain_text(
        "Sent without: Message — HubSpot does not accept this field: it does not exist in your account"
    )
    page.get_by_role("link", name="Fix mapping").click()
    expect(page).to_have_url(
        f"{stack.url}/destinations/{destination['id']}/subscriptions/1/mapping?type=lead.created"
    )

    # the user adds the field in HubSpot: the next lead has it
    hubspot.properties["contacts"].append(message)
    stack.send(asks(99, "And to Iceland?"), secret)
    stack.wait_for(lambda: len(hubspot.contacts) == WITH + WITHOUT + 1, 30, "the next lead")
    assert hubspot.contacts[-1]["message"] == "And to Iceland?"
