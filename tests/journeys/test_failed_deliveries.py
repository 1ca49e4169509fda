"""The work place of dead letters by keyboard alone, without JavaScript, and live."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.events import comment
from tests.support.people import sign_in, watch
from tests.support.sink import Sink
from tests.support.stack import Stack

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def bury(stack: Stack, sink: Sink, count: int) -> str:
    """``count`` dead letters at a hook.  -> the source's secret"""
    secret = stack.make_source().secret
    hook = ("webhook", "Hook", "--set", f"url={sink.url}/in", "--set", "auth=none")
    stack.flask("destinations", "create", *hook)
    sink.answer(400, b"no", path="/in")
    for number in range(count):
        event = comment()
        event["data"] |= {"author": f"Visitor {number}"}
        stack.send(event, secret)
    stack.wait_for(lambda: letters(stack, "open") == count, 30, "the dead letters")
    sink.answer(200, path="/in")
    sink.forget()
    return secret


def letters(stack: Stack, state: str) -> int:
    return len(stack.rows("SELECT 1 FROM dead_letter WHERE state = :s", s=state))


def tab_to(page: Page, words: str) -> None:
    """Press Tab until what has the focus is called so.  It is seen to have it."""
    name = re.compile(words)
    for _ in range(120):
        page.keyboard.press("Tab")
        called = page.evaluate(
            "(() => { const e = document.activeElement;"
            " return (e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent).trim() })()"
        )
        if name.search(called):
            ring = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert ring != "none", f"{called} does not show that it has the focus"
            return
    raise AssertionError(f"No Tab leads to {words}.")


def test_the_keyboard_alone_suffices(stack: Stack, sink: Sink, page: Page) -> None:
    bury(stack, sink, 3)
    sign_in(stack, page, "support", "/dead-letters")
    tab_to(page, "^Assign to me$")
    page.keyboard.press("Enter")
    expect(page.locator(".cause")).to_contain_text("support@example.com looks after them")
    tab_to(page, r"^Note")
    page.keyboard.press("Enter")
    tab_to(page, "What should the next person know")
    page.keyboard.type("They were doubles")
    tab_to(page, "^Keep the note$")
    page.keyboard.press("Enter")
    expect(page.locator(".cause .note")).to_have_text("They were doubles")

    tab_to(page, "^Look at them$")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/dead-letters/list"))
    tab_to(page, "^Tick New comment")
    page.keyboard.press("Space")
    expect(page.locator("#picked")).to_contain_text("The ones I tick: 1")
    page.locator("#content").focus()
    tab_to(page, "^Send again …$")
    page.keyboard.press("Enter")
    expect(page.locator("#preview")).to_contain_text("1 would be created")
    tab_to(page, "^Send 1 again$")
    page.keyboard.press("Enter")
    expect(page.locator("#replay")).to_contain_text("1 of 1 arrived", timeout=30_000)
    assert len(sink.wait(1)) == 1

    page.goto(f"{stack.url}/dead-letters")
    tab_to(page, "^Discard 2")
    page.keyboard.press("Enter")
    tab_to(page, "Why")
    page.keyboard.type("doubles")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No dead letters", exact=True)).to_be_visible()
    ended = stack.rows("SELECT reason FROM dead_letter WHERE resolution = 'discarded'")
    assert [row["reason"] for row in ended] == ["doubles", "doubles"]


def test_ticking_the_head_ticks_the_page_and_the_filter_narrows_what_all_means(
    stack: Stack, sink: Sink, page: Page
) -> None:
    bury(stack, sink, 4)
    sign_in(stack, page, "support", "/dead-letters/list")
    page.get_by_label("Tick all on this page").check()
    expect(page.locator("#picked")).to_contain_text("The ones I tick: 4")
    page.get_by_role("checkbox", name=re.compile("Tick New comment")).first.uncheck()
    expect(page.locator("#picked")).to_contain_text("The ones I tick: 3")
    page.get_by_label("Search").press_sequentially("visitor 2")
    expect(page.locator("#picked")).to_contain_text("All 1 that match")
    page.get_by_label("All 1 that match").check()
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator("#toasts")).to_contain_text("1 is marked as seen.")
    assert (letters(stack, "acknowledged"), letters(stack, "open")) == (1, 3)
    expect(page.get_by_label("Search")).to_have_value("visitor 2")
    page.get_by_label("State").select_option("acknowledged")
    expect(page.locator("#picked")).to_contain_text("All 1 that match")
    page.get_by_label("Search").fill("")
    page.get_by_label("Search").press("Enter")
    page.get_by_label("State").select_option("open")
    expect(page.locator("#picked")).to_contain_text("All 3 that match")


def test_everything_works_without_javascript(stack: Stack, sink: Sink, browser: Browser) -> None:
    bury(stack, sink, 3)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(stack, page, "support", "/dead-letters")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_text("3 are marked as seen.")).to_be_visible()
    page.get_by_role("link", name="Look at them").click()
    page.get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Send again …").click()
    page.get_by_role("button", name="Send 1 again").click()
    page.wait_for_url(re.compile(r"/replays/\d+"))
    sink.wait(1)
    stack.wait_for(
        lambda: stack.rows("SELECT 1 FROM replay WHERE state = 'done'"), 20, "the replay's end"
    )
    page.reload()
    expect(page.locator("#replay")).to_contain_text("1 of 1 arrived")
    page.goto(f"{stack.url}/dead-letters/list")
    page.get_by_label("All 2 that match").check()
    page.get_by_text("Discard …").first.click()
    page.locator("#reason").fill("doubles")
    page.get_by_role("button", name="Discard them").click()
    expect(page.get_by_text("2 discarded. They will not be sent.")).to_be_visible()
    context.close()
    assert (letters(stack, "resolved"), len(sink.requests)) == (3, 1)


def test_what_comes_in_is_counted_while_a_person_looks(
    stack: Stack, sink: Sink, page: Page
) -> None:
    secret = bury(stack, sink, 1)
    sign_in(stack, page, "viewer", "/dead-letters")
    count = page.locator("#open-letters")
    expect(count).to_have_text("1")
    sink.answer(400, b"no", path="/in")
    stack.send(comment(), secret)
    watch(page, lambda: letters(stack, "open") == 2, 30, "the second dead letter")
    expect(count).to_have_text("2", timeout=30_000)
    expect(page.locator("#letters-news")).to_contain_text("1 more came in.", timeout=30_000)
    page.get_by_role("link", name="Show it as it is now").click()
    expect(page.locator(".cause-count")).to_contain_text("2")
