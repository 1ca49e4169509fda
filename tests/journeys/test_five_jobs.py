"""The five jobs of a person who knows nothing, with the number of clicks and fields that each takes."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.browser import Console
from tests.support.events import comment, order
from tests.support.fake_hubspot import TOKEN, FakeHubSpot
from tests.support.fake_slack import FakeSlack
from tests.support.people import sign_in
from tests.support.sink import Sink
from tests.support.stack import Stack

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Steps:
    """Counts what a person does.  A click and a filled field are one step each."""

    def __init__(self, page: Page):
        self.page, self.count = page, 0

    def click(self, role: str, name: str | re.Pattern[str]) -> None:
        self.count += 1
        self.page.get_by_role(role, name=name).first.click()  # type: ignore[arg-type]

    def press(self, found: Locator) -> None:
        self.count += 1
        found.click()

    def fill(self, label: str, text: str) -> None:
        self.count += 1
        self.page.get_by_label(label, exact=True).fill(text)


def test_the_five_jobs_take_few_steps(
    stack: Stack, page: Page, sink: Sink, slack: FakeSlack, hubspot: FakeHubSpot, console: Console
) -> None:
    console.allow("422")
    sign_in(stack, page, "admin")

    site = Steps(page)
    site.click("link", "Connect a site")
    site.fill("Name", "Shop")
    site.fill("Site URL", "https://shop.example.com")
    site.click("button", "Continue")
    expect(page.get_by_label("Connection string", exact=True)).to_be_visible()
    secret = page.get_by_label("Secret", exact=True).input_value()
    assert site.count <= 4
    stack.send(comment(), secret)
    expect(page.get_by_text("Your first event has arrived")).to_be_visible()

    chat = Steps(page)
    chat.click("link", "Add a destination")
    chat.click("link", re.compile("^Slack"))
    chat.fill("Webhook URL", slack.webhook_url)
    chat.click("button", "Add destination")
    chat.click("button", "Send a test")
    expect(page.get_by_text("Test succeeded.").first).to_be_visible()
    assert chat.count <= 6

    page.goto(f"{stack.url}/destinations")
    crm = Steps(page)
    crm.click("link", re.compile("^Add (a )?destination|^New destination"))
    crm.click("link", re.compile("^HubSpot"))
    crm.fill("Access token", TOKEN)
    page.get_by_text("More settings").click()  # only a test needs another server
    page.get_by_label("URL of HubSpot's API").fill(hubspot.url)
    page.get_by_label("URL of HubSpot's Forms API").fill(hubspot.url)
    crm.click("button", "Add destination")
    crm.click("button", "Send a test")
    expect(page.get_by_text("Test succeeded.").first).to_be_visible()
    stack.send(order(), secret)
    stack.wait_for(lambda: bool(hubspot.deals), 30, "the order as a deal")
    assert crm.count <= 8

    page.goto(f"{stack.url}/")
    key = Steps(page)
    key.press(page.get_by_role("link", name="Sites", exact=True))
    key.press(page.get_by_role("link", name="Shop").first)
    key.click("button", re.compile("^Rotate"))
    rotated = page.get_by_label("Secret", exact=True)
    expect(rotated).to_be_visible()
    assert rotated.input_value() != secret
    assert key.count <= 3

    stack.flask("destinations", "create", "webhook", "Hook", "--set", f"url={sink.url}/in")
    sink.answer(400, b"no", path="/in")
    stack.send(comment(), secret)
    failed = "SELECT 1 FROM dead_letter WHERE state = 'open'"
    stack.wait_for(lambda: bool(stack.rows(failed)), 30, "the failed delivery")
    sink.answer(200, path="/in")
    page.goto(f"{stack.url}/")
    again = Steps(page)
    again.click("link", re.compile("^Failed deliveries"))
    again.click("link", "Resend 1")
    again.click("button", "Resend 1")
    stack.wait_for(lambda: not stack.rows(failed), 30, "the delivery")
    assert again.count <= 3
