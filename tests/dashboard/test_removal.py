"""Removing destinations and sites in the browser, without JavaScript, by role."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import select

from relay.models import Delivery, Destination, Source, db
from relay.services.destinations import settings as destination_settings
from relay.services.sources import settings as source_settings
from tests.dashboard.conftest import Visitor
from tests.support.events import comment
from tests.support.sink import Sink
from tests.support.world import World, add_ai_step, ai_destination, make, move, put

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def world(app: Flask, sink: Sink) -> Iterator[World]:
    """Two deliveries wait at each destination; the hook has a failed one as well."""
    world = make(app, sink)
    for _ in range(2):
        put(app, world.slug, comment())
    move(app)
    yield world
    app.extensions["relay_ingest"].close()


def plain(page: str) -> str:
    """The text of a page as a person reads it."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


@pytest.mark.parametrize("role", ["viewer", "support"])
def test_only_admins_see_the_buttons_and_may_remove(
    app: Flask, world: World, visit: Callable[..., Visitor], role: str
) -> None:
    person = visit(role)
    for page, name in (
        (f"/destinations/{world.hook}", "Hook"),
        (f"/sources/{world.slug}", "Shop"),
    ):
        assert f"{page}/remove" not in person.get(page).text
        assert person.get(f"{page}/remove").status_code == 403
        assert person.post(f"{page}/remove", {"name": name}).status_code == 403
    with app.app_context():
        assert destination_settings.find_destination(world.hook)
        assert source_settings.find_source(world.slug)


def test_a_destination_is_removed_after_its_name_was_typed(
    app: Flask, world: World, admin: Visitor
) -> None:
    here = f"/destinations/{world.hook}"
    assert f'href="{here}/remove"' in admin.get(here).text
    text = plain(admin.get(f"{here}/remove").text)
    assert "2 pending deliveries are discarded." in text
    assert "1 failed delivery is discarded." in text
    assert "1 subscription is removed." in text
    assert "3 deliveries and the ledger" in text
    wrong = admin.post(f"{here}/remove", {"name": "hook"})
    assert wrong.status_code == 422
    assert "Type the name exactly as it is shown: Hook" in plain(wrong.text)
    done = admin.post(f"{here}/remove", {"name": " Hook "})
    assert (done.status_code, done.location) == (303, "/destinations")
    listed = admin.get("/destinations").text
    assert "Hook is removed. 3 deliveries were discarded." in plain(listed)
    assert f'href="{here}"' not in listed
    removed = admin.get("/destinations?state=removed").text
    assert f'href="{here}"' in removed and "admin@example.com" in removed


def test_the_page_of_a_removed_destination_has_its_history_and_no_actions(
    world: World, admin: Visitor
) -> None:
    here = f"/destinations/{world.hook}"
    admin.post(f"{here}/remove", {"name": "Hook"})
    page = admin.get(here)
    text = plain(page.text)
    assert page.status_code == 200
    assert "This destination was removed." in text and "by admin@example.com" in text
    assert f"/events/{world.event}" in page.text
    main = page.text.split("<main", 1)[1].split("</main>", 1)[0]
    assert "<form" not in main and "<button" not in main
    polled = admin.get(here, headers={"HX-Request": "true"})  # by a page that is still open
    assert (polled.status_code, polled.headers["HX-Redirect"]) == (204, here)
    for path in ("edit", "remove", "throttling"):
        assert admin.get(f"{here}/{path}").status_code == 404, path
    assert admin.post(f"{here}/resume").status_code == 404
    assert admin.get(f"/events/{world.event}").status_code == 200
    assert admin.get("/ledger").status_code == 200
    assert admin.get("/dead-letters?state=resolved").status_code == 200


def test_an_ai_destination_in_use_names_the_subscriptions_and_has_no_form(
    app: Flask, world: World, admin: Visitor
) -> None:
    with app.app_context():
        ai = ai_destination()
        hook = destination_settings.find_destination(world.hook)
        add_ai_step(hook.subscriptions[0].id, ai.id)
        here = f"/destinations/{ai.id}/remove"
    page = admin.get(here).text
    assert "send it to Hook" in plain(page) and 'name="name"' not in page
    refused = admin.post(here, {"name": "Classifier"})
    assert refused.status_code == 409 or "was not removed" in plain(refused.text)
    with app.app_context():
        assert db.session.get_one(Destination, ai.id).state == "active"


@pytest.mark.parametrize(
    ("choice", "states"), [("deliver", {"delivered"}), ("discard", {"delivered", "discarded"})]
)
def test_a_site_is_removed_and_its_waiting_events_are_delivered_or_discarded(
    app: Flask, world: World, admin: Visitor, choice: str, states: set[str]
) -> None:
    here = f"/sources/{world.slug}"
    assert f'href="{here}/remove"' in admin.get(here).text
    text = plain(admin.get(f"{here}/remove").text)
    assert "1 signing key is revoked and stops working within 5 seconds." in text
    assert "Of its events, 4 deliveries are pending and 1 failed" in text
    wrong = admin.post(f"{here}/remove", {"name": "", "waiting": choice})
    assert wrong.status_code == 422
    assert re.search(rf'value="{choice}"\s+checked', wrong.text)
    done = admin.post(f"{here}/remove", {"name": "Shop", "waiting": choice})
    assert (done.status_code, done.location) == (303, "/sources")
    listed = admin.get("/sources").text
    assert "Shop is removed. Its keys stop working within 5 seconds." in plain(listed)
    assert f'href="{here}"' not in listed
    move(app, world.inbox)
    with app.app_context():
        found = db.session.scalars(
            select(Delivery.state).where(Delivery.destination_id == world.inbox)
        ).all()
        assert set(found) == states
        slug = db.session.scalars(select(Source.slug)).one()
    assert f"/sources/{slug}" in admin.get("/sources?state=removed").text
    page = admin.get(f"/sources/{slug}")
    assert "This site was removed." in plain(page.text)
    assert admin.get(f"/sources/{slug}/remove").status_code == 404
    assert f"/sources/{slug}" in admin.get(f"/events/{world.event}").text


def test_empty_lists_of_removed_ones_say_so(world: World, admin: Visitor) -> None:
    assert "No destination was removed" in admin.get("/destinations?state=removed").text
    assert "No site was removed" in admin.get("/sources?state=removed").text


def test_a_subscription_keeps_a_removed_site_when_it_is_saved(
    app: Flask, world: World, admin: Visitor
) -> None:
    form = {"which": "all", "from": "some", "sites": "shop", "match": "all", "do": "save"}
    admin.post(f"/destinations/{world.inbox}/subscriptions/new", form)
    admin.post("/sources/shop/remove", {"name": "Shop"})
    with app.app_context():
        slug = db.session.scalars(select(Source.slug)).one()
        inbox = destination_settings.find_destination(world.inbox)
        (only,) = [one for one in inbox.subscriptions if one.sources]
    here = f"/destinations/{world.inbox}/subscriptions/{only.id}"
    page = admin.get(here).text
    assert "Shop (removed)" in plain(page)
    assert re.search(rf'name="sites" value="{slug}"\s+checked', page)
    assert admin.post(here, {**form, "sites": slug}).status_code == 303
    assert admin.post(here, {**form, "sites": []}).status_code == 422
