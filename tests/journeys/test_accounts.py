"""A person is invited, sets a password, signs in on a second browser, and is signed out by the admin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import Console
from tests.support.people import PASSWORD, sign_in
from tests.support.stack import Stack

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
EMAIL = "nina@example.com"
NEW = "seven purple umbrellas dancing"


@pytest.fixture
def new_browser(browser: Browser, console: Console) -> Iterator[Callable[[], Page]]:
    """A page of a browser of its own: another cookie jar."""
    with ExitStack() as contexts:

        def make() -> Page:
            context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
            contexts.callback(context.close)
            context.set_default_timeout(10_000)
            console.watch(context)
            return context.new_page()

        yield make


def invite(page: Page, stack: Stack) -> str:
    """Invite Nina as an admin does.  -> the path of the link"""
    page.get_by_role("navigation").get_by_role("link", name="Team").click()
    page.get_by_role("link", name="Invite a user").click()
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Role").select_option("support")
    page.get_by_role("button", name="Invite", exact=True).click()
    link = page.get_by_label("Link", exact=True)
    expect(link).to_be_visible()
    return urlsplit(link.input_value()).path


def sign_in_again(page: Page, stack: Stack, email: str, password: str) -> None:
    page.goto(f"{stack.url}/sign-in")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"{stack.url}/")


def test_an_invited_person_signs_in_twice_and_the_admin_ends_it(
    stack: Stack, page: Page, new_browser: Callable[[], Page], console: Console
) -> None:
    console.allow("status of 401")  # a page that polls when its session ends
    sign_in(stack, page, "admin")
    link = invite(page, stack)
    page.reload()
    expect(page.get_by_label("Link", exact=True)).to_have_count(0)

    first = new_browser()
    first.goto(stack.url + link)
    first.get_by_label("Your name").fill("Nina N.")
    first.get_by_label("Password", exact=True).fill(NEW)
    first.get_by_role("button", name="Create account").click()
    first.wait_for_url(f"{stack.url}/")
    expect(first.get_by_role("link", name="Team")).to_have_count(0)

    second = new_browser()
    sign_in_again(second, stack, EMAIL, NEW)
    second.get_by_role("link", name=EMAIL).click()
    expect(second.get_by_role("heading", name="My account")).to_be_visible()
    expect(second.locator("#sessions tbody tr")).to_have_count(2)
    expect(second.get_by_text("This browser")).to_have_count(1)

    page.get_by_role("navigation").get_by_role("link", name="Team").click()
    page.get_by_role("link", name="Nina N.").click()
    page.locator("summary", has_text="End all sessions").click()
    page.get_by_role("button", name="End all sessions").click()
    expect(page.get_by_text("2 sessions ended.")).to_be_visible()
    expect(page.get_by_text("Not signed in.")).to_be_visible()
    for browser_page in (first, second):
        browser_page.goto(f"{stack.url}/account")
        expect(browser_page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert PASSWORD not in stack.log("web") and link not in stack.log("web")
