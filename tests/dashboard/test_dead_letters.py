"""Dead letters: a person sends them again or lets them go, once, and sees what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from relay.models import Delivery, db
from tests.dashboard.conftest import Visitor
from tests.dashboard.world import World, make, move
from tests.support.sink import Sink

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def world(app: Flask, sink: Sink) -> Iterator[World]:
    yield make(app, sink)
    app.extensions["relay_ingest"].close()


def test_the_list_says_what_where_and_why_and_offers_viewers_nothing(
    app: Flask, world: World, visit: Callable[..., Visitor]
) -> None:
    viewer, support = visit("viewer"), visit("support")
    page = viewer.get("/dead-letters/list").text
    assert "New comment" in page and ">Hook</a>" in page and "answered 400" in page
    assert "Send again" not in page and '/replay"' not in page and "/discard" not in page
    assert 'type="checkbox"' not in page
    page = support.get("/dead-letters/list").text
    assert "Send again" in page and "It will not be sent any more." in page


def test_the_filter_takes_a_number_a_name_or_nonsense(
    app: Flask, world: World, admin: Visitor
) -> None:
    row = f'id="letter-{world.letter}"'
    for asked, found in (
        (world.hook, True),
        ("Hook", True),
        (world.inbox, False),
        ("²", False),
        ("9" * 100, False),
        ("<script>", False),
    ):
        answer = admin.get("/dead-letters/list", query_string={"destination": asked})
        assert answer.status_code == 200 and (row in answer.text) is found, asked
    empty = admin.get(f"/dead-letters?destination={world.inbox}", headers=FRAGMENT).text
    assert "No dead letters there" in empty and "<html" not in empty


def test_a_row_follows_its_replay_until_it_is_settled(
    app: Flask, sink: Sink, world: World, visit: Callable[..., Visitor]
) -> None:
    support = visit("support")
    row = f"/dead-letters/{world.letter}"
    sink.answer(503, b"busy", path="/hook")
    assert 'hx-trigger="every 1s"' in support.post(f"{row}/replay", headers=FRAGMENT).text
    move(app, world.hook)
    waiting = support.get(row, headers=FRAGMENT).text
    assert "tries again" in waiting and 'hx-trigger="every 5s"' in waiting
    sink.answer(200, path="/hook")
    with app.app_context():
        delivery = db.session.query(Delivery).filter_by(state="pending").one()
        delivery.due_at = delivery.created_at
        db.session.commit()
    move(app, world.hook)
    settled = support.get(row, headers=FRAGMENT).text
    assert "Delivered" in settled and "hx-trigger" not in settled and "Send again" not in settled


def test_a_replay_that_dies_again_leads_to_its_story(
    app: Flask, world: World, admin: Visitor
) -> None:
    admin.post(f"/dead-letters/{world.letter}/replay", headers=FRAGMENT)
    move(app, world.hook)
    row = admin.get(f"/dead-letters/{world.letter}", headers=FRAGMENT).text
    assert f'href="/events/{world.event}">It did not help: see why</a>' in row
    assert "hx-trigger" not in row
    assert "Attempt 2" in admin.get(f"/events/{world.event}").text


def test_a_discarded_row_is_settled_at_once_and_says_so_in_the_story(
    app: Flask, world: World, admin: Visitor
) -> None:
    row = admin.post(f"/dead-letters/{world.letter}/discard", headers=FRAGMENT).text
    assert "Discarded" in row and "hx-trigger" not in row and "<html" not in row
    assert "somebody decided that it need not arrive" in admin.get(f"/events/{world.event}").text
    again = admin.post(f"/dead-letters/{world.letter}/replay", headers=FRAGMENT)
    assert again.status_code == 409 and "took care of this already" in again.text


@pytest.mark.parametrize(
    ("asked", "led"),
    [("/events/1", "/events/1"), ("//evil.example", "/"), ("https://evil.example", "/")],
)
def test_without_a_script_a_click_leads_back_to_where_it_came_from_on_this_site(
    app: Flask, world: World, admin: Visitor, asked: str, led: str
) -> None:
    answer = admin.post(f"/dead-letters/{world.letter}/replay", {"next": asked})
    assert (answer.status_code, answer.location) == (303, led)
