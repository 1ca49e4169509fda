"""A real WordPress reports its own counts, and Relay compares them with its ledger."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.support.people import sign_in
from tests.support.sink import Sink
from tests.support.stack import Stack
from tests.wordpress.connector import Connector
from tests.wordpress.site import WordPressSite

pytestmark = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


@pytest.fixture
def shop(stack: Stack) -> Iterator[WordPressSite]:
    """A WordPress with the plugin, that may reach this Relay and nothing else."""
    with WordPressSite(constants={"RELAY_CONNECTOR_ALLOW_HOST": f"127.0.0.1:{stack.port}"}) as site:
        yield site


@pytest.fixture
def connected(stack: Stack, sink: Sink, shop: WordPressSite) -> Connector:
    """The site sends to Relay, and Relay to an endpoint called HubSpot."""
    source = stack.make_source("Blue Teapot Shop", shop.url)
    hook = ("webhook", "HubSpot", "--set", f"url={sink.url}/in", "--set", "auth=none")
    stack.flask("destinations", "create", *hook)
    connector = Connector(shop)
    endpoint = f"{stack.url}/webhooks/wp/{source.slug}"
    connector.connect(sink, secret=source.secret, key_id=source.key_id, endpoint=endpoint)
    shop.run_cron()  # the reports begin with today
    return connector


def pass_a_day(stack: Stack, connector: Connector) -> None:
    """Move today's data to yesterday, on the site and in Relay."""
    connector.pass_days(1)
    for change in (
        "UPDATE event SET received_at = received_at - interval '1 day'",
        "UPDATE intake SET day = day - 1",
        "UPDATE site_report SET day = day - 1, until = until - interval '1 day'",
    ):
        stack.change(change)


def yesterday() -> date:
    return (datetime.now(UTC) - timedelta(days=1)).date()


def words(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def comments(shop: WordPressSite, *texts: str) -> None:
    for text in texts:
        shop.post_comment("Zoë", "zoe@example.org", text)


def test_the_ledger_confirms_that_site_and_relay_counted_the_same(
    stack: Stack, sink: Sink, shop: WordPressSite, connected: Connector, page: Page
) -> None:
    comments(shop, "One", "Two", "Three")
    shop.run_cron()
    sink.wait(3)
    pass_a_day(stack, connected)
    shop.run_cron()
    stack.wait_for(lambda: stack.rows("SELECT 1 FROM site_report"), 30, "the report")
    day = yesterday()
    sign_in(stack, page, path="/ledger")
    expect(page.get_by_text("Every event is accounted for.")).to_be_visible()
    line = page.locator(f"#line-blue-teapot-shop-{day}")
    expect(line).to_contain_text("HubSpot 3 of 3")
    notes = page.locator(f"#line-blue-teapot-shop-{day} + tr")
    expect(notes).to_contain_text(f"3 of 3 comments from {words(day)} reached HubSpot.")
    expect(notes).to_contain_text("The site's count matches.")
    assert len(sink.requests) == 3, "a report is never sent to a destination"
    [shown] = stack.flask("ledger", "show", "--day", str(day), "--json")["items"]
    assert (shown["received"], shown["delivered"], shown["adds_up"]) == (3, 3, True)
    assert stack.flask("ledger", "check", "--day", str(day), "--json")["ok"] is True
    line.get_by_role("link", name="3", exact=True).click()
    expect(page.locator("#events tbody tr")).to_have_count(3)


def test_an_event_lost_on_the_site_opens_an_alert_that_support_acknowledges(
    stack: Stack, sink: Sink, shop: WordPressSite, connected: Connector, page: Page
) -> None:
    stack.stop("web")
    comments(shop, "Lost", "Late")
    shop.run_cron()
    pass_a_day(stack, connected)
    shop.run_cron()  # the site ends its day while Relay is still down
    shop.php(
        "$GLOBALS['wpdb']->query( 'DELETE FROM wp_relay_connector_outbox ORDER BY id LIMIT 1' );"
    )
    connected.pass_time(3600)  # past the plugin's waits
    stack.start("web")
    shop.run_cron()
    [late] = sink.wait(1)
    assert late.json()["data"]["content"] == "Late"
    stack.wait_for(lambda: stack.rows("SELECT 1 FROM site_report"), 30, "the report")

    sentence = "1 comment was counted on the site but never arrived here."
    sign_in(stack, page, path="/")
    alert = page.locator("#live .attention")
    expect(alert).to_contain_text(
        f"1 comment was counted on Blue Teapot Shop up to {words(yesterday())} but never arrived here."
    )
    alert.get_by_role("link", name="1 comment was counted").click()
    expect(page.locator("#ledger")).to_contain_text(sentence)
    page.get_by_text("Acknowledge", exact=True).click()
    page.get_by_label("What did you find?").fill("The outbox was emptied manually.")
    page.get_by_role("button", name="Save note").click()
    expect(page.locator("#alerts")).to_contain_text("Acknowledged by support@example.com")
    expect(page.locator("#alerts")).to_contain_text("The outbox was emptied manually.")
    page.goto(stack.url)
    expect(page.locator("#live")).to_be_visible()
    expect(page.locator("#live .attention")).to_have_count(0)
