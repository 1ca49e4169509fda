"""Events through the API: with their deliveries, and masked by role."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from tests.api.v1.conftest import ApiClient
from tests.support.sink import Sink
from tests.support.world import World, make


@pytest.fixture
def world(app: Flask, sink: Sink) -> World:
    found = make(app, sink)
    app.extensions["relay_ingest"].close()
    return found


def test_an_event_is_shown_with_its_deliveries(world: World, api: Callable[..., ApiClient]) -> None:
    admin = api("admin")
    found = admin.get(f"/events/{world.event}")
    assert (found["state"], found["site"], found["masked"]) == ("dead", world.slug, False)
    assert found["body"]["event_id"] == found["event_id"]
    by_name = {one["destination_id"]: one for one in found["deliveries"]}
    assert by_name[world.inbox]["state"] == "delivered"
    failed = by_name[world.hook]
    assert (failed["state"], failed["failed_delivery_id"]) == ("dead", world.letter)
    assert failed["attempts"][-1]["status"] == 400
    assert admin.get(f"/events/{found['event_id']}") == found
    assert admin.open("GET", "/events/unknown").status_code == 404
    listed = admin.get("/events", site=world.slug, state="dead", type="comment.created")["items"]
    assert [one["id"] for one in listed] == [world.event]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_personal_data_is_masked_except_for_admins(
    world: World, api: Callable[..., ApiClient]
) -> None:
    admin = api("admin")
    data = admin.get(f"/events/{world.event}")["body"]["data"]
    support = api("support")
    answer = support.open("GET", f"/events/{world.event}")
    assert answer.get_json()["masked"]
    assert data["author"] == "Jane Doe" and "Jane" not in answer.text and "Doe" not in answer.text
    # a search in the values would let someone guess them
    assert support.get("/events", text="Jane")["items"] == []
    assert admin.get("/events", text="Jane")["items"]
