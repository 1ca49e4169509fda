"""A shop owner maps HubSpot for leads and orders by choices alone."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.browser import Console
from tests.support.events import comment, order
from tests.support.fake_hubspot import TOKEN, FakeHubSpot
from tests.support.people import sign_in
from tests.support.stack import Stack

pytestmark = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
CODE = ("{{", "{%")


def lead(**answers: str) -> dict[str, Any]:
    data = {
        "form": {"plugin": "contact-form-7", "id": 7, "title": "Contact"},
        "fields": {
            "your-name": "Anna Maria von der Heide",
            "Instagram": "@anna.muster",
            "your-email": "Anna <anna@example.com>",
            "Preferred contact: phone or mail?": "mail",
            "tel-123": "+49 30 123456",
            **answers,
        },
        "created_at": "2026-03-01T12:00:00+00:00",
    }
    return comment(event="lead.created", data=data)


def connect(stack: Stack, hubspot: FakeHubSpot) -> str:
    """A site, HubSpot with its account read, and one lead and one order.  -> the site's secret"""
    secret = stack.make_source("Tea Shop").secret
    settings = ("--set", f"base_url={hubspot.url}", "--set", f"forms_url={hubspot.url}")
    made = ("destinations", "create", "hubspot", "CRM", *settings, "--secret", "token=-")
    stack.flask(*made, "--events", "order.created,lead.created", input=TOKEN)
    account = "SELECT 1 FROM destination WHERE account IS NOT NULL"
    stack.wait_for(lambda: stack.rows(account), 30, "the account to be read")
    stack.send(lead(), secret)
    stack.send(order(), secret)
    wait_for_deliveries(stack, 2)
    return secret


def wait_for_deliveries(stack: Stack, count: int) -> None:
    arrived = "SELECT 1 FROM delivery WHERE state = 'delivered'"
    stack.wait_for(lambda: len(stack.rows(arrived)) == count, 30, "the deliveries")


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("group", name=name, exact=True)


def chosen(page: Page, name: str) -> Locator:
    return row(page, name).locator("select[data-origin] option:checked")


def expect_no_code(page: Page) -> None:
    content = page.content()
    assert not [mark for mark in CODE if mark in content]


def test_leads_and_orders_are_mapped_to_hubspot_by_choices_alone(
    stack: Stack, page: Page, hubspot: FakeHubSpot
) -> None:
    secret = connect(stack, hubspot)
    here = "/destinations/1/subscriptions/1/mapping"
    sign_in(stack, page, "admin", f"{here}?type=lead.created")
    expect_no_code(page)
    expect(chosen(page, "Email")).to_have_text("E-mail address of the lead (anna@example.com)")
    expect(chosen(page, "First Name")).to_have_text("First name of the lead (Anna Maria)")
    expect(chosen(page, "Last Name")).to_have_text("Last name of the lead (von der Heide)")
    expect(chosen(page, "Phone Number")).to_have_text("Phone number of the lead (+49 30 123456)")
    value = row(page, "Message").locator("select[data-origin]")
    value.select_option("computed:lead.answers")
    expect(page.locator("#preview")).to_contain_text("Instagram: @anna.muster")
    expect_no_code(page)
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_text("Saved. The mapping applies to new events.")).to_be_visible()

    page.get_by_role("link", name="New order").click()
    expect(row(page, "Deal Stage")).to_be_visible()
    expect_no_code(page)
    stage = row(page, "Deal Stage")
    sentence = stage.locator("summary")
    expect(sentence).to_have_text("Paid → Paid, cancelled → Cancelled, otherwise → New order")
    sentence.click()
    stage.get_by_label("Paid (processing or completed)").select_option("New order")
    expect(sentence).to_contain_text("Paid → New order")
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_text("Saved. The mapping applies to new events.")).to_be_visible()
    expect_no_code(page)

    stack.send(lead(Colour="Blue"), secret)
    stack.send(order(number="2001", id=2001), secret)
    wait_for_deliveries(stack, 4)
    (contact,) = [one for one in hubspot.contacts if one["email"] == "anna@example.com"]
    assert (contact["firstname"], contact["lastname"]) == ("Anna Maria", "von der Heide")
    assert "Colour: Blue" in contact["message"]
    assert [deal["dealstage"] for deal in hubspot.deals if "2001" in deal["dealname"]] == ["new"]


def test_code_appears_only_when_custom_text_is_chosen(
    stack: Stack, page: Page, hubspot: FakeHubSpot, console: Console
) -> None:
    console.allow("422")
    connect(stack, hubspot)
    sign_in(stack, page, "admin", "/destinations/1/subscriptions/1/mapping?type=order.created")
    help_text = page.get_by_text("How to write a text")
    expect(help_text).to_have_count(0)
    expect_no_code(page)
    name = row(page, "Deal Name")
    expect(name.locator("textarea")).to_be_hidden()
    name.locator("select[data-origin]").select_option(label="Custom text…")
    expect(help_text).to_be_visible()
    expect(name.locator("textarea")).to_be_visible()
    name.locator("textarea").fill("No. ")
    page.locator(".field-pick", has_text="number").first.click()
    expect(name.locator("textarea")).to_have_value("No. {{ data.number }}")
    expect(page.locator("#preview")).to_contain_text('"dealname": "No. 1042"')
    name.locator("textarea").fill("{{ data.number | uppcase }}")
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_text("There is no filter “uppcase”. Do you mean “upcase”?")).to_be_visible()
    page.wait_for_load_state("load")  # the page reacts to a choice from now on
    name.locator("select[data-origin]").select_option("computed:order.deal_name")
    expect(help_text).to_have_count(0)
