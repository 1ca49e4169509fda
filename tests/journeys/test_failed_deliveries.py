"""Failed deliveries with the keyboard, without JavaScript, and with live updates."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.events import comment
from tests.support.people import sign_in, watch
from tests.support.sink import Sink
from tests.support.stack import Stack

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def make_dead_letters(stack: Stack, sink: Sink, number: int) -> str:
    """Make ``number`` dead letters at a hook.  -> the source's secret"""
    secret = stack.make_source().secret
    hook = ("webhook", "Hook", "--set", f"url={sink.url}/in", "--set", "auth=none")
    stack.flask("destinations", "create", *hook)
    sink.answer(400, b"no", path="/in")
    for n in range(number):
        event = comment()
        event["data"] |= {"author": f"Visitor {n}"}
        stack.send(event, secret)
    stack.wait_for(lambda: count(stack, "open") == number, 30, "the dead letters")
    sink.answer(200, path="/in")
    sink.forget()
    return secret


def count(stack: Stack, state: str) -> int:
    return len(stack.rows("SELECT 1 FROM dead_letter WHERE state = :s", s=state))


def tab_to(page: Page, words: str) -> None:
    """Press Tab until an element with this label has the focus, and check that the focus is visible."""
    name = re.compile(words)
    for _ in range(120):
        page.keyboard.press("Tab")
        label = page.evaluate(
            "(() => { const e = document.activeElement;"
            " return (e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent).trim() })()"
        )
        if name.search(label):
            ring = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert ring != "none", f"the focus on {label} is not visible"
            return
    raise AssertionError(f"Tab does not reach {words}.")


def test_failed_deliveries_are_handled_with_the_keyboard(
    stack: Stack, sink: Sink, page: Page
) -> None:
    make_dead_letters(stack, sink, 3)
    sign_in(stack, page, "support", "/dead-letters")
    tab_to(page, "^Assign to me$")
    page.keyboard.press("Enter")
    expect(page.locator(".cause")).to_contain_text("assigned to support@example.com")
    tab_to(page, r"^Note")
    page.keyboard.press("Enter")
    tab_to(page, "Note for your team")
    page.keyboard.type("They were duplicates")
    tab_to(page, "^Save note$")
    page.keyboard.press("Enter")
    expect(page.locator(".cause .note")).to_have_text("They were duplicates")

    tab_to(page, "^View deliveries$")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/dead-letters/list"))
    tab_to(page, "^Select New comment")
    page.keyboard.press("Space")
    expect(page.locator("#bulk-actions")).to_contain_text("Selected: 1")
    page.locator("#content").focus()
    tab_to(page, "^Resend…$")
    page.keyboard.press("Enter")
    expect(page.locator("#preview")).to_contain_text("1 new")
    tab_to(page, "^Resend 1$")
    page.keyboard.press("Enter")
    expect(page.locator("#replay")).to_contain_text("1 of 1 delivered", timeout=30_000)
    assert len(sink.wait(1)) == 1

    page.goto(f"{stack.url}/dead-letters")
    tab_to(page, "^Discard 2")
    page.keyboard.press("Enter")
    tab_to(page, "^Reason")
    page.keyboard.type("duplicates")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No failed deliveries", exact=True)).to_be_visible()
    ended = stack.rows("SELECT reason FROM dead_letter WHERE resolution = 'discarded'")
    assert [row["reason"] for row in ended] == ["duplicates", "duplicates"]


def test_select_all_selects_the_page_and_all_matching_follows_the_filter(
    stack: Stack, sink: Sink, page: Page
) -> None:
    make_dead_letters(stack, sink, 4)
    sign_in(stack, page, "admin", "/dead-letters/list")  # only admins search within values
    page.get_by_label("Select all on this page").check()
    expect(page.locator("#bulk-actions")).to_contain_text("Selected: 4")
    page.get_by_role("checkbox", name=re.compile("Select New comment")).first.uncheck()
    expect(page.locator("#bulk-actions")).to_contain_text("Selected: 3")
    page.get_by_label("Search").press_sequentially('"visitor 2"')
    expect(page.locator("#bulk-actions")).to_contain_text("All 1 matching")
    page.get_by_label("All 1 matching").check()
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator("#toasts")).to_contain_text("Acknowledged.")
    assert (count(stack, "acknowledged"), count(stack, "open")) == (1, 3)
    expect(page.get_by_label("Search")).to_have_value('"visitor 2"')
    page.get_by_label("State").select_option("acknowledged")
    expect(page.locator("#bulk-actions")).to_contain_text("All 1 matching")
    page.get_by_label("Search").fill("")
    page.get_by_label("Search").press("Enter")
    page.get_by_label("State").select_option("open")
    expect(page.locator("#bulk-actions")).to_contain_text("All 3 matching")


def test_everything_works_without_javascript(stack: Stack, sink: Sink, browser: Browser) -> None:
    make_dead_letters(stack, sink, 3)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(stack, page, "support", "/dead-letters")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_text("3 acknowledged.")).to_be_visible()
    page.get_by_role("link", name="View deliveries").click()
    page.locator("input[name=dead_letter]").first.check()
    page.get_by_role("button", name="Resend…").click()
    page.get_by_role("button", name="Resend 1").click()
    page.wait_for_url(re.compile(r"/replays/\d+"))
    sink.wait(1)
    stack.wait_for(
        lambda: stack.rows("SELECT 1 FROM replay WHERE state = 'done'"), 20, "the replay's end"
    )
    page.reload()
    expect(page.locator("#replay")).to_contain_text("1 of 1 delivered")
    page.goto(f"{stack.url}/dead-letters/list")
    page.get_by_label("All 2 matching").check()
    page.get_by_text("Discard…").first.click()
    page.locator("#reason").fill("duplicates")
    page.get_by_role("button", name="Discard", exact=True).click()
    expect(page.get_by_text("2 discarded. Relay stops sending these deliveries.")).to_be_visible()
    context.close()
    assert (count(stack, "resolved"), len(sink.requests)) == (3, 1)


def test_new_failures_are_announced_on_an_open_page(stack: Stack, sink: Sink, page: Page) -> None:
    secret = make_dead_letters(stack, sink, 1)
    sign_in(stack, page, "viewer", "/dead-letters")
    badge = page.locator("#open-dead-letters")
    expect(badge).to_have_text("1")
    sink.answer(400, b"no", path="/in")
    stack.send(comment(), secret)
    watch(page, lambda: count(stack, "open") == 2, 30, "the second dead letter")
    expect(badge).to_have_text("2", timeout=30_000)
    expect(page.locator("#dead-letter-updates")).to_contain_text(
        "1 new failed delivery.", timeout=30_000
    )
    page.get_by_role("link", name="Refresh").click()
    expect(page.locator(".cause-count")).to_contain_text("2")
