"""Removing a destination: what is discarded, what stays, and that nothing is sent afterwards."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, current_app
from sqlalchemy import select, update

from relay import database
from relay.delivery import drain, recovery
from relay.delivery.claim import claim
from relay.errors import NotFound, Refusal
from relay.models import AiStep, AuditEntry, DeadLetter, Delivery, Destination, Subscription, db
from relay.rules.states import DeadLetterState, DestinationState, Resolution, SubscriptionState
from relay.services.audit import COMMAND_LINE, By
from relay.services.dead_letters import actions as dead_letter_actions
from relay.services.destinations import removal
from relay.services.destinations import settings as destination_settings
from relay.services.events import find_event
from relay.services.operations import encryption
from relay.services.replays import actions as replay_actions
from relay.services.replays import preview as replay_preview
from tests.support.events import comment
from tests.support.sink import Sink
from tests.support.world import World, add_ai_step, ai_destination, delivery_states, make, move, put

JANE = By("jane@example.com")
POSTGRES = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


@pytest.fixture
def world(app: Flask, sink: Sink) -> Iterator[World]:
    """The hook has one failed delivery and three that wait."""
    world = make(app, sink)
    for _ in range(3):
        put(app, world.slug, comment())
    move(app)
    with app.app_context():
        yield world
        db.session.remove()
    app.extensions["relay_ingest"].close()


def test_the_preview_counts_and_changes_nothing(world: World) -> None:
    found = removal.preview(world.hook)
    assert (found.pending, found.in_flight, found.failed) == (3, 0, 1)
    assert (found.subscriptions, found.asked_by, found.kept) == (1, (), 4)
    db.session.rollback()
    assert delivery_states(current_app, world.hook) == {"dead": 1, "pending": 3}
    assert destination_settings.find_destination(world.hook).state == DestinationState.ACTIVE


def test_a_removal_discards_what_is_open_and_keeps_the_history(world: World, sink: Sink) -> None:
    called = len(sink.requests)
    removal.remove("Hook", JANE)
    assert delivery_states(current_app, world.hook) == {"discarded": 4}
    letter = db.session.scalars(select(DeadLetter)).one()
    assert (letter.state, letter.resolution) == (DeadLetterState.RESOLVED, Resolution.DISCARDED)
    assert letter.reason == "The destination was removed."
    gone = db.session.get_one(Destination, world.hook)
    assert (gone.state, gone.name) == (DestinationState.CLOSED, "Hook (removed)")
    assert (gone.sealed_secrets, gone.removed_by) == ("", "jane@example.com")
    assert gone.removed_at is not None
    closed = db.session.scalars(
        select(Subscription.state).where(Subscription.destination_id == world.hook)
    ).all()
    assert closed == [SubscriptionState.CLOSED]
    (delivery,) = [d for d in find_event(world.event).deliveries if d.destination_id == world.hook]
    assert (delivery.state, delivery.attempts, len(delivery.history)) == ("discarded", 1, 1)
    entry = db.session.scalars(
        select(AuditEntry).where(AuditEntry.action == "destination.remove")
    ).one()
    assert (entry.actor, entry.object_label) == ("jane@example.com", "Hook")
    assert (entry.detail["discarded"], entry.detail["failed_discarded"]) == (3, 1)
    assert encryption.unreadable(db.session.connection()) == []
    db.session.rollback()
    drain.run(world.hook)
    assert len(sink.requests) == called


def test_a_removed_destination_is_not_found_and_its_name_is_free(app: Flask, world: World) -> None:
    removal.remove(world.hook, JANE)
    for action in (
        destination_settings.find_destination,
        removal.preview,
        lambda name: removal.remove(name, JANE),
        lambda name: destination_settings.pause(name, JANE),
        lambda name: destination_settings.send_test(name, JANE),
    ):
        with pytest.raises(NotFound):
            action(world.hook)
        db.session.rollback()
    assert [one.id for one in destination_settings.list_destinations().items] == [world.inbox]
    assert [one.id for one in destination_settings.list_destinations(removed=True).items] == [
        world.hook
    ]
    again = destination_settings.create_destination("inbox", "Hook", {}, COMMAND_LINE)
    removal.remove(again.id, JANE)
    names = {one.name for one in destination_settings.list_destinations(removed=True).items}
    assert names == {"Hook (removed)", "Hook (removed 2)"}


def test_new_events_get_no_delivery_for_it(app: Flask, world: World) -> None:
    removal.remove(world.hook, JANE)
    event = put(app, world.slug, comment())
    move(app, world.inbox)
    assert [d.destination_id for d in find_event(event).deliveries] == [world.inbox]


def test_what_was_discarded_cannot_be_sent_again(world: World) -> None:
    removal.remove(world.hook, JANE)
    with pytest.raises(Refusal, match="already"):
        dead_letter_actions.replay(world.letter, JANE)
    delivery = db.session.scalars(
        select(Delivery.id).where(Delivery.destination_id == world.hook).limit(1)
    ).one()
    with pytest.raises(Refusal, match="Nothing is left"):
        replay_actions.start(replay_preview.select_delivery(delivery), JANE, "token")


def test_a_replay_of_a_removed_subscription_is_refused_and_previewed_as_skipped(
    world: World,
) -> None:
    db.session.execute(
        update(Subscription)
        .where(Subscription.destination_id == world.hook)
        .values(state=SubscriptionState.CLOSED)
    )
    db.session.commit()
    chosen = replay_preview.select_dead_letters(replay_preview.Selection())
    (found,) = replay_preview.dry_run(chosen).places
    assert found.skipped == {"its subscription was removed": 1}
    with pytest.raises(Refusal, match="Nothing is left"):
        replay_actions.start(chosen, JANE, "token")
    with pytest.raises(Refusal, match="subscription of this delivery was removed"):
        dead_letter_actions.replay(world.letter, JANE)


def test_an_ai_destination_is_not_removed_while_steps_ask_it(world: World) -> None:
    ai = ai_destination()
    hook = destination_settings.find_destination(world.hook)
    add_ai_step(hook.subscriptions[0].id, ai.id)
    (sentence,) = removal.preview(ai.id).asked_by
    assert "Hook" in sentence
    with pytest.raises(Refusal) as refused:
        removal.remove(ai.id, JANE)
    assert sentence in str(refused.value)
    assert destination_settings.find_destination(ai.id).sealed_secrets
    removal.remove(world.hook, JANE)
    assert db.session.scalars(select(AiStep)).all() == []
    removal.remove(ai.id, JANE)
    assert db.session.get_one(Destination, ai.id).state == DestinationState.CLOSED


def test_nothing_is_sent_after_the_removal_of_what_a_drain_has_claimed(
    world: World, sink: Sink
) -> None:
    called = len(sink.requests)
    with db.engine.begin() as connection:
        assert len(claim(connection, world.hook, 2, database.now(connection))) == 2
    assert removal.preview(world.hook).in_flight == 2
    removal.remove(world.hook, JANE)
    assert delivery_states(current_app, world.hook) == {"in_flight": 2, "discarded": 2}
    past = database.now(db.session).replace(year=2020)
    db.session.execute(
        update(Delivery).where(Delivery.state == "in_flight").values(lease_until=past)
    )
    db.session.commit()
    assert recovery.expire_leases() == 2
    drain.run(world.hook)
    removal.discard_leftovers()
    assert delivery_states(current_app, world.hook) == {"discarded": 4}
    assert len(sink.requests) == called


def test_what_appears_after_a_removal_is_discarded(world: World) -> None:
    removal.remove(world.hook, JANE)
    first, second, *_ = db.session.scalars(
        select(Delivery).where(Delivery.destination_id == world.hook).order_by(Delivery.id)
    ).all()
    first.state, first.due_at = "pending", database.now(db.session)  # type: ignore[assignment]
    second.state = "dead"  # type: ignore[assignment]
    db.session.add(
        DeadLetter(
            delivery_id=second.id, destination_id=world.hook, code="http_400", sentence="No."
        )
    )
    db.session.commit()
    assert removal.discard_leftovers() == 2
    assert delivery_states(current_app, world.hook) == {"discarded": 4}
    assert removal.discard_leftovers() == 0


@POSTGRES
def test_a_change_that_waits_for_the_removal_does_not_bring_it_back(
    app: Flask, world: World
) -> None:
    destination_settings.pause(world.hook, JANE)
    errors: list[Any] = []
    removed, waiting = threading.Event(), threading.Event()

    def resume() -> None:
        with app.app_context():
            waiting.set()
            try:
                destination_settings.resume(world.hook, JANE)
            except NotFound as exc:
                errors.append(exc)
            db.session.remove()
            removed.set()

    destination = destination_settings.find_destination(world.hook, lock=True)
    thread = threading.Thread(target=resume)
    thread.start()
    assert waiting.wait(10)
    assert not removed.wait(0.5), "resume must wait for the lock"
    destination.state = DestinationState.CLOSED
    db.session.commit()
    thread.join(30)
    assert len(errors) == 1
    db.session.refresh(destination)
    assert destination.state == DestinationState.CLOSED
