"""A user adds a subscription and its mapping, with the mouse and with the keyboard."""

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
    """A shop with orders, an endpoint without a subscription to them, and an admin who is signed in."""
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
    """An order below the limit is not sent; one above it arrives as mapped."""
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


def test_a_subscription_and_its_mapping_are_added_with_the_mouse(
    stack: Stack, sink: Sink, page: Page
) -> None:
    shop = begin(stack, page, sink)
    page.get_by_role("link", name="Add a subscription").click()
    page.get_by_label("Only these event types:").check()
    page.get_by_label("New order order.created").check()
    page.get_by_role("button", name="Add a condition").click()
    page.get_by_label("Field").select_option(label="total (720.50)")
    page.get_by_label("Comparison").select_option("is at least")
    page.get_by_label("Value", exact=True).fill("500")
    summary = page.locator("#summary")
    expect(summary).to_contain_text(
        "When an order is placed and its total is at least 500, send it to My endpoint."
    )
    expect(summary).to_contain_text("2 of the 3 most recent events of these types match.")
    page.get_by_role("button", name="Save").last.click()

    expect(page.get_by_role("heading", name="Mapping")).to_be_visible()
    preview = page.locator("#preview")
    expect(preview).to_contain_text('"total": "720.50"')
    page.get_by_role("button", name="Choose fields").click()
    for name in ("id", "number", "status", "currency", "customer.name", "items", "created_at"):
        page.get_by_role("button", name=f"Remove {name}", exact=True).click()
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
    page.get_by_label("Search fields").fill("jane example")
    page.locator(".field-pick:visible").first.click()
    expect(text).to_have_value("Order {{ data.number }} for {{ data.customer.name }}")
    expect(preview).to_contain_text('"headline": "Order 1042 for Jane Example"')
    expect(preview).to_contain_text("The 2 most recent events can be sent.")

    text.fill("{{ data.numbr }}")
    expect(preview).to_contain_text("headline uses numbr, which no recent event has.")
    text.fill("Order {{ data.number }} for {{ data.customer.name }}")
    expect(preview).not_to_contain_text("numbr")

    page.get_by_role("button", name="Send this as a test").click()
    expect(page.locator("#test-result")).to_contain_text("Test succeeded.")
    assert sink.wait(1)[0].json() == {
        "amount": 720.5,
        "headline": "Order 1042 for Jane Example",
        "test": True,
    }
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_text("Saved. The mapping applies to new events.")).to_be_visible()
    arrives_mapped(stack, sink, shop)
    page.goto(f"{stack.url}/destinations/1")
    expect(page.locator("#subscriptions")).to_contain_text("Custom mapping for New order")


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until the element has the focus."""
    expect(wanted).to_be_visible()
    for _ in range(150):
        if wanted.evaluate("one => one === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {wanted}.")


def test_a_subscription_and_its_mapping_are_added_with_the_keyboard(
    stack: Stack, sink: Sink, page: Page
) -> None:
    shop = begin(stack, page, sink)
    button: Callable[[str], Locator] = lambda name: page.get_by_role("button", name=name).last  # noqa: E731

    def press(wanted: Locator, *keys: str) -> None:
        tab_to(page, wanted)
        for key in keys:
            page.keyboard.press(key)

    press(page.get_by_role("link", name="Add a subscription"), "Enter")
    press(page.get_by_label("All event types, including future ones"), "ArrowDown")
    press(page.get_by_label("New order order.created"), "Space")
    press(button("Add a condition"), "Enter")
    field = page.get_by_label("Field")
    expect(field).to_be_focused()  # a new condition gets the focus
    page.keyboard.type("total")
    press(page.get_by_label("Comparison"))
    page.keyboard.type("is at least")
    press(page.get_by_label("Value", exact=True))
    page.keyboard.type("500")
    expect(page.locator("#summary")).to_contain_text("its total is at least 500")
    page.get_by_label("Value", exact=True).press("Enter")  # Enter saves, as in any form

    expect(page.get_by_role("heading", name="Mapping")).to_be_visible()
    press(button("Choose fields"), "Enter")
    for name in ("id", "number", "status", "currency", "customer.name", "items", "created_at"):
        press(page.get_by_role("button", name=f"Remove {name}", exact=True), "Enter")
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
    page.keyboard.type("Custom text")
    press(headline.locator("textarea"))
    page.keyboard.type("Order ")
    press(page.locator(".field-pick", has_text="number").first, "Enter")
    expect(headline.locator("textarea")).to_be_focused()  # selecting a field returns the focus
    page.keyboard.type(" for ")
    press(page.locator(".field-pick", has_text="customer name"), "Enter")
    expect(page.locator("#preview")).to_contain_text('"headline": "Order 1042 for Jane Example"')
    press(button("Send this as a test"), "Enter")
    expect(page.locator("#test-result")).to_contain_text("Test succeeded.")
    press(button("Save"), "Enter")
    expect(page.get_by_text("Saved. The mapping applies to new events.")).to_be_visible()
    arrives_mapped(stack, sink, shop)
