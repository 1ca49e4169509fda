"""Removing a site: its keys, its slug, and what happens to the events that wait."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from relay import database
from relay.errors import NotFound
from relay.models import Alert, AuditEntry, Delivery, Event, Revision, Source, db
from relay.rules.states import KeyState, SourceState
from relay.services import alerts
from relay.services.audit import COMMAND_LINE, RELAY, By
from relay.services.destinations import settings as destination_settings
from relay.services.events import EventFilter, find_event, list_events
from relay.services.ledger import check
from relay.services.sources import removal
from relay.services.sources import settings as source_settings
from relay.services.subscriptions import settings as subscription_settings
from relay.services.subscriptions.settings import SubscriptionSettings
from tests.support.events import comment
from tests.support.sink import Sink
from tests.support.world import World, make, move, put

JANE = By("jane@example.com")


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


def revision() -> int:
    number = db.session.scalar(select(Revision.number).where(Revision.subject == "sources"))
    assert number is not None
    return number


def test_the_preview_counts_and_changes_nothing(world: World) -> None:
    found = removal.preview(world.slug)
    assert (found.waiting, found.unrouted, found.undelivered) == (4, 1, 5)
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
    assert db.session.scalars(select(Event.delivery_count).order_by(Event.id)).all() == [2, 2, 2, 0]
    assert find_event(world.event).deliveries


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
