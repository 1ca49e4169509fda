"""``flask events`` and ``flask deliveries``."""

from __future__ import annotations

from flask import Flask

from tests.cli.conftest import TIMESTAMP, Run
from tests.support import world
from tests.support.sink import Sink

DELIVERY = {
    "id",
    "destination",
    "state",
    "attempts",
    "last_status",
    "last_error",
    "superseded_by",
    "due_at",
}

EVENT = {"event_id", "type", "source", "state", "received_at", "deliveries"}


def test_events_and_deliveries_have_the_documented_fields(run: Run, app: Flask, sink: Sink) -> None:
    made = world.make(app, sink)
    event = run("events", "list", "--status", "dead", "--text", "jane", "--json")["items"][0]
    assert event.keys() >= EVENT
    assert (event["source"], event["type"], event["state"]) == ("shop", "comment.created", "dead")
    assert TIMESTAMP.fullmatch(event["received_at"])
    by_name = {delivery["destination"]: delivery for delivery in event["deliveries"]}
    assert all(delivery.keys() == DELIVERY for delivery in by_name.values())
    assert (by_name["Hook"]["state"], by_name["Hook"]["last_status"]) == ("dead", 400)
    assert by_name["Inbox"]["state"] == "delivered"
    shown = run("events", "show", event["event_id"], "--json")
    assert shown["payload"]["event_id"] == event["event_id"]
    dead = run("deliveries", "list", "--state", "dead", "--destination", "Hook", "--json")
    assert (dead["total"], dead["items"][0]["id"]) == (1, by_name["Hook"]["id"])
    history = run("deliveries", "show", str(dead["items"][0]["id"]), "--json")["history"]
    assert [(one["number"], one["outcome"], one["status"]) for one in history] == [
        (1, "refused", 400)
    ]
    assert made.secret not in str(shown)
