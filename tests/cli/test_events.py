"""``flask events`` and ``flask deliveries``."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import update

from relay.models import Delivery, db
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
    "not_needed",
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


def test_a_delivery_that_is_not_needed_keeps_its_state(run: Run, app: Flask, sink: Sink) -> None:
    world.make(app, sink)
    with app.app_context():
        hook = update(Delivery).where(Delivery.state == "dead")
        db.session.execute(hook.values(state="discarded", superseded_by=5, due_at=None))
        db.session.commit()
    listed = run("deliveries", "list", "--state", "discarded", "--json")["items"][0]
    assert (listed["state"], listed["not_needed"]) == ("discarded", True)
    assert "discarded (not needed)" in run("deliveries", "list")
    assert "discarded (not needed)" in run("deliveries", "show", str(listed["id"]))
    assert "Hook: discarded (not needed), 1 attempt\n" in run("events", "show", listed["event_id"])


def test_a_mistyped_event_type_is_named_with_the_one_that_was_meant(
    run: Run, app: Flask, sink: Sink
) -> None:
    world.make(app, sink)
    for words in (("list",), ("send-test", "shop")):
        said = run("events", *words, "--type", "order.creatd", code=1)
        assert "order.creatd is not an event type. Did you mean order.created?" in said
    for found in ("x.mine", "order.*", "relay.canary"):
        assert "None." in run("events", "list", "--type", found)
