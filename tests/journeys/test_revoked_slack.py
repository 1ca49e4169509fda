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
    dead = {"first"}
    for who in ("second", "third", "fourth"):
        stack.send(named(who), secret)
    stack.wait_for(
        lambda: len(stack.rows("SELECT 1 FROM delivery WHERE state = 'pending'")) == 3, 30, "three"
    )
    refused = len(texts(sink, OLD))

    # support reads the cause, assigns it and leaves a note
    email = sign_in(stack, page, "support", "/dead-letters")
    card = page.locator(".cause")
    expect(card).to_contain_text("The webhook was removed in Slack.")
    expect(card).to_contain_text(
        "Create a new webhook in Slack, enter its URL in the settings and resume."
    )
    expect(card).to_contain_text("Team channel is paused")
    expect(card).to_contain_text("3 more deliveries are pending")
    expect(card).to_contain_text("Only an admin can change settings")
    card.get_by_role("button", name="Assign to me").click()
    expect(page.locator("#toasts")).to_contain_text("Assigned to you.")
    expect(card).to_contain_text(f"assigned to {email}")
    card.get_by_text("Note…").click()
    card.get_by_label("Note for your team").fill("Asked Ada for a new webhook")
    card.get_by_role("button", name="Save note").click()
    expect(card).to_contain_text("Asked Ada for a new webhook")
    page.get_by_role("button", name="Sign out").click()

    # an admin enters the new address and resumes
    sign_in(stack, page, "admin", "/dead-letters")
    expect(card).to_contain_text("Asked Ada for a new webhook")
    card.get_by_role("link", name="Edit settings").click()
    page.get_by_label("Webhook URL").fill(sink.url + NEW)
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#toasts")).to_contain_text("It is still paused")
    page.get_by_role("button", name="Resume").click()
    toast = page.locator("#toasts")
    expect(toast).to_contain_text("1 failed delivery can be resent.")
    expect(page.locator("#resend-offer")).to_contain_text("1 failed delivery can be resent.")
    sink.wait(3, path=NEW)
    toast.get_by_role("link", name="Resend").click()

    # previews and resends it
    expect(page.locator("#preview")).to_contain_text("1 new")
    expect(page.locator("#preview")).to_contain_text("by first")
    expect(page.locator("#preview")).not_to_contain_text("old-webhook-token")
    page.get_by_role("button", name="Resend 1").click()
    expect(page.locator("#replay")).to_contain_text("1 of 1 delivered", timeout=30_000)
    expect(page.locator("#open-dead-letters")).to_be_empty(timeout=20_000)

    arrived = texts(sink, NEW)
    assert {re.sub(r".*by (\w+).*", r"\1", text, flags=re.S) for text in arrived} == {
        *dead,
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
