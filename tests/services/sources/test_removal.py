"""Removing a site: its keys, its slug, and what happens to the events that wait."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import insert, select, text, update

from relay import database
from relay.delivery import drain, recovery, router
from relay.delivery.claim import claim
from relay.errors import NotFound, Refusal
from relay.models import Alert, AuditEntry, Delivery, Event, Revision, Source, db
from relay.rules.states import KeyState, SourceState
from relay.services.alerts import state as alerts
from relay.services.audit import COMMAND_LINE, RELAY, By
from relay.services.dead_letters import actions as dead_letter_actions
from relay.services.destinations import settings as destination_settings
from relay.services.event_list import list_events
from relay.services.events import EventFilter, find_event
from relay.services.ledger import check
from relay.services.replays import actions as replay_actions
from relay.services.replays import preview as replay_preview
from relay.services.sources import removal
from relay.services.sources import settings as source_settings
from relay.services.subscriptions import settings as subscription_settings
from relay.services.subscriptions.settings import SubscriptionSettings
from tests.support.events import comment
from tests.support.network import wait_for
from tests.support.sink import Sink
from tests.support.world import World, delivery_states, make, move, put

JANE = By("jane@example.com")
POSTGRES = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


@pytest.fixture
def world(app: Flask, sink: Sink) -> Iterator[World]:
    """Two deliveries of the site wait at each destination, and one event is not routed yet."""
    world = make(app, sink)
    for _ in range(2):
        put(app, world.slug, comment())
    move(app)
    put(app, world.slug, comment())
    with app.app_context():
        yield world
        db.session.remove()
    app.extensions["relay_ingest"].close()


def wait_for_lock() -> None:
    """Wait until a transaction waits for another one."""
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    with db.engine.connect() as connection:
        wait_for(lambda: connection.scalar(waiting), 10, "a transaction that waits")


def revision() -> int:
    number = db.session.scalar(select(Revision.number).where(Revision.subject == "sources"))
    assert number is not None
    return number


def test_the_preview_counts_and_changes_nothing(world: World) -> None:
    found = removal.preview(world.slug)
    assert (found.pending, found.unrouted, found.undelivered) == (4, 1, 5)
    assert (found.failed, found.in_flight, found.answers) == (1, 0, 0)
    assert (found.keys, found.only_here, found.events) == (1, (), 4)
    assert source_settings.find_source(world.slug).state == SourceState.ACTIVE


def test_keys_are_revoked_and_every_web_process_is_notified(world: World) -> None:
    before = revision()
    source_id = source_settings.find_source(world.slug).id
    removal.remove(world.slug, JANE)
    gone = db.session.get_one(Source, source_id)
    assert (gone.state, gone.removed_by) == (SourceState.CLOSED, "jane@example.com")
    assert [key.state for key in gone.keys] == [KeyState.REVOKED]
    assert revision() == before + 1
    with pytest.raises(NotFound):
        source_settings.find_source(world.slug)
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "source.remove")).one()
    assert (entry.object_label, entry.detail["still_delivered"]) == ("shop", 5)


def test_the_slug_is_free_and_the_history_keeps_an_address(world: World) -> None:
    source_id = source_settings.find_source(world.slug).id
    removal.remove(world.slug, JANE)
    gone = db.session.get_one(Source, source_id)
    assert (gone.slug, gone.name) == (f"shop-removed-{source_id}", "Shop (removed)")
    assert source_settings.find_source(gone.slug, removed_too=True).id == source_id
    assert list_events(EventFilter(source=gone.slug)).total == 4
    again, _, _ = source_settings.create_source("Shop", "https://shop.example.com", COMMAND_LINE)
    assert (again.slug, again.id != source_id) == ("shop", True)
    assert list_events(EventFilter(source="shop")).total == 0
    assert [one.id for one in source_settings.list_sources().items] == [again.id]
    assert [one.id for one in source_settings.list_sources(removed=True).items] == [source_id]


def test_waiting_events_are_still_delivered(app: Flask, world: World, sink: Sink) -> None:
    removal.remove(world.slug, JANE)
    move(app, world.inbox)
    states = db.session.scalars(
        select(Delivery.state).where(Delivery.destination_id == world.inbox)
    ).all()
    assert set(states) == {"delivered"} and len(states) == 4


def test_waiting_events_are_discarded_when_the_person_chooses_so(app: Flask, world: World) -> None:
    removal.remove(world.slug, JANE, discard_waiting=True)
    move(app, world.inbox)
    states = db.session.scalars(
        select(Delivery.state).where(Delivery.destination_id == world.inbox).order_by(Delivery.id)
    ).all()
    assert states == ["delivered", "discarded", "discarded"]
    assert delivery_states(app, world.hook) == {"discarded": 3}, "a failed one is discarded too"
    assert db.session.scalars(select(Event.delivery_count).order_by(Event.id)).all() == [2, 2, 2, 0]
    assert find_event(world.event).deliveries


def test_a_failed_delivery_is_resent_after_the_removal_unless_it_was_discarded(
    app: Flask, world: World, sink: Sink
) -> None:
    removal.remove(world.slug, JANE)
    sink.answer(path="/hook")
    dead_letter_actions.replay(world.letter, JANE)
    move(app, world.hook)
    assert delivery_states(app, world.hook) == {"delivered": 4}


def test_what_is_discarded_with_a_site_cannot_be_replayed(app: Flask, world: World) -> None:
    move(app, world.inbox)
    removal.remove(world.slug, JANE, discard_waiting=True)
    everything = replay_preview.select_since(
        world.inbox, database.now(db.session) - timedelta(days=1), delivered_too=True
    )
    (preview,) = replay_preview.dry_run(everything).places
    assert (preview.total, preview.skipped) == (0, {"its site was removed": 4})
    with pytest.raises(Refusal, match="Nothing is left to send"):
        replay_actions.start(everything, JANE, "token")
    delivered = db.session.scalars(
        select(Delivery).where(Delivery.destination_id == world.inbox)
    ).first()
    assert delivered is not None
    with pytest.raises(Refusal, match="The site of this delivery was removed"):
        dead_letter_actions.check_can_be_sent(delivered)


def test_discarding_includes_what_a_drain_has_claimed(app: Flask, world: World, sink: Sink) -> None:
    called = len(sink.requests)
    with db.engine.begin() as connection:
        assert len(claim(connection, world.hook, 2, database.now(connection))) == 2
    assert removal.preview(world.slug).in_flight == 2
    removal.remove(world.slug, JANE, discard_waiting=True)
    past = database.now(db.session) - timedelta(hours=1)
    db.session.execute(
        update(Delivery).where(Delivery.state == "in_flight").values(lease_until=past)
    )
    db.session.commit()
    assert recovery.expire_leases() == 2
    move(app, world.hook)
    assert delivery_states(app, world.hook) == {"discarded": 3}
    assert len(sink.requests) == called


def test_a_drain_discards_what_it_has_not_started(app: Flask, world: World, sink: Sink) -> None:
    called = len(sink.requests)
    running = drain.Drain.open(world.hook)
    assert running is not None and len(running.batch.claims) == 2
    removal.remove(world.slug, JANE, discard_waiting=True)
    running.checked_at = 0
    running.run()
    running.close()
    assert delivery_states(app, world.hook) == {"discarded": 3}
    assert len(sink.requests) == called


@pytest.mark.parametrize("discard", [True, False])
def test_events_accepted_until_the_keys_stop_follow_the_same_choice(
    app: Flask, world: World, discard: bool
) -> None:
    source_id = source_settings.find_source(world.slug).id
    removal.remove(world.slug, JANE, discard_waiting=discard)
    event = put(app, f"shop-removed-{source_id}", comment())
    move(app)
    assert len(find_event(event).deliveries) == (0 if discard else 2)


@POSTGRES
def test_a_removal_waits_for_a_router_and_discards_what_it_wrote(app: Flask, world: World) -> None:
    source_id = source_settings.find_source(world.slug).id
    db.session.rollback()

    def remove() -> None:
        with app.app_context():
            removal.remove(world.slug, JANE, discard_waiting=True)
            db.session.remove()

    with ThreadPoolExecutor(1) as thread, db.engine.begin() as router_connection:
        subscriptions = router.existing_subscriptions(router_connection)
        (event,) = router_connection.execute(
            select(Event.id, Event.event_id, Event.event_type, Event.source_id)
            .where(Event.source_id == source_id, Event.routed_at.is_(None))
            .with_for_update(skip_locked=True)
        )
        pairs = router.matches(router_connection, [event], subscriptions)
        assert len(router.without_removed_sites(router_connection, pairs)) == 2
        removed = thread.submit(remove)
        wait_for_lock()
        now = database.now(router_connection)
        rows = [router.delivery_row(event, subscription, now) for _, subscription in pairs]
        router_connection.execute(insert(Delivery), rows)
        router.mark_routed(router_connection, {event.id: len(rows)})
        router_connection.commit()
        removed.result(timeout=30)
    assert delivery_states(app, world.hook) == {"discarded": 4}


def test_deliveries_back_to_the_site_are_discarded(app: Flask, world: World) -> None:
    back = destination_settings.create_destination("wordpress", "Results", {}, COMMAND_LINE)
    put(app, world.slug, comment())
    move(app)
    found = removal.preview(world.slug)
    assert found.answers == 2
    removal.remove(world.slug, JANE)
    states = db.session.scalars(
        select(Delivery.state).where(Delivery.destination_id == back.id)
    ).all()
    assert states == ["discarded", "discarded"]


def test_a_failed_answer_to_a_removed_site_is_discarded(app: Flask, world: World) -> None:
    back = destination_settings.create_destination("wordpress", "Results", {}, COMMAND_LINE).id
    put(app, world.slug, comment())
    move(app)
    running = drain.Drain.open(back)
    assert running is not None and len(running.batch.claims) == 2
    source_id = source_settings.find_source(world.slug).id
    removal.remove(world.slug, JANE)
    running.run()  # the calls have started before the removal is noticed, and fail
    running.close()
    put(app, f"shop-removed-{source_id}", comment())
    move(app, back)
    assert delivery_states(app, back) == {"discarded": 2}


def test_subscriptions_that_listen_only_to_it_are_named_and_take_nothing_else(
    app: Flask, world: World
) -> None:
    other, _, _ = source_settings.create_source("Blog", "https://blog.example.com", COMMAND_LINE)
    inbox = destination_settings.find_destination(world.inbox)
    only = subscription_settings.create(
        inbox, SubscriptionSettings(["comment.created"], ["shop"]), JANE
    )
    subscription_settings.create(inbox, SubscriptionSettings(["*"], ["shop", "blog"]), JANE)
    (sentence,) = removal.preview(world.slug).only_here
    assert sentence == subscription_settings.sentence_of(only)
    source_id = source_settings.find_source(world.slug).id
    removal.remove(world.slug, JANE)
    event = put(app, "blog", comment())
    move(app)
    assert only.id not in {d.subscription_id for d in find_event(event).deliveries}
    # saving the subscription again neither fails nor widens it to every site
    kept = [f"shop-removed-{source_id}"]
    subscription_settings.change(only, SubscriptionSettings(["comment.created"], kept), JANE)
    assert [source.id for source in only.sources] == [source_id]
    assert other.slug == "blog"


def test_alerts_about_it_are_resolved(world: World) -> None:
    for slug in ("shop", "shop-two"):
        alerts.raise_alert(check.KIND, f"{slug} 2026-01-01", "A number differs.", "Check it.")
    db.session.commit()
    removal.remove(world.slug, JANE)
    still = db.session.scalars(select(Alert.subject).where(Alert.resolved_at.is_(None))).all()
    assert still == ["shop-two 2026-01-01"]


def test_a_removed_site_opens_no_ledger_alert(world: World) -> None:
    yesterday = database.now(db.session) - timedelta(days=1)
    db.session.execute(update(Event).values(received_at=yesterday))  # without a count at ingest
    db.session.commit()
    assert check.check_day(yesterday.date()).gaps
    opened = select(Alert.subject).where(Alert.resolved_at.is_(None))
    assert db.session.scalars(opened).all() == [f"shop {yesterday.date()}"]
    removal.remove(world.slug, JANE)
    check.check_day(yesterday.date())
    assert db.session.scalars(opened).all() == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_default_source_is_not_made_again(app: Flask, world: World) -> None:
    config = app.extensions["relay_config"]
    object.__setattr__(config, "shared_secret", "s" * 40)
    assert source_settings.ensure_default(RELAY)
    removal.remove("default", JANE)
    assert not source_settings.ensure_default(RELAY)
