"""A webhook is removed in Slack: the destination pauses itself, gets a new URL, and nothing is lost."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from playwright.sync_api import Page, expect

from tests.support.events import comment
from tests.support.people import sign_in
from tests.support.sink import Sink
from tests.support.stack import Stack

OLD, NEW = "/services/T000/B000/old-webhook-token", "/services/T000/B111/new-webhook-token"
POSTGRES = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


def texts(sink: Sink, path: str) -> Counter[str]:
    return Counter(seen.json()["text"] for seen in sink.requests if seen.path == path)


@POSTGRES
def test_a_removed_webhook_pauses_the_destination_and_a_new_one_gets_each_message_once(
    stack: Stack, sink: Sink, page: Page
) -> None:
    secret = stack.make_source().secret
    made = ("slack", "Team channel", "--secret", "webhook_url=-")
    stack.flask("destinations", "create", *made, input=sink.url + OLD)
    stack.send(named("before"), secret)
    sink.wait(1, path=OLD)

    # the response of Slack after a webhook is removed
    sink.answer(404, b"no_service", path=OLD)
    stack.send(named("first"), secret)
    stack.wait_for(
        lambda: stack.rows("SELECT 1 FROM destination WHERE state = 'paused'"), 30, "the pause"
    )
    for who in ("second", "third", "fourth"):
        stack.send(named(who), secret)
    stack.wait_for(
        lambda: len(stack.rows("SELECT 1 FROM delivery WHERE state = 'pending'")) == 4, 30, "four"
    )
    refused = len(texts(sink, OLD))
    assert refused == 2, "the removed webhook was called for more than one delivery"

    # support reads the cause: nothing has failed, everything waits
    sign_in(stack, page, "support")
    attention = page.locator(".attention")
    expect(attention).to_contain_text("Team channel")
    expect(attention).to_contain_text("The webhook was removed in Slack.")
    expect(attention).to_contain_text("Its deliveries wait until you resume it.")
    expect(page.locator("#open-dead-letters")).to_be_empty()
    attention.get_by_role("link").first.click()
    expect(page.locator("#status")).to_contain_text(
        "Create a new webhook in Slack, enter its URL in the settings and resume."
    )
    expect(page.locator("#status")).to_contain_text(
        "4 deliveries are pending. Nothing is lost. Relay sends them when you resume Team channel."
    )
    page.get_by_role("button", name="Sign out").click()

    # an admin enters the new address and resumes
    sign_in(stack, page, "admin")
    page.locator(".attention").get_by_role("link").first.click()
    page.get_by_role("link", name="Edit settings").first.click()
    page.get_by_label("Webhook URL").fill(sink.url + NEW)
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#toasts")).to_contain_text("It is still paused")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#toasts")).to_contain_text("Relay sends the pending deliveries.")
    sink.wait(4, path=NEW)
    stack.wait_for(lambda: stack.states() == {"delivered": 5}, 30, "all to be delivered")

    arrived = texts(sink, NEW)
    assert {re.sub(r".*by (\w+).*", r"\1", text, flags=re.S) for text in arrived} == {
        "first",
        "second",
        "third",
        "fourth",
    }
    assert set(arrived.values()) == {1}
    assert len(texts(sink, OLD)) == refused, "the removed webhook was called again"


def named(who: str) -> dict[str, object]:
    event = comment()
    event["data"] |= {"author": who}
    return event
