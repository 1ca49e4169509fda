"""Nothing typed is lost, and nothing is done twice: an expired session, a lost connection, a reload, the way
back, a second press, and a list that refreshes while a person works in it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import Console
from tests.support.events import comment, order
from tests.support.people import PASSWORD, sign_in
from tests.support.stack import Stack

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
FORM = "/destinations/new?kind=inbox"


def end_sessions(stack: Stack) -> None:
    with stack.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM user_session")


def sign_in_again(page: Page) -> None:
    dialog = page.get_by_role("dialog", name="Your session has expired")
    expect(dialog.get_by_label("E-mail address")).to_have_value("admin@example.com")
    expect(dialog.get_by_label("Password")).to_be_focused()
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text("Wrong e-mail address or password.")
    dialog.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)


def destinations(stack: Stack) -> list[str]:
    return [row["name"] for row in stack.rows("SELECT name FROM destination ORDER BY id")]


def test_what_a_person_types_survives_everything(
    stack: Stack, page: Page, console: Console
) -> None:
    console.allow(r"status of 40[13]|status of 422|ERR_INTERNET_DISCONNECTED|ERR_FAILED")
    sign_in(stack, page, "admin", FORM)
    name, add = page.get_by_label("Name"), page.get_by_role("button", name="Add destination")

    name.fill("Typed before")
    page.reload()
    expect(name).to_have_value("Typed before")
    expect(page.get_by_text("Relay kept what you entered")).to_be_visible()
    page.goto(f"{stack.url}/alerts")
    page.go_back()
    expect(name).to_have_value("Typed before")

    page.evaluate("""() => {
      for (const [key, draft] of Object.entries(sessionStorage).filter(([key]) => key.startsWith("relay-draft:")))
        sessionStorage.setItem(key, JSON.stringify({ ...JSON.parse(draft), person: "bob@example.com" }));
    }""")
    page.reload()
    assert name.input_value() != "Typed before", "another person's draft"
    name.fill("Typed before")

    page.context.set_offline(True)
    add.click()
    expect(page.locator("#toasts")).to_contain_text("nothing was sent")
    expect(name).to_have_value("Typed before")
    page.context.set_offline(False)

    end_sessions(stack)
    name.fill("Typed in time")
    add.click()
    sign_in_again(page)
    expect(page.get_by_role("heading", name="Typed in time")).to_be_visible()
    assert destinations(stack) == ["Typed in time"]

    page.goto(stack.url + FORM)
    assert name.input_value() != "Typed before", "what was sent is no draft any more"
    name.fill("Pressed twice")
    add.dblclick()
    expect(page.get_by_role("heading", name="Pressed twice")).to_be_visible()
    page.reload()
    assert destinations(stack) == ["Typed in time", "Pressed twice"]

    # a button of htmx: the click is repeated after the sign-in
    end_sessions(stack)
    page.get_by_role("button", name="Send a test").click()
    sign_in_again(page)
    expect(page.locator("#test-result")).to_contain_text("Test succeeded.")


def test_a_list_that_refreshes_keeps_focus_and_selection(stack: Stack, page: Page) -> None:
    shop = stack.make_source("Tea Shop")
    for number in range(3):
        stack.send(order(number=str(number)), shop.secret)
    sign_in(stack, page, "admin", "/events")
    rows = page.locator("#events tbody tr")
    expect(rows).to_have_count(3)
    link = rows.nth(1).get_by_role("link")
    link.focus()
    stack.send(comment(), shop.secret)
    expect(rows).to_have_count(4)
    expect(link.page.locator(":focus")).to_contain_text("New order")
    expect(rows.nth(2).get_by_role("link")).to_be_focused()

    page.evaluate("getSelection().selectAllChildren(document.querySelector('.subject'))")
    marked = page.evaluate("getSelection().toString()")
    with page.expect_response(lambda answer: "/events" in answer.url):
        stack.send(comment(), shop.secret)
    assert page.evaluate("getSelection().toString()") == marked != ""
    page.evaluate("getSelection().removeAllRanges()")
    expect(rows).to_have_count(5)

    page.keyboard.press("Control+k")
    page.keyboard.type("tea shop")
    palette = page.get_by_role("dialog", name="Find")
    expect(palette.get_by_role("option", selected=True)).to_contain_text("Tea Shop")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Tea Shop")).to_be_visible()
