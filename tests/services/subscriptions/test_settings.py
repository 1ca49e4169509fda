"""Subscriptions: sites, conditions, pauses, and why an event was not taken."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import select

from relay.delivery.router import SubscriptionFilter
from relay.errors import Invalid, NotFound, Refusal
from relay.event_types import INTERNAL_TYPES
from relay.mapping.conditions import Condition, ConditionGroup
from relay.models import AuditEntry, Delivery, Subscription, db
from relay.rules.states import SubscriptionState
from relay.services import events
from relay.services.audit import COMMAND_LINE, By
from relay.services.deliveries import oldest_due
from relay.services.destinations import settings as destination_settings
from relay.services.sources import settings as source_settings
from relay.services.subscriptions import matching
from relay.services.subscriptions import settings as subscription_settings
from relay.services.subscriptions.settings import SubscriptionSettings, UnsentCounts
from tests.support import world
from tests.support.events import order
from tests.support.sink import Sink

JANE = By("jane@example.com")
DEAR = ConditionGroup("all", (Condition(("data", "total"), "at_least", "500"),))
numbers = itertools.count(1)


@pytest.fixture
def relay(app: Flask) -> Iterator[Flask]:
    with app.app_context():
        for name in ("Shop A", "Shop B"):
            source_settings.create_source(
                name, f"https://{name[-1].lower()}.example.com", COMMAND_LINE
            )
        yield app
        db.session.remove()
    app.extensions["relay_ingest"].close()


def inbox(name: str, wanted: SubscriptionSettings, *more: SubscriptionSettings) -> Any:
    made = destination_settings.create_destination(
        "inbox", name, {}, COMMAND_LINE, wanted.event_types, wanted.sources
    )
    subscription_settings.change(made.subscriptions[0], wanted, JANE)
    for one in more:
        subscription_settings.create(made, one, JANE)
    return destination_settings.find_destination(made.id)


def put(app: Flask, slug: str, event: dict[str, Any]) -> int:
    """As the way in does: beside our own session, which must not hold the database."""
    db.session.rollback()
    return world.put(app, slug, event)


def move(app: Flask, *destination_ids: int) -> None:
    db.session.rollback()
    world.move(app, *destination_ids)
    db.session.rollback()


def routed(app: Flask, slug: str, event: dict[str, Any]) -> list[str]:
    """Who got an event."""
    number = put(app, slug, event)
    move(app)
    found = db.session.scalars(select(Delivery).where(Delivery.event_pk == number))
    return sorted(one.destination.name for one in found)


def test_events_are_routed_by_site_type_and_conditions(relay: Flask) -> None:
    inbox("Everything", SubscriptionSettings())
    inbox("A and B", SubscriptionSettings(["order.*"], ["shop-a", "shop-b"]))
    inbox("Dear from B", SubscriptionSettings(["order.created"], ["shop-b"], DEAR))
    inbox("Comments", SubscriptionSettings(["comment.created"]))
    assert routed(relay, "shop-a", order(total="900")) == ["A and B", "Everything"]
    assert routed(relay, "shop-b", order(total="500.00")) == [
        "A and B",
        "Dear from B",
        "Everything",
    ]
    assert routed(relay, "shop-b", order(total="120")) == ["A and B", "Everything"]


def test_two_subscriptions_of_one_destination_can_take_one_event(relay: Flask) -> None:
    box = inbox(
        "Box", SubscriptionSettings(["order.*"]), SubscriptionSettings(["order.created"], (), DEAR)
    )
    assert subscription_settings.overlapping(box)
    assert routed(relay, "shop-a", order(total="900")) == ["Box", "Box"]
    assert routed(relay, "shop-a", order(total="1")) == ["Box"]


@pytest.mark.parametrize(
    ("one", "two", "overlap"),
    [
        (SubscriptionSettings(["order.*"]), SubscriptionSettings(["order.created"]), True),
        (SubscriptionSettings(["order.*"]), SubscriptionSettings(["comment.*"]), False),
        (SubscriptionSettings(["x.*"]), SubscriptionSettings(["x.a.*"]), True),
        (SubscriptionSettings(["*"]), SubscriptionSettings(["x.a"]), True),
        (
            SubscriptionSettings(["order.created"], ["shop-a"]),
            SubscriptionSettings(["order.*"], ["shop-b"]),
            False,
        ),
        (
            SubscriptionSettings(["order.created"], ["shop-a"]),
            SubscriptionSettings(["order.*"]),
            True,
        ),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_overlapping_subscriptions_are_found(
    relay: Flask, one: SubscriptionSettings, two: SubscriptionSettings, overlap: bool
) -> None:
    assert subscription_settings.overlapping(inbox("Box", one, two)) is overlap


def test_bodies_are_read_only_for_conditions(relay: Flask) -> None:
    statements: list[str] = []

    @sqlalchemy_event.listens_for(db.engine, "before_cursor_execute")
    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    try:
        inbox("Everything", SubscriptionSettings())
        routed(relay, "shop-a", order())
        assert any("FROM subscription" in one for one in statements)
        assert not any("event.payload" in one.partition("FROM")[0] for one in statements)
    finally:
        sqlalchemy_event.remove(db.engine, "before_cursor_execute", note)


def test_deliveries_of_a_paused_subscription_wait(relay: Flask) -> None:
    box = inbox(
        "Box", SubscriptionSettings(["order.*"]), SubscriptionSettings(["order.created"], (), DEAR)
    )
    second = subscription_settings.find(box.id, box.subscriptions[1].id)
    subscription_settings.pause(second, JANE)
    with pytest.raises(Refusal):
        subscription_settings.pause(second, JANE)
    put(relay, "shop-a", order(total="900"))
    move(relay, box.id)
    states = {d.subscription_id: d.state for d in db.session.scalars(select(Delivery))}
    assert states == {box.subscriptions[0].id: "delivered", second.id: "pending"}
    assert subscription_settings.unsent(box.id) == {second.id: UnsentCounts(pending=1)}
    db.session.rollback()
    with db.engine.connect() as connection:
        assert connection.scalar(oldest_due()) is None  # it is nobody's fault
    subscription_settings.resume(subscription_settings.find(box.id, second.id), JANE)
    move(relay, box.id)
    assert {d.state for d in db.session.scalars(select(Delivery))} == {"delivered"}
    actions = db.session.scalars(select(AuditEntry.action)).all()
    assert {"subscription.create", "subscription.pause", "subscription.resume"} <= set(actions)


@pytest.mark.parametrize("change", [subscription_settings.pause, subscription_settings.remove])
def test_a_change_that_began_before_a_removal_does_not_undo_it(
    relay: Flask, change: Callable[..., object]
) -> None:
    box = inbox("Box", SubscriptionSettings(["order.*"]))
    stale = subscription_settings.find(box.id, box.subscriptions[0].id)
    db.session.commit()  # the change has read the subscription and has not written yet

    def remove() -> None:
        with relay.app_context():
            subscription_settings.remove(subscription_settings.find(box.id, stale.id), JANE)

    with ThreadPoolExecutor(1) as thread:
        thread.submit(remove).result(timeout=60)
    assert stale.state == SubscriptionState.ACTIVE, "the change still believes that it is active"
    with pytest.raises(NotFound):
        change(stale, JANE)
    state = select(Subscription.state).where(Subscription.id == stale.id)
    assert db.session.scalar(state) == SubscriptionState.CLOSED


def test_a_removed_subscription_takes_no_events_and_keeps_its_history(relay: Flask) -> None:
    box = inbox("Box", SubscriptionSettings(["order.*"]))
    put(relay, "shop-a", order())
    move(relay, box.id)
    only = subscription_settings.find(box.id, box.subscriptions[0].id)
    subscription_settings.pause(only, JANE)
    routed(relay, "shop-a", order())
    assert subscription_settings.remove(only, JANE) == 1
    assert routed(relay, "shop-a", order()) == []
    found = [
        (d.state, d.attempts) for d in db.session.scalars(select(Delivery).order_by(Delivery.id))
    ]
    assert found == [("delivered", 1), ("discarded", 0)]
    with pytest.raises(NotFound):
        subscription_settings.find(box.id, only.id)
    db.session.expire_all()
    assert destination_settings.find_destination(box.id).subscriptions == []


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (SubscriptionSettings(["no type"]), "event_types"),
        (SubscriptionSettings(["*"], ["nowhere"]), "source"),
        (
            SubscriptionSettings(conditions=ConditionGroup("all", (Condition((), "is", "x"),))),
            "conditions",
        ),
        (
            SubscriptionSettings(
                conditions=ConditionGroup("all", (Condition(("data", "a"), "is", ""),))
            ),
            "conditions",
        ),
        (
            SubscriptionSettings(
                conditions=ConditionGroup("all", (Condition(("data", "a"), "one_of", " , "),))
            ),
            "conditions",
        ),
        (
            SubscriptionSettings(
                conditions=ConditionGroup("all", (Condition(("data", "a"), "like", "x"),))
            ),
            "conditions",
        ),
        (SubscriptionSettings(conditions=ConditionGroup("any", DEAR.items * 31)), "conditions"),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_invalid_settings_are_refused_and_change_nothing(
    relay: Flask, wanted: SubscriptionSettings, field: str
) -> None:
    box = inbox("Box", SubscriptionSettings(["order.*"]))
    with pytest.raises(Invalid) as refused:
        subscription_settings.change(box.subscriptions[0], wanted, JANE)
    assert list(refused.value.reasons) == [field]
    db.session.rollback()
    assert db.session.scalar(select(Subscription.event_types)) == ["order.*"]


def test_subscriptions_that_did_not_take_an_event_have_a_reason(relay: Flask) -> None:
    inbox("Comments", SubscriptionSettings(["comment.*"]))
    inbox("From B", SubscriptionSettings(["order.*"], ["shop-b"]))
    inbox("Dear", SubscriptionSettings(["order.*"], (), DEAR))
    inbox("All", SubscriptionSettings())
    number = put(relay, "shop-a", order(total="120"))
    move(relay)
    inbox("Later", SubscriptionSettings())
    found = {
        one.subscription.destination.name: one.why
        for one in matching.unmatched_subscriptions(events.find_event(number))
    }
    assert found == {
        "Dear": "Total 120 is not at least 500.",
        "Comments": "It takes other event types.",
        "From B": "It only takes events from Shop B.",
        "Later": "It was created after this event was received.",
    }
    assert next(iter(found)) == "Dear"


def test_a_subscription_has_a_sentence(relay: Flask) -> None:
    status = Condition(("data", "status"), "is", "completed")
    wanted = SubscriptionSettings(
        ["order.status_changed"], ["shop-b"], ConditionGroup("all", (status, *DEAR.items))
    )
    box = inbox("My box", wanted)
    assert subscription_settings.sentence_of(box.subscriptions[0]) == (
        "When an order from Shop B becomes “completed” and its total is at least 500, "
        "store it in My box."
    )


def test_matches_are_counted_on_stored_events(relay: Flask) -> None:
    for total in ("100", "600", "700"):
        put(relay, "shop-a", order(total=total))
    put(relay, "shop-b", order(total="900"))
    found = matching.count_matches(SubscriptionSettings(["order.*"], ["shop-a"], DEAR))
    assert (found.taken, found.total) == (2, 3)
    fields = matching.fields_by_type(["order.*"])
    examples = {field.label: field.example for field in fields["order.created"]}
    assert examples["total"] == "900" and examples["customer.email"] == "jane@example.com"
    assert "order.status_changed" in fields and "lead.created" not in fields  # from our samples


def test_a_subscription_of_another_destination_is_not_found(relay: Flask, sink: Sink) -> None:
    one, two = inbox("One", SubscriptionSettings()), inbox("Two", SubscriptionSettings())
    with pytest.raises(NotFound):
        subscription_settings.find(one.id, two.subscriptions[0].id)


@pytest.mark.parametrize("name", sorted(INTERNAL_TYPES))
def test_nobody_subscribes_to_an_internal_type_and_none_is_routed(name: str) -> None:
    with pytest.raises(Invalid, match="is not an event type"):
        subscription_settings.check_patterns([name])
    assert subscription_settings.check_patterns(["relay.*", "relay.test"])
    stored = (name, "relay.*", "*")  # by an older version
    of_person = SubscriptionFilter(1, 1, frozenset(), stored, ConditionGroup())
    assert not of_person.takes(SimpleNamespace(event_type=name, source_id=1))
