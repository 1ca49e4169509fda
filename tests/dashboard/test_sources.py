"""Sites: waiting for the first event, allowed addresses and keys."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask

from relay.models import Rejection, db
from relay.services.audit import COMMAND_LINE
from relay.services.sources import settings as source_settings
from tests.dashboard.conftest import Visitor
from tests.support.events import comment
from tests.support.world import World, put

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
HTMX = {"HX-Request": "true"}


@pytest.fixture
def slug(app: Flask) -> Iterator[str]:
    """A site without events."""
    with app.app_context():
        source, _key, _secret = source_settings.create_source(
            "Quiet <i>shop</i>", "https://quiet.example.com", COMMAND_LINE
        )
        name = source.slug
    yield name
    app.extensions["relay_ingest"].close()


def test_the_waiting_page_polls_until_the_first_event(
    app: Flask, slug: str, admin: Visitor
) -> None:
    waiting = admin.get(f"/sources/{slug}/waiting", headers=HTMX).text
    assert 'hx-trigger="every 2s"' in waiting
    with app.app_context():
        source = source_settings.find_source(slug)
        db.session.add(
            Rejection(
                source_id=source.id,
                reason="bad_signature",
                sentence="The signature matches no key.",
                status=401,
                address="203.0.113.7",
            )
        )
        db.session.commit()
    assert (
        "The signature matches no key." in admin.get(f"/sources/{slug}/waiting", headers=HTMX).text
    )
    put(app, slug, comment() | {"event_id": "test_0123456789abcdef"})  # sent by Relay to itself
    assert "Waiting for your first event" in admin.get(f"/sources/{slug}/waiting").text
    assert "has not sent an event yet" in admin.get("/").text
    assert 'data-label="Used by">–</td>' in admin.get(f"/sources/{slug}").text
    number = put(app, slug, comment() | {"event_id": "wp-test-1"})  # a test of the plugin
    green = admin.get(f"/sources/{slug}/waiting", headers=HTMX).text
    assert "Your first event has arrived" in green
    assert "hx-trigger" not in green
    assert f'href="/events/{number}"' in green


def test_the_addresses_of_recent_events_can_be_allowed(world: World, admin: Visitor) -> None:
    page = admin.get(f"/sources/{world.slug}").text
    assert 'name="cidr" value="203.0.113.7"' in page
    wrong = {"cidr": "198.51.100.1"}
    warned = admin.post(f"/sources/{world.slug}/allow", wrong, follow_redirects=True).text
    assert "It rejects those from 203.0.113.7: recent events came from there." in warned
    admin.post(f"/sources/{world.slug}/allow", {"cidr": "203.0.113.0/24"})
    page = admin.get(f"/sources/{world.slug}").text
    assert "203.0.113.0/24" in page and "It rejects those" not in page
    assert 'value="203.0.113.7"' not in page


def test_the_overview_shows_sites_without_events(world: World, slug: str, admin: Visitor) -> None:
    page = admin.get("/").text
    assert "Quiet &lt;i&gt;shop&lt;/i&gt; has not sent an event yet." in page
    assert f'href="/sources/{slug}/waiting"' in page
    assert "<strong>Shop has not sent" not in page


def test_the_newest_key_is_first_in_the_list(world: World, admin: Visitor) -> None:
    page = admin.post(
        f"/sources/{world.slug}/rotate", {"window": "24h"}, follow_redirects=True
    ).text
    table = page[page.index('id="keys"') :]
    assert table.index("Active") < table.index("Expiring")


def test_a_rotation_that_is_sent_twice_changes_the_key_once(world: World, admin: Visitor) -> None:
    form = {"window": "24h", "newest": world.key_id}
    first = admin.post(f"/sources/{world.slug}/rotate", form, follow_redirects=True)
    assert "You won't see the secret again." in first.text
    again = admin.post(f"/sources/{world.slug}/rotate", form, follow_redirects=True)
    assert "was rotated already" in again.text and again.text.count('class="mono">key_') == 2


def test_a_reload_after_a_new_site_or_key_shows_no_secret_and_makes_nothing(
    app: Flask, admin: Visitor
) -> None:
    assert 'type="text"' in admin.get("/sources/new").text
    form = {"name": "Once", "url": "once.example.com"}
    made = admin.post("/sources/new", form)
    assert made.status_code == 303
    assert "relay1_" in admin.get(made.location).text
    again = admin.get(made.location)
    assert (again.status_code, again.location) == (303, "/sources/once/waiting")
    waiting = admin.get(again.location).text
    assert "Lost the connection string?" in waiting
    lost = re.search(r'name="newest" value="(key_\w+)"', waiting)
    assert lost
    anew = admin.post("/sources/once/rotate", {"newest": lost[1], "from": "waiting"})
    assert anew.location == "/sources/once/connect"
    page = admin.get(anew.location).text
    assert "relay1_" in page and lost[1] not in page
    rotated = admin.post("/sources/once/rotate", {"window": "24h"})
    assert rotated.status_code == 303
    assert "relay1_" in admin.get(rotated.location).text
    page = admin.get(rotated.location).text
    assert "relay1_" not in page and page.count('class="mono">key_') == 3
    with app.app_context():
        assert source_settings.list_sources(100, None).total == 1
        assert source_settings.find_source("once").url == "https://once.example.com"


def test_a_key_that_may_have_leaked_is_revoked_and_the_page_says_so_before(
    world: World, admin: Visitor
) -> None:
    before = admin.get(f"/sources/{world.slug}").text
    assert "All keys of the site stop working now" in before
    assert "This is the last key of the site that works" in before
    form = {"reason": "leaked", "newest": world.key_id}
    page = admin.post(f"/sources/{world.slug}/rotate", form, follow_redirects=True).text
    assert "the site cannot fetch the new one" in page and "Fetch the new key" not in page
    table = page[page.index('id="keys"') :]
    assert table.index("Active") < table.index("Revoked")


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("woocommerce", ("Delivery URL", "Add webhook", "turns the webhook off", "Secrets")),
        ("form", ("Authorization", "Bearer ", "Nothing is signed", "Tokens")),
    ],
)
def test_a_site_without_the_plugin_shows_its_steps_and_its_limits(
    admin: Visitor, way: str, words: tuple[str, ...]
) -> None:
    made = admin.post(
        "/sources/new",
        {"name": "S", "url": "https://s.example.com", "type": way},
        follow_redirects=True,
    )
    assert f"http://localhost/webhooks/{way}/s" in made.text and "relay1_" not in made.text
    page = admin.get("/sources/s").text
    for word in words:
        assert word in made.text + page, word
    rotated = admin.post("/sources/s/rotate", {"window": "24h"}, follow_redirects=True).text
    assert f"New {words[-1].lower().removesuffix('s')}" in rotated
    assert "Send a test event" not in page
    wrong = admin.post("/sources/new", {"name": "S", "url": "https://s.example.com", "type": "x"})
    assert wrong.status_code == 422


def test_a_new_key_comes_with_a_connection_string(admin: Visitor) -> None:
    made = admin.post(
        "/sources/new", {"name": "P", "url": "https://p.example.com"}, follow_redirects=True
    ).text
    assert 'value="relay1_' in made
    assert (
        'value="relay1_'
        in admin.post("/sources/p/rotate", {"window": "24h"}, follow_redirects=True).text
    )
    assert "relay1_" not in admin.get("/sources/p").text
