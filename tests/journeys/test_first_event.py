"""A comment on a real WordPress reaches an endpoint while a user watches in a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import Console
from tests.support.events import comment
from tests.support.people import sign_in
from tests.support.sink import Sink
from tests.support.stack import Stack
from tests.wordpress.connector import PAGE
from tests.wordpress.site import WordPressSite
from tests.wordpress.test_lifetime import DESIGN_SNIPPET

PASSWORD = "correct horse battery staple"
pytestmark = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


@pytest.fixture
def shop(stack: Stack) -> Iterator[WordPressSite]:
    """A WordPress with the plugin, that may reach this Relay and nothing else."""
    with WordPressSite(constants={"RELAY_CONNECTOR_ALLOW_HOST": f"127.0.0.1:{stack.port}"}) as site:
        yield site


def first_run(stack: Stack, page: Page) -> None:
    """Create the first admin with the first-run link."""
    token = stack.python(
        "from relay.services.users import accounts; print(accounts.make_first_run_token())"
    )
    page.goto(f"{stack.url}/first-run/{token.strip()}")
    page.get_by_label("E-mail address").fill("ada@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue: connect your first site").click()


def connect_site(page: Page, name: str, url: str) -> str:
    """Steps one and two.  -> the connection string, as a person would copy it"""
    page.get_by_label("Name").fill(name)
    page.get_by_label("Site URL").fill(url)
    page.get_by_role("button", name="Continue").click()
    return page.get_by_label("Connection string", exact=True).input_value()


def set_up_plugin(site: WordPressSite, page: Page, connection: str) -> None:
    """Paste the connection string into the plugin's settings, in wp-admin."""
    host = urlsplit(site.url).hostname or ""
    page.context.add_cookies(
        [
            {"name": c["name"], "value": c["value"], "domain": host, "path": "/"}
            for c in site.login_cookies()
        ]
    )
    page.goto(site.url + PAGE)
    page.get_by_label("Or paste a connection string").fill(connection)
    page.get_by_label("Or paste a connection string").press("Enter")
    expect(page.get_by_text("Connected.", exact=True)).to_be_visible(timeout=20_000)


def test_a_comment_reaches_the_endpoint_while_a_user_watches(
    stack: Stack, sink: Sink, shop: WordPressSite, page: Page, console: Console
) -> None:
    console.allow(re.escape(shop.url))
    first_run(stack, page)
    connection = connect_site(page, "Blue Teapot Shop", shop.url)
    expect(page.get_by_text("Waiting for your first event")).to_be_visible()

    wp_admin = page.context.new_page()
    set_up_plugin(shop, wp_admin, connection)
    wp_admin.close()
    arrived = page.get_by_text("Your first event has arrived")
    expect(arrived).to_be_visible(timeout=20_000)  # the plugin's test event

    hook = ("webhook", "My endpoint", "--set", f"url={sink.url}/in", "--set", "auth=none")
    stack.flask("destinations", "create", *hook)
    comment_id = shop.post_comment(
        "Zoë", "zoe@example.org", "Does the blue one come with a lid? 🫖"
    )
    shop.run_cron()

    page.reload()
    expect(page.locator("#waiting")).to_contain_text("New comment")
    page.get_by_role("link", name="View event").click()
    expect(page.locator("#story .card-title")).to_have_text("Delivered", timeout=20_000)
    expect(page.locator("#story")).to_contain_text("Attempt 1 succeeded")

    body = sink.wait(1)[0].json()
    assert body["event"] == "comment.created"
    assert int(body["data"]["id"]) == comment_id
    assert body["data"]["content"] == "Does the blue one come with a lid? 🫖"
    assert body["data"]["author"] == "Zoë"
    assert len(sink.requests) == 1


def test_the_snippet_of_the_original_design_works_against_the_gateway(
    stack: Stack, sink: Sink, shop: WordPressSite
) -> None:
    source = stack.make_source()
    hook = ("webhook", "My endpoint", "--set", f"url={sink.url}/in", "--set", "auth=none")
    stack.flask("destinations", "create", *hook)
    snippet = DESIGN_SNIPPET.replace("'ENDPOINT_URL'", f"'{stack.url}/webhooks/wp'")
    snippet = snippet.replace("?: 'SHARED_SECRET'", f"?: '{source.secret}'")
    shop.add_mu_plugin("snippet.php", snippet)
    shop.post_comment("Jane", "jane@example.org", "Sent by the first design")
    assert sink.wait(1)[0].json()["data"]["content"] == "Sent by the first design"


def test_support_resends_a_failed_delivery_in_the_browser(
    stack: Stack, sink: Sink, page: Page
) -> None:
    source = stack.make_source()
    hook = ("webhook", "My endpoint", "--set", f"url={sink.url}/in", "--set", "auth=none")
    stack.flask("destinations", "create", *hook)
    sink.answer(400, b"not yet", path="/in")
    stack.send(comment(), source.secret)
    stack.wait_for(lambda: stack.rows("SELECT 1 FROM dead_letter"), 20, "the dead letter")
    sink.answer(200, path="/in")
    sign_in(stack, page, path="/dead-letters/list")
    page.get_by_role("button", name="Resend", exact=True).click()
    expect(page.locator("tr[id^=dead-letter-]")).to_contain_text("Delivered", timeout=20_000)
    assert len(sink.wait(2)) == 2
