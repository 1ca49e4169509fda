"""Charts, help and first steps in a browser: drawn from what was counted, by keyboard, in both themes."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.test_first_event import first_run
from tests.support.events import comment
from tests.support.stack import Stack

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
IS_PAINTED = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.some((value) => value !== 0);
}"""


def test_charts_are_drawn_and_help_opens_beside_them(stack: Stack, page: Page) -> None:
    first_run(stack, page)
    site = stack.make_source("Shop", "https://shop.example.com")
    stack.flask("destinations", "create", "inbox", "Inbox")
    stack.send(comment(), site.secret)
    stack.wait_for(
        lambda: stack.rows("SELECT 1 FROM site_traffic WHERE span_s = 3600 AND delivered = 1"),
        60,
        "the scheduler to count the event",
    )
    page.goto(stack.url)
    steps = page.locator("#first-steps")
    expect(steps.get_by_text("4 of 7")).to_be_visible()
    for path in ("/", "/traffic", "/destinations/1", f"/sources/{site.slug}"):
        page.goto(stack.url + path)
        canvas = page.locator(".chart canvas").first
        expect(canvas).to_be_visible()
        assert canvas.evaluate(IS_PAINTED)

    page.goto(stack.url)
    expect(page.locator(".chart canvas")).to_be_visible()
    page.wait_for_event("response", lambda answer: answer.url == f"{stack.url}/")
    expect(page.locator("#live .chart canvas")).to_have_count(1)  # a poll keeps the chart

    page.goto(f"{stack.url}/traffic")
    page.get_by_role("link", name="30 days").press("Enter")
    expect(page.get_by_text("in the last 30 days")).to_be_visible()
    expect(page.locator(".chart canvas")).to_be_visible()
    page.get_by_role("button", name="Switch between light and dark mode").press("Enter")
    expect(page.locator(".chart canvas")).to_have_count(1)
    assert page.locator(".chart canvas").evaluate(IS_PAINTED)
    page.get_by_text("Show as a table").first.press("Enter")
    expect(page.get_by_role("columnheader", name="Delivered")).to_be_visible()

    help_link = page.get_by_role("link", name="Help: traffic").first
    help_link.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Traffic and charts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(help_link).to_be_focused()
