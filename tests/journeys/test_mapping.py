"""A person says which events go where and what is sent, by clicking, and by the keyboard alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.events import order
from tests.support.people import sign_in
from tests.support.sink import Sink
from tests.support.stack import MadeSource, Stack

pytestmark = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


def begin(stack: Stack, page: Page, sink: Sink) -> MadeSource:
    """A shop whose orders came already, an endpoint that wants something else, an admin signed in."""
    shop = stack.make_source("Tea Shop")
    hook = ("webhook", "My endpoint", "--set", f"url={sink.url}/in", "--set", "auth=none")
    stack.flask("destinations", "create", *hook, "--events", "relay.test")
    for total in ("80.00", "650.00", "720.50"):
        stack.send(order(total=total), shop.secret)
    stack.wait_for(
        lambda: not stack.rows("SELECT 1 FROM event WHERE routed_at IS NULL"), 20, "routing"
    )
    sign_in(stack, page, "admin", "/destinations/1")
    expect(page.get_by_role("heading", name="My endpoint")).to_be_visible()
    return shop


def arrives_mapped(stack: Stack, sink: Sink, shop: MadeSource) -> None:
    """A cheap order stays away, a dear one comes as it was drawn."""
    sink.forget()
    stack.send(order(total="99.00"), shop.secret)
    stack.send(order(total="900.00", number="2001"), shop.secret)
    (seen,) = sink.wait(1)
    assert seen.json() == {"amount": 900, "headline": "Order 2001 for Jane Example"}
    stack.wait_for(
        lambda: not stack.rows("SELECT 1 FROM event WHERE routed_at IS NULL"), 20, "routing"
    )
    assert len(sink.requests) == 1
    newest = "SELECT mapping_version FROM delivery ORDER BY id DESC LIMIT 1"
    stack.wait_for(
        lambda: stack.rows(newest) == [{"mapping_version": 2}], 20, "the version to be on record"
    )


def test_a_subscription_and_its_mapping_are_made_by_clicking(
    stack: Stack, sink: Sink, page: Page
) -> None:
    shop = begin(stack, page, sink)
    page.get_by_role("link", name="Add another").click()
    page.get_by_label("Only these:").check()
    page.get_by_label("New order order.created").check()
    page.get_by_role("button", name="Add a condition").click()
    page.get_by_label("Field").select_option(label="total (720.50)")
    page.get_by_label("How to compare").select_option("is at least")
    page.get_by_label("With what").fill("500")
    reads = page.locator("#reads")
    expect(reads).to_contain_text(
        "When an order is placed and its total is at least 500, send it to My endpoint."
    )
    expect(reads).to_contain_text("Of the newest 3 such events, 2 would have been taken.")
    page.get_by_role("button", name="Save").last.click()

    expect(page.get_by_role("heading", name="What is sent to My endpoint")).to_be_visible()
    preview = page.locator("#preview")
    expect(preview).to_contain_text('"total": "720.50"')
    page.get_by_role("button", name="Choose the fields myself").click()
    for name in ("id", "number", "status", "currency", "customer.name", "items", "created_at"):
        page.get_by_role("button", name=f"Take {name} away", exact=True).click()
        expect(page.get_by_role("group", name=name, exact=True)).to_have_count(0)
    total = page.get_by_role("group", name="total", exact=True)
    total.get_by_label("Name").fill("amount")
    total.get_by_label("Type").select_option("as a number")
    expect(preview).to_contain_text('"amount": 720.5')
    headline = page.get_by_role("group", name="customer.email", exact=True)
    headline.get_by_label("Name").fill("headline")
    headline.locator("select[data-origin]").select_option("text")
    text = headline.locator("textarea")
    text.fill("Order ")
    page.locator(".field-pick", has_text="number").first.click()
    text.press_sequentially(" for ")
    page.get_by_label("Search the fields").fill("jane example")
    page.locator(".field-pick:visible").first.click()
    expect(text).to_have_value("Order {{ data.number }} for {{ data.customer.name }}")
    expect(preview).to_contain_text('"headline": "Order 1042 for Jane Example"')
    expect(preview).to_contain_text("All of the newest 2 events would be fine.")

    text.fill("{{ data.numbr }}")
    expect(preview).to_contain_text("headline uses numbr, which no recent event has.")
    text.fill("Order {{ data.number }} for {{ data.customer.name }}")
    expect(preview).not_to_contain_text("numbr")

    page.get_by_role("button", name="Send this one, marked as a test").click()
    expect(page.locator("#tried")).to_contain_text("It works.")
    assert sink.wait(1)[0].json() == {
        "amount": 720.5,
        "headline": "Order 1042 for Jane Example",
        "test": True,
    }
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_text("Saved. It holds for the events")).to_be_visible()
    arrives_mapped(stack, sink, shop)
    page.goto(f"{stack.url}/destinations/1")
    expect(page.locator("#subscriptions")).to_contain_text("your own mapping for New order")


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until the keyboard is there, as somebody does who has no mouse."""
    expect(wanted).to_be_visible()
    for _ in range(150):
        if wanted.evaluate("one => one === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"The keyboard never comes to {wanted}.")


def test_the_keyboard_alone_suffices(stack: Stack, sink: Sink, page: Page) -> None:
    shop = begin(stack, page, sink)
    button: Callable[[str], Locator] = lambda name: page.get_by_role("button", name=name).last  # noqa: E731

    def press(wanted: Locator, *keys: str) -> None:
        tab_to(page, wanted)
        for key in keys:
            page.keyboard.press(key)

    press(page.get_by_role("link", name="Add another"), "Enter")
    press(page.get_by_label("All event types, including future ones"), "ArrowDown")
    press(page.get_by_label("New order order.created"), "Space")
    press(button("Add a condition"), "Enter")
    field = page.get_by_label("Field")
    expect(field).to_be_focused()  # a new condition takes the keyboard along
    page.keyboard.type("total")
    press(page.get_by_label("How to compare"))
    page.keyboard.type("is at least")
    press(page.get_by_label("With what"))
    page.keyboard.type("500")
    expect(page.locator("#reads")).to_contain_text("its total is at least 500")
    page.get_by_label("With what").press("Enter")  # as in any form, that saves

    expect(page.get_by_role("heading", name="What is sent to My endpoint")).to_be_visible()
    press(button("Choose the fields myself"), "Enter")
    for name in ("id", "number", "status", "currency", "customer.name", "items", "created_at"):
        press(page.get_by_role("button", name=f"Take {name} away", exact=True), "Enter")
        expect(page.get_by_role("group", name=name, exact=True)).to_have_count(0)
    total = page.get_by_role("group", name="total", exact=True)
    press(total.get_by_label("Name"), "Control+a")
    page.keyboard.type("amount")
    press(total.get_by_label("Type"))
    page.keyboard.type("as a number")
    headline = page.get_by_role("group", name="customer.email", exact=True)
    press(headline.get_by_label("Name"), "Control+a")
    page.keyboard.type("headline")
    press(headline.locator("select[data-origin]"))
    page.keyboard.type("A text")
    press(headline.locator("textarea"))
    page.keyboard.type("Order ")
    press(page.locator(".field-pick", has_text="number").first, "Enter")
    expect(headline.locator("textarea")).to_be_focused()  # a pick gives the keyboard back
    page.keyboard.type(" for ")
    press(page.locator(".field-pick", has_text="customer name"), "Enter")
    expect(page.locator("#preview")).to_contain_text('"headline": "Order 1042 for Jane Example"')
    press(button("Send this one, marked as a test"), "Enter")
    expect(page.locator("#tried")).to_contain_text("It works.")
    press(button("Save"), "Enter")
    expect(page.get_by_text("Saved. It holds for the events")).to_be_visible()
    arrives_mapped(stack, sink, shop)
