"""The event list and the event page."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from relay.dashboard import events as pages
from relay.models import Delivery, Destination, db
from relay.services.audit import COMMAND_LINE
from relay.services.destinations import settings as destination_settings
from tests.dashboard.conftest import Visitor, text_of
from tests.support.events import comment, order
from tests.support.sink import Sink
from tests.support.world import World, move, put

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
FRAGMENT = {"HX-Request": "true"}


def custom_event(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    return comment(event=kind, data=data)


@pytest.mark.parametrize(
    ("kind", "data", "words"),
    [
        ("comment.created", {"author": "", "content": "Hi\n\nthere"}, "Someone: Hi there"),
        (
            "order.created",
            {"number": 7, "total": "9.50", "currency": "EUR", "status": "paid"},
            "Order 7, 9.50 EUR, paid",
        ),
        (
            "subscription.renewed",
            {"number": "8", "total": "5", "currency": "EUR", "status": "active"},
            "Subscription 8, 5 EUR, active",
        ),
        ("product.updated", {"id": 5, "name": "Teapot", "sku": "", "price": "9"}, "Teapot"),
        ("lead.created", {"form": {}, "fields": {"A": "x", "B": [1]}}, "Form: x"),
        ("x.anything", {"a": {"b": 1}, "c": None, "d": "seen", "e": 3}, "seen, 3"),
        ("user.registered", {}, ""),
    ],
)
def test_the_subject_describes_an_event_in_a_few_words(
    app: Flask, kind: str, data: dict[str, Any], words: str
) -> None:
    assert pages.subject_of(kind, data) == words
    assert len(pages.short("y " * 300)) <= 120


def test_the_list_polls_on_its_first_page_only(app: Flask, world: World, admin: Visitor) -> None:
    first = admin.get("/events?type=comment.created", headers=FRAGMENT).text
    assert 'hx-get="/events?type=comment.created"' in first and 'hx-trigger="every' in first
    older = admin.get(f"/events?after={world.event + 1}", headers=FRAGMENT).text
    assert "New comment" in older and "hx-trigger" not in older


def test_with_a_span_and_a_first_day_the_later_start_applies(
    app: Flask, world: World, admin: Visitor
) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    assert "New comment</a>" in admin.get("/events?span=30d&since=2026-01-01").text
    assert "No results" in admin.get(f"/events?span=1h&since={tomorrow}").text
    page = admin.get("/events?type=order.*").text
    assert "No results" in page and "Clear filters" in page


def test_the_event_page_shows_the_site_the_key_and_every_attempt(
    app: Flask, world: World, admin: Visitor
) -> None:
    page = text_of(admin.get(f"/events/{world.event}").text)
    for words in (
        "203.0.113.7",
        world.key_id,
        "fingerprint",
        "to 2 destinations",
        "Attempt 1 succeeded",
        "Attempt 1 was rejected",
        "Relay does not retry this delivery.",
        "Response (400)",
        "Delivery ID at Hook",
    ):
        assert words in page, words
    assert "hx-trigger" not in admin.get(f"/events/{world.event}", headers=FRAGMENT).text


def test_a_pending_retry_shows_its_time_and_number_and_sets_the_polling_interval(
    app: Flask, sink: Sink, world: World, admin: Visitor
) -> None:
    sink.answer(503, b"busy", path="/hook")
    event = put(app, world.slug, comment())
    waiting = admin.get(f"/events/{event}", headers=FRAGMENT).text
    assert "Waiting to be routed" in waiting and 'hx-trigger="every 2s"' in waiting
    move(app, world.inbox, world.hook)
    near = admin.get(f"/events/{event}", headers=FRAGMENT).text
    assert "(2 of up to 8)" in near and 'hx-trigger="every 2s"' in near
    with app.app_context():
        delivery = db.session.query(Delivery).filter_by(event_pk=event, state="pending").one()
        delivery.due_at = datetime.now(UTC) + timedelta(hours=5)
        db.session.commit()
    far = admin.get(f"/events/{event}", headers=FRAGMENT).text
    assert "in 5 h" in far and 'hx-trigger="every 15s"' in far
    # an open section stays open while the page polls
    assert re.search(r'<details id="sent-\d+" hx-preserve>', far)


def test_a_delivery_on_hold_names_the_paused_destination(
    app: Flask, world: World, admin: Visitor
) -> None:
    with app.app_context():
        destination_settings.pause(world.inbox, COMMAND_LINE, "moving house")
    event = put(app, world.slug, comment())
    move(app, world.inbox)
    page = text_of(admin.get(f"/events/{event}").text)
    assert "The destination is paused: moving house" in page


def test_an_event_without_a_destination_links_an_admin_to_adding_one(
    app: Flask, world: World, visit: Callable[..., Visitor]
) -> None:
    with app.app_context():
        for one in (world.inbox, world.hook):
            destination = destination_settings.find_destination(one)
            destination.subscriptions[0].event_types = ["order.created"]
        db.session.commit()
    event = put(app, world.slug, comment())
    move(app)
    admin, viewer = visit("admin"), visit("viewer")
    assert 'href="/destinations/new">Add a destination</a>' in admin.get(f"/events/{event}").text
    assert "Ask an admin to add one." in viewer.get(f"/events/{event}").text


def test_an_event_id_that_looks_like_a_row_number_is_not_confused_with_it(
    app: Flask, world: World, admin: Visitor
) -> None:
    impostor = comment(event_id=str(world.event))
    impostor["data"]["content"] = "I am another one"
    put(app, world.slug, impostor)
    assert "I am another one" not in admin.get(f"/events/{world.event}").text
    assert admin.get("/events/9999999999999999999999").status_code == 404
    assert admin.get("/events/²").status_code == 404


def test_event_data_is_shown_as_inert_text(
    app: Flask, world: World, visit: Callable[..., Visitor]
) -> None:
    evil = '"><img src=x onerror=alert(1)><a hx-get="/audit" hx-trigger="load"></textarea>'
    event = custom_event("x.evil", {"<b>name</b>": evil, "deep": {"<i>k</i>": [evil, True, None]}})
    number = put(app, world.slug, event)
    move(app, world.inbox, world.hook)
    viewer = visit("viewer")
    for path in ("/events", f"/events/{number}", "/events?text=%3Cscript%3E", "/dead-letters"):
        page = viewer.get(path).text
        for tag in (
            "<img src=x",
            '<a hx-get="/audit"',
            "<b>name",
            "<i>k",
            "<script>\n",
            "</textarea>",
        ):
            assert tag not in page, (path, tag)
    assert "Resend" not in viewer.get(f"/events/{number}").text.replace("Resends", "")


def test_an_event_whose_data_php_left_empty_has_a_page(
    app: Flask, world: World, admin: Visitor
) -> None:
    event = put(app, world.slug, comment(event="x.empty", data=[]))
    assert admin.get(f"/events/{event}").status_code == 200


def test_a_delivery_that_a_newer_change_made_unnecessary_says_so(
    app: Flask, world: World, admin: Visitor
) -> None:
    event = order(id=7) | {"event": "order.status_changed", "revision": 4, "occurred_at": "soon"}
    number = put(app, world.slug, event)
    move(app)
    with app.app_context():
        of_event = update(Delivery).where(Delivery.event_pk == number)
        columns = {"state": "discarded", "superseded_by": 5, "due_at": None, "attempts": 1}
        db.session.execute(of_event.values(columns))
        db.session.commit()
    page = text_of(admin.get(f"/events/{number}").text)
    assert "Not needed" in page and "Discarded" not in page
    assert "Relay does not send this event again, so that" in page, "there was an attempt"
    assert (
        "A newer change of this order was already delivered. The newer one has revision 5." in page
    )
    assert "occurred_at is ignored" in page
    assert "Not needed" in admin.get("/events").text
    assert ": not needed" in admin.get("/events").text, "beside the destination"
    with app.app_context():
        db.session.execute(of_event.values(attempts=0))
        db.session.commit()
    page = text_of(admin.get(f"/events/{number}").text)
    assert "Relay did not send this event, so that" in page


def test_tabs_lead_to_states_and_count_what_is_open(
    app: Flask, world: World, admin: Visitor
) -> None:
    put(app, world.slug, comment())  # not routed yet
    page = text_of(admin.get("/events").text)
    assert "All Queued 1 Pending Delivered Failed 1 No destination" in page
    filtered = admin.get("/events?type=comment.created&state=dead").text
    assert 'href="/events?type=comment.created&amp;state=pending"' in filtered
    assert "Failed 1" not in text_of(filtered), "counts are of all events"


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("lid teapot", True),
        ("TEAPOT   lid", True),
        ('"with a lid"', True),
        ('"lid with"', False),
        ("teapot kettle", False),
        ("%", False),
    ],
)
def test_every_word_of_a_search_must_occur(
    app: Flask, world: World, admin: Visitor, typed: str, found: bool
) -> None:
    event = comment()
    event["data"] |= {"author": "Ann", "content": "Does the teapot come with a lid?"}
    put(app, world.slug, event)
    page = admin.get("/events", query_string={"text": typed}, headers={"HX-Request": "true"}).text
    assert ("Does the teapot" in page) is found


def test_a_name_from_right_to_left_does_not_reorder_its_neighbours(
    app: Flask, world: World, admin: Visitor
) -> None:
    customer = {"name": "محمد عبد الله", "email": "m@example.com"}
    put(app, world.slug, order(number="17", total="5.00", customer=customer))
    assert "Order 17, \u2068محمد عبد الله\u2069, 5.00 EUR" in admin.get("/events").text


def test_a_delivery_to_a_destination_that_is_paused_is_on_hold(
    app: Flask, world: World, admin: Visitor
) -> None:
    put(app, world.slug, comment())
    with app.app_context():
        hook = db.session.get_one(Destination, world.hook)
        hook.state, hook.paused_reason = "paused", "Paused by a person."
        db.session.commit()
    move(app, world.inbox, world.hook)
    assert "Hook: on hold" in admin.get("/events").text


def test_the_chips_of_an_event_begin_with_what_failed(world: World, admin: Visitor) -> None:
    page = text_of(admin.get("/events").text)
    assert page.index("Hook : failed") < page.index("Inbox : delivered")
