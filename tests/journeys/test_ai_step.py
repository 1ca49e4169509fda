"""A user adds an AI step with the keyboard, sees an enriched event, and then the daily limit."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

from tests.support.events import comment
from tests.support.fake_openai import FakeOpenAI
from tests.support.people import sign_in
from tests.support.stack import Stack

ONCE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def reach(page: Page, selector: str, most: int = 120) -> None:
    """Press Tab until the element has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
    raise AssertionError(f"The Tab key does not lead to {selector}")


def type_into(page: Page, selector: str, words: str) -> None:
    reach(page, selector)
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type(words)


def follow(page: Page, selector: str) -> None:
    """Reach it and press Enter, which leads to another page."""
    reach(page, selector)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def send(stack: Stack, secret: str, content: str) -> str:
    event = comment()
    event["data"] |= {"content": content, "author": "Jane Doe"}
    assert stack.send(event, secret).status_code == 202
    return str(event["event_id"])


@ONCE
def test_an_ai_step_added_with_the_keyboard_falls_back_at_its_daily_limit(
    stack: Stack, openai: FakeOpenAI, page: Page
) -> None:
    secret = stack.make_source("Blue Teapot Shop").secret
    stack.flask("destinations", "create", "inbox", "Inbox")
    openai.says(topic="question", urgent=True, summary="[NAME_1] asks about lids.")
    send(stack, secret, "Hello, I am Jane Doe, jane@example.com")
    sign_in(stack, page, "admin")

    # an AI service, by its form
    page.goto(f"{stack.url}/destinations/new")
    follow(page, "a[href='/destinations/new?kind=openai']")
    type_into(page, "#f-name", "Support AI")
    type_into(page, "#f-base_url", openai.base_url)
    type_into(page, "#f-models", "small-1 0.25 2.00")
    type_into(page, "#f-currency", "EUR")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Support AI")).to_be_visible()

    # a step for the inbox: the defaults are right, so only the limit is entered
    follow(page, "a.nav-link[href='/destinations']")
    follow(page, "main a[href='/destinations/1']")
    follow(page, "main a[href$='/ai']")
    expect(page.get_by_label("Model")).to_have_value("2 small-1")
    expect(page.locator("input[name=shown]:checked")).not_to_have_count(0)
    type_into(page, "#day_calls", "2")
    reach(page, "button[formaction$='/try']")
    page.keyboard.press("Enter")
    result = page.locator("#test-result")
    expect(result).to_contain_text("With AI: small-1 answered.", timeout=30_000)
    expect(result).to_contain_text("Jane Doe asks about lids.")
    expect(result).to_contain_text("Hello, I am [NAME_1], [EMAIL_1]")
    expect(result).to_contain_text("120 input tokens, 40 output tokens, 0.00011 EUR")
    follow(page, "#day_calls")
    expect(page.get_by_text("Saved. The AI step applies to new events.")).to_be_visible()
    expect(page.get_by_text("small-1 at Support AI adds topic, urgent, summary")).to_be_visible()
    asked = openai.requests[0].body.decode()
    assert "Jane" not in asked and "jane@" not in asked

    # one event is enriched; the next one reaches the limit of two calls (the test was the first)
    for content, words in (
        ("Where is my parcel?", "With AI: small-1 answered."),
        (
            "And where is this one?",
            "Without AI: the day's cap of 2 calls for this AI step was reached.",
        ),
    ):
        event_id = send(stack, secret, content)
        stack.wait_for(
            lambda: stack.rows(
                "SELECT 1 FROM delivery WHERE state = 'delivered' AND event_pk = (SELECT max(id) FROM event)"
            ),
            30,
            "the delivery",
        )
        page.goto(f"{stack.url}/events/{event_id}")
        expect(page.locator("#story")).to_contain_text(words)
    assert len(openai.requests) == 2

    # the messages in the inbox have the answer, or no AI fields
    rows = stack.rows("SELECT request FROM attempt ORDER BY id")
    bodies = [json.loads(json.loads(row["request"])["body"]) for row in rows]
    assert [body.get("ai", {}).get("topic") for body in bodies] == [None, "question", None]
    follow(page, "a.nav-link[href='/ai']")
    expect(page.get_by_text("2 of 2 calls")).to_be_visible()
    expect(page.get_by_text("Limit reached. No more calls today.")).to_be_visible()
    expect(page.locator("svg.bars")).to_be_visible()
