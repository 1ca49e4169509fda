"""Replays: preview, start, progress and cancel."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask

from tests.dashboard.conftest import Visitor, text_of
from tests.dashboard.test_dead_letters import fill
from tests.support.sink import Sink
from tests.support.world import World, move

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
FRAGMENT = {"HX-Request": "true"}


def token_of(preview: str) -> str:
    found = re.search(r'name="once" value="(\w+)"', preview)
    assert found, preview
    return found[1]


def test_a_form_sent_twice_starts_one_replay(
    app: Flask, world: World, visit: Callable[..., Visitor]
) -> None:
    support = visit("support")
    form = {"destination": world.hook}
    preview = support.get("/replays/new", query_string=form).text
    form["once"] = token_of(preview)  # type: ignore[assignment]
    first, second = (support.post("/replays", form) for _ in range(2))
    assert first.status_code == second.status_code == 303
    assert first.location == second.location
    late = support.post("/replays", {**form, "once": "another"})
    assert late.status_code == 409 and "Nothing is left to send" in late.text


def test_a_replay_on_hold_names_the_paused_destination(
    app: Flask, world: World, sink: Sink, visit: Callable[..., Visitor]
) -> None:
    fill(app, world, 2)
    support, viewer = visit("support"), visit("viewer")
    support.post(f"/destinations/{world.hook}/pause", {"reason": "They move house"})
    preview = support.get(f"/replays/new?destination={world.hook}").text
    assert "Hook is paused, so deliveries wait until you resume it." in text_of(preview)
    location = support.post("/replays", {"destination": world.hook, "once": "t"}).location
    page = viewer.get(location).text
    assert "0 of 3 delivered. 3 left." in text_of(page)
    assert "3 deliveries to Hook . Sending continues when you resume" in text_of(page)
    assert "Pause</button>" not in page, "a viewer has no buttons"
    sink.answer(200, path="/hook")
    support.post(f"/destinations/{world.hook}/resume")
    move(app, world.hook)
    page = support.get(location, headers=FRAGMENT).text
    assert "3 of 3 delivered." in text_of(page) and "Sending continues" not in page


def test_a_cancelled_replay_shows_what_was_not_sent(
    app: Flask, world: World, admin: Visitor
) -> None:
    location = admin.post("/replays", {"destination": world.hook, "once": "t"}).location
    assert "Cancel" in admin.get(location).text
    assert "0 of 1 delivered. 1 was not sent" in text_of(
        admin.post(f"{location}/cancel", headers=FRAGMENT).text
    )
    assert admin.post(f"{location}/cancel").status_code == 409
    assert "1 failed" in text_of(admin.get("/dead-letters").text)


def test_resend_since_means_failed_deliveries_unless_all_are_chosen(
    app: Flask, world: World, admin: Visitor
) -> None:
    move(app, world.inbox)
    hook = admin.get(f"/replays/new?recover={world.hook}&since=2020-01-01T00:00").text
    assert "Hook: 1 delivery to send" in text_of(hook) and "1 new" in text_of(hook)
    inbox = f"/replays/new?recover={world.inbox}&since=2020-01-01T00:00"
    assert "Nothing to resend" in admin.get(inbox).text
    page = text_of(admin.get(f"{inbox}&which=all").text)
    assert "1 repeated" in page and "This delivery has already arrived." in page
    assert admin.get(f"/replays/new?recover={world.hook}&since=soon").status_code == 422
