"""Rate limit, concurrency and retry schedule: the page and its form."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from flask import Flask

from relay.dashboard.throttling import retry_dots
from relay.services.audit import COMMAND_LINE
from relay.services.destinations import settings as destination_settings
from relay.services.destinations import throttling
from tests.dashboard.conftest import Visitor, text_of
from tests.support.events import comment
from tests.support.sink import Sink
from tests.support.world import World, move, put

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
FORM = {"rate_count": "", "rate_unit": "second", "concurrency": "4", "schedule": "patient"}


def test_rate_limit_concurrency_and_retry_schedule_are_saved(
    app: Flask, world: World, admin: Visitor
) -> None:
    here = f"/destinations/{world.hook}"
    page = text_of(admin.get(here).text)
    assert "No limit" in page and "8 attempts over 1 day 6 h: immediately, then after 5 s" in page
    changes = {"rate_count": "30", "rate_unit": "minute", "schedule": "own", "own": "5 s, 2 h"}
    assert admin.post(f"{here}/throttling", {**FORM, **changes}).status_code == 303
    page = text_of(admin.get(here).text)
    assert "At most 30 per minute, spread evenly" in page and "4 requests at a time" in page
    assert "3 attempts over 2 h: immediately, then after 5 s and 2 h." in page


@pytest.mark.parametrize(
    "changes",
    [{"rate_count": "many"}, {"concurrency": "0"}, {"schedule": "own", "own": "soon"}],
)
def test_an_invalid_form_changes_nothing(
    app: Flask, world: World, admin: Visitor, changes: dict[str, str]
) -> None:
    answer = admin.post(f"/destinations/{world.hook}/throttling", {**FORM, **changes})
    assert answer.status_code == 422 and "field-error" in answer.text
    with app.app_context():
        destination = destination_settings.find_destination(world.hook)
        assert (destination.rate_count, destination.concurrency) == (None, 4)


def test_the_old_url_of_the_page_redirects(world: World, admin: Visitor) -> None:
    answer = admin.get(f"/destinations/{world.hook}/pace")
    assert answer.location == f"/destinations/{world.hook}/throttling"
    assert "Retry schedule" in admin.get(answer.location).text


def test_what_to_do_after_a_status_is_chosen_on_the_page(
    app: Flask, world: World, admin: Visitor
) -> None:
    here = f"/destinations/{world.hook}/throttling"
    page = admin.get(here).text
    assert "What to do after an error" in page
    words = text_of(page)
    assert "404 not found Default: retry for the first hour" in words
    assert "410 permanently closed Default: pause" in words
    assert "422 content rejected Default: failed delivery" in words
    assert "5xx error of the server Default: retry" in words
    chosen = {"on-404": "fail", "on-401": "pause", "on-5xx": "default"}
    assert admin.post(here, {**FORM, **chosen}).status_code == 303
    with app.app_context():
        destination = destination_settings.find_destination(world.hook)
        assert destination.on_status == {"404": "fail", "401": "pause"}
    detail = text_of(admin.get(f"/destinations/{world.hook}").text)
    assert "After an error 401: pause; 404: failed delivery" in detail
    page = admin.get(here).text
    assert '<option value="fail" selected>' in page
    assert admin.post(here, {**FORM, "on-404": "default"}).status_code == 303
    with app.app_context():
        assert destination_settings.find_destination(world.hook).on_status == {"401": "pause"}


def test_a_status_that_was_chosen_on_the_command_line_stays_when_the_page_is_saved(
    app: Flask, world: World, admin: Visitor
) -> None:
    here = f"/destinations/{world.hook}/throttling"
    with app.app_context():
        throttling.set_throttling(
            world.hook,
            throttling.Throttling(on_status={"502": "pause", "4xx": "fail"}),
            COMMAND_LINE,
        )
    page = text_of(admin.get(here).text)
    assert "502 bad gateway" in page
    assert admin.post(here, {**FORM, "on-404": "retry", "on-502": "pause"}).status_code == 303
    with app.app_context():
        chosen = destination_settings.find_destination(world.hook).on_status
    assert chosen == {"502": "pause", "4xx": "fail", "404": "retry"}


def test_an_unknown_action_is_refused_with_a_sentence(world: World, admin: Visitor) -> None:
    answer = admin.post(f"/destinations/{world.hook}/throttling", {**FORM, "on-404": "explode"})
    assert answer.status_code == 422
    assert "After 404, “explode” is not possible." in text_of(answer.text)


def test_a_destination_without_http_has_no_choice_for_a_status(
    world: World, admin: Visitor
) -> None:
    page = admin.get(f"/destinations/{world.inbox}/throttling").text
    assert "What to do after an error" not in page and "Retry schedule" in page


def test_the_next_tries_are_marked_on_the_retry_schedule(
    app: Flask, world: World, admin: Visitor, sink: Sink
) -> None:
    due = datetime(2026, 11, 28, 9, 30, tzinfo=UTC)
    dots = retry_dots([5.0, 300.0, 1800.0], 2, due, ZoneInfo("Europe/Vienna"))
    assert [dot.state for dot in dots] == ["done", "done", "next", "later"]
    assert [dot.label for dot in dots[2:]] == [
        "Attempt 3: next, Sat 28 Nov 10:30",
        "Attempt 4: if it is needed, about Sat 28 Nov 11:00",
    ]
    sink.answer(503, b"", path="/hook")
    event = put(app, world.slug, comment())
    move(app, world.hook)
    page = admin.get(f"/events/{event}").text
    assert "Attempt 1: made" in page and "Attempt 2: next, " in page and "Attempt 8: if" in page
    page = text_of(admin.get(f"/destinations/{world.hook}").text)
    assert "1 delivery waits for attempt 2 in " in page or "attempt 2 just now" in page
