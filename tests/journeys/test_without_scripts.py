"""The dashboard without JavaScript: links and forms do everything."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journeys.test_first_event import connect_site, first_run
from tests.support.browser import Console
from tests.support.events import comment
from tests.support.sink import Sink
from tests.support.stack import Stack

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def plain(browser: Browser, console: Console) -> Iterator[Page]:
    """A page of a browser without JavaScript."""
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    context.set_default_timeout(15_000)
    console.watch(context)
    yield context.new_page()
    context.close()
    assert not console.unexpected(), "\n".join(console.unexpected())


def reload_until(stack: Stack, page: Page, text: str) -> None:
    """Reload the page until it contains ``text``."""

    def says() -> bool:
        page.reload()
        return page.get_by_text(text).count() > 0

    stack.wait_for(says, 30, text)


def test_connecting_and_resending_work_without_a_script(
    stack: Stack, sink: Sink, plain: Page, console: Console
) -> None:
    page = plain
    console.allow("status of 422")
    first_run(stack, page)
    connect_site(page, "Shop", "https://shop.example.com")
    values = {
        name: page.get_by_label(name, exact=True).input_value() for name in ("Key ID", "Secret")
    }
    page.get_by_role("link", name="Check again").click()
    expect(page.get_by_text("Waiting for your first event")).to_be_visible()
    stack.send(comment(), values["Secret"], headers={"X-WP-Key-Id": values["Key ID"]})
    reload_until(stack, page, "Your first event has arrived")

    page.get_by_role("link", name="Add a destination").click()
    page.locator("a[href*='kind=webhook']").click()
    page.get_by_label("Name", exact=True).fill("My endpoint")
    page.get_by_label("URL", exact=True).fill("https://10.0.0.1/in")
    page.get_by_label("Authentication").select_option("none")
    page.get_by_role("button", name="Add destination").click()
    expect(page.locator(".field-error").first).to_be_visible()
    page.get_by_label("URL", exact=True).fill(f"{sink.url}/in")
    page.get_by_role("button", name="Add destination").click()
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_text("Test succeeded.").first).to_be_visible()
    assert sink.wait(1)[0].path == "/in"

    sink.answer(400, b"not now", path="/in")
    lost = comment()
    stack.send(lost, values["Secret"])
    stack.wait_for(lambda: stack.rows("SELECT 1 FROM dead_letter"), 30, "the dead letter")
    page.goto(f"{stack.url}/events")
    page.get_by_label("Search").fill(lost["event_id"])
    page.get_by_label("Event type").select_option("comment.created")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("#events tbody tr")).to_have_count(1)
    page.locator("#events tbody a").first.click()
    expect(page.get_by_text("not now").first).to_be_attached()

    sink.answer(200, path="/in")
    page.goto(f"{stack.url}/dead-letters")
    page.get_by_role("link", name="Resend 1").click()
    page.get_by_role("button", name="Resend 1").click()
    stack.wait_for(
        lambda: stack.rows("SELECT 1 FROM delivery WHERE state = 'delivered'"), 30, "the replay"
    )
    assert len(sink.requests) == 3

    page.goto(f"{stack.url}/sources/shop")
    page.get_by_label("Create a new key and keep the old key valid for").select_option(
        label="1 day"
    )
    page.get_by_role("button", name="Rotate key").click()
    assert page.get_by_label("Secret", exact=True).input_value()
    page.goto(f"{stack.url}/sources/shop")
    page.get_by_label("IP address or network").fill("203.0.113.0/24")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("#networks li code")).to_have_text("203.0.113.0/24")
    old = page.locator("tr", has_text=values["Key ID"])
    old.locator("summary").click()
    old.get_by_role("button", name="Revoke key").click()
    expect(page.locator("tr", has_text=values["Key ID"])).to_contain_text("Revoked")
