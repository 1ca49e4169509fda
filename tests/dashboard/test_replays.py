"""A replay in the browser: looked at first, begun once, and told where it waits."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask

from tests.dashboard.conftest import Visitor
from tests.dashboard.test_dead_letters import fill, text_of
from tests.support.sink import Sink
from tests.support.world import World, move

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
FRAGMENT = {"HX-Request": "true"}


def token_of(preview: str) -> str:
    found = re.search(r'name="token" value="(\w+)"', preview)
    assert found, preview
    return found[1]


def test_a_form_that_is_sent_twice_leads_to_one_replay(
    app: Flask, world: World, visit: Callable[..., Visitor]
) -> None:
    support = visit("support")
    form = {"destination": world.hook}
    preview = support.get("/replays/new", query_string=form).text
    form["token"] = token_of(preview)  # type: ignore[assignment]
    first, second = (support.post("/replays", form) for _ in range(2))
    assert first.status_code == second.status_code == 303
    assert first.location == second.location
    late = support.post("/replays", {**form, "token": "another"})
    assert late.status_code == 409 and "Nothing is left to send" in late.text


def test_a_replay_tells_where_it_waits_and_for_whom(
    app: Flask, world: World, sink: Sink, visit: Callable[..., Visitor]
) -> None:
    fill(app, world, 2)
    support, viewer = visit("support"), visit("viewer")
    support.post(f"/destinations/{world.hook}/pause", {"reason": "They move house"})
    preview = support.get(f"/replays/new?destination={world.hook}").text
    assert "Hook is paused, so they wait until somebody resumes it." in text_of(preview)
    begun = support.post("/replays", {"destination": world.hook, "token": "t"}).location
    page = viewer.get(begun).text
    assert "0 of 3 arrived. 3 to go." in text_of(page)
    assert "3 for Hook : they go on when somebody resumes it." in text_of(page)
    assert "Pause</button>" not in page, "a viewer looks"
    sink.answer(200, path="/hook")
    support.post(f"/destinations/{world.hook}/resume")
    move(app, world.hook)
    page = support.get(begun, headers=FRAGMENT).text
    assert "3 of 3 arrived." in text_of(page) and "they go on when" not in page


def test_a_cancelled_replay_says_what_was_taken_back(
    app: Flask, world: World, admin: Visitor
) -> None:
    begun = admin.post("/replays", {"destination": world.hook, "token": "t"}).location
    assert "Cancel" in admin.get(begun).text
    assert "0 of 1 arrived. 1 taken back" in text_of(
        admin.post(f"{begun}/cancel", headers=FRAGMENT).text
    )
    assert admin.post(f"{begun}/cancel").status_code == 409
    assert "1 waits" in text_of(admin.get("/dead-letters").text)


def test_everything_since_means_what_did_not_arrive_unless_one_says_otherwise(
    app: Flask, world: World, admin: Visitor
) -> None:
    move(app, world.inbox)
    hook = admin.get(f"/replays/new?recover={world.hook}&since=2020-01-01T00:00").text
    assert "Hook: 1 would be sent" in text_of(hook) and "1 would be created" in text_of(hook)
    inbox = f"/replays/new?recover={world.inbox}&since=2020-01-01T00:00"
    assert "Nothing to send again" in admin.get(inbox).text
    page = text_of(admin.get(f"{inbox}&which=all").text)
    assert "1 would be repeated" in page and "This arrived already." in page
    assert admin.get(f"/replays/new?recover={world.hook}&since=soon").status_code == 422
