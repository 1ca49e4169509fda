"""Leads use a field that the HubSpot account does not have: it is added there and each lead is resent once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.support.events import lead
from tests.support.fake_hubspot import TOKEN, FakeHubSpot, prop
from tests.support.people import sign_in, watch
from tests.support.stack import Stack

WRONG, RIGHT = 37, 5


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
def test_a_field_that_hubspot_does_not_know_is_one_card_and_one_replay(
    stack: Stack, hubspot: FakeHubSpot, page: Page
) -> None:
    secret = stack.make_source().secret
    made = ("hubspot", "HubSpot", "--secret", "token=-", "--events", "lead.created")
    there = ("--set", f"base_url={hubspot.url}", "--set", f"forms_url={hubspot.url}")
    stack.flask("destinations", "create", *made, *there, input=TOKEN)
    for number in range(WRONG):
        stack.send(asks(number, "Do you ship to Norway?"), secret)
    for number in range(WRONG, WRONG + RIGHT):
        stack.send(asks(number, ""), secret)
    stack.wait_for(
        lambda: len(stack.rows("SELECT 1 FROM dead_letter")) == WRONG, 60, "the dead letters"
    )
    stack.wait_for(lambda: len(hubspot.contacts) == RIGHT, 30, "those without a message")

    # one card for all of them, with the name of the field
    sign_in(stack, page, "support", "/dead-letters")
    card = page.locator(".cause")
    expect(card).to_have_count(1)
    expect(card.locator(".cause-count")).to_have_text(re.compile(rf"{WRONG}\s*failed"))
    expect(card).to_contain_text("HubSpot does not accept the field message")
    expect(card).to_contain_text("or create this one in HubSpot. Then replay the delivery.")
    expect(card).to_contain_text("field message")
    card.get_by_role("link", name="New lead").click()
    expect(page.locator("#story")).to_contain_text("was rejected")
    page.go_back()

    # the user adds the field in HubSpot and resends these deliveries
    hubspot.properties["contacts"].append(prop("message", "Message", widget="textarea"))
    card.get_by_role("link", name=f"Resend {WRONG}").click()
    expect(page.locator("#preview")).to_contain_text(f"{WRONG} new")
    expect(page.locator("#preview")).not_to_contain_text(TOKEN)
    page.get_by_role("button", name=f"Resend {WRONG}").click()
    expect(page.locator("#replay")).to_contain_text(f"{WRONG} of {WRONG} delivered", timeout=60_000)
    page.get_by_role("link", name="Failed deliveries").click()
    expect(page.get_by_text("No failed deliveries", exact=True)).to_be_visible()
    watch(page, lambda: len(hubspot.contacts) == WRONG + RIGHT, 30, "all contacts")
    assert Counter(one["email"] for one in hubspot.contacts) == {
        f"person{number}@example.com": 1 for number in range(WRONG + RIGHT)
    }
    asked = [one for one in hubspot.contacts if one.get("message") == "Do you ship to Norway?"]
    assert len(asked) == WRONG
