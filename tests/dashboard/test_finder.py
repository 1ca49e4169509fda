"""The command palette: what it finds, and for whom."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from tests.dashboard.conftest import PASSWORD, Visitor, text_of
from tests.support import two_sites
from tests.support.events import order
from tests.support.world import World, put

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
FRAGMENT = {"HX-Request": "true"}


def found(visitor: Visitor, text: str) -> str:
    return text_of(visitor.get(f"/find?q={text}", headers=FRAGMENT).text)


def test_pages_sites_destinations_and_events_are_found(
    app: Flask, world: World, admin: Visitor
) -> None:
    put(app, world.slug, order("o-77", number="7788"))
    assert "Pages Overview Sites Destinations Events" in found(admin, "")
    assert "Alert rules" in found(admin, "alert thresh")
    assert "Sites Shop https://shop.example.com" in found(admin, "sho")
    assert "Destinations Hook Webhook" in found(admin, "HOOK")
    assert "Events Order 7788, Jane Example" in found(admin, "jane%40example.com")
    for named in ("order%207788", "Order%20%237788", "%237788"):
        assert "Events Order 7788, Jane Example" in found(admin, named), "as pages name it"
    assert "Order 7788" not in found(admin, "order%207789")
    assert "Find a person by e-mail address" in found(admin, "jane%40example.com")
    by_id = admin.get("/find?q=o-77", headers=FRAGMENT).text
    assert by_id.count("/events/") == 1, "an id leads to its event alone"
    assert "Search all events for “100%”" in found(admin, "100%25")
    assert "<script>" not in admin.get("/find?q=<script>").text, "without scripts it is a page"


def test_a_viewer_is_offered_no_page_that_they_may_not_open(
    world: World, visit: Callable[..., Visitor]
) -> None:
    viewer = visit("viewer")
    assert "Connect a site" not in found(viewer, "connect") + found(viewer, "")
    assert "Jane Doe" not in found(viewer, "jane"), "only an admin searches in values"


def test_a_limited_person_finds_their_sites_only(app: Flask) -> None:
    sites = two_sites.make(app)
    visitor = Visitor(app)
    visitor.email = "limited@example.com"
    two_sites.create_person(app, visitor.email, PASSWORD, "viewer")
    two_sites.limit(app, visitor.email, sites.mine.source_id)
    visitor.sign_in()
    assert f"/sources/{sites.mine.slug}" in visitor.get(f"/find?q={sites.mine.slug}").text
    page = visitor.get(f"/find?q={sites.other.slug}", headers=FRAGMENT).text
    assert f"/sources/{sites.other.slug}" not in page
    assert f"/events/{sites.other.events[0]}" not in page
