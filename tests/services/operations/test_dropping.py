"""Partitions past the retention are dropped; what is open in them is kept with its history."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, text, update

from relay import database
from relay.models import Attempt, DeadLetter, Delivery, Event, db
from relay.services.audit import COMMAND_LINE
from relay.services.dead_letters import actions
from relay.services.ledger import parts, reading
from relay.services.ledger.model import Period
from relay.services.ledger.reading import two_days
from relay.services.operations import dropping, partitions, retention
from relay.services.sources import privacy
from relay.services.sources import settings as source_settings
from tests.support import world
from tests.support.events import comment
from tests.support.sink import Sink

pytestmark = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


@pytest.fixture
def made(app: Flask, sink: Sink) -> Iterator[world.World]:
    """One event: delivered to the inbox, a failed delivery at the hook."""
    found = world.make(app, sink)
    sink.answer(200, path="/hook")
    with app.app_context():
        yield found
        db.session.remove()


def age(days: float) -> None:
    """Let all events and attempts so far be so old, and begin new partitions."""
    at = database.now(db.session) - timedelta(days=days)
    db.session.execute(update(Event).values(received_at=at))
    db.session.execute(update(Attempt).values(started_at=at))
    db.session.commit()
    partitions.begin()
    partitions.begin()  # the last two are never dropped


def tables(table: str) -> list[str]:
    with db.engine.connect() as connection:
        return [one.name for one in partitions.list_partitions(connection, table)]


def count(statement: str) -> int:
    found = db.session.scalar(text(statement))
    db.session.commit()
    assert isinstance(found, int)
    return found


def delivered(app: Flask, made: world.World, name: str) -> int:
    event = world.put(app, made.slug, comment(event_id=name))
    world.move(app, made.inbox, made.hook)
    return event


def test_finished_events_go_with_their_partition_and_open_ones_stay(
    app: Flask, made: world.World
) -> None:
    finished = [delivered(app, made, f"done-{number}") for number in range(3)]
    waiting = world.put(app, made.slug, comment(event_id="waiting"))
    world.move(app)
    unrouted = world.put(app, made.slug, comment(event_id="unrouted"))
    age(31)
    source = source_settings.find_source(made.slug)
    before = repr(two_days(source.id))
    assert retention.prune(COMMAND_LINE).events == 3
    assert "event_p1" not in tables("event") and "attempt_p1" not in tables("attempt")
    left = set(db.session.scalars(select(Event.id)))
    assert left == {made.event, waiting, unrouted}, (
        "a failed delivery, one that waits, one unrouted"
    )
    assert not left & set(finished)
    assert repr(two_days(source.id)) == before, "the ledger counts as before"
    assert count("SELECT count(*) FROM event_kept") == 3
    assert count("SELECT count(*) FROM event_key") == 3, "the others may come again"
    of_letter = select(func.count()).select_from(Attempt).join(
        DeadLetter, DeadLetter.delivery_id == Attempt.delivery_id
    )  # fmt: skip
    assert db.session.scalar(of_letter) == 1, "its history"
    deliveries = db.session.scalars(select(Delivery.event_pk)).all()
    assert set(deliveries) == {made.event, waiting}
    copy = (
        "INSERT INTO event (source_id, signing_key_id, event_id, event_type, site, address, payload, "
        "body_sha256, search_text) SELECT source_id, signing_key_id, event_id, event_type, site, address, "
        "payload, body_sha256, search_text FROM event WHERE id = :id ON CONFLICT DO NOTHING RETURNING id"
    )
    assert db.session.scalars(text(copy), {"id": waiting}).all() == [], (
        "it is a duplicate as before"
    )
    db.session.commit()
    # what was kept ends like any other event
    world.move(app, made.inbox, made.hook)
    actions.discard(made.letter, COMMAND_LINE)
    assert retention.prune(COMMAND_LINE).events == 3
    assert count("SELECT count(*) FROM event_key") == 0
    assert count("SELECT count(*) FROM attempt") == 0


def test_a_site_with_more_days_keeps_its_events(app: Flask, made: world.World) -> None:
    actions.discard(made.letter, COMMAND_LINE)
    other = source_settings.create_source("Other", "https://o.example.com", COMMAND_LINE)[0].slug
    for number in range(9):
        delivered(app, made, f"short-{number}")
    long = world.put(app, other, comment(event_id="long"))
    world.move(app, made.inbox, made.hook)
    privacy.set_retention(other, 365, COMMAND_LINE)
    age(31)
    assert retention.prune(COMMAND_LINE).events == 10
    assert "event_p1" not in tables("event")
    assert db.session.scalars(select(Event.id)).all() == [long]
    assert count("SELECT count(*) FROM attempt") == 2, "with its history"


def test_where_most_events_stay_the_others_are_deleted_alone(app: Flask, made: world.World) -> None:
    other = source_settings.create_source("Other", "https://o.example.com", COMMAND_LINE)[0].slug
    actions.discard(made.letter, COMMAND_LINE)
    long = world.put(app, other, comment(event_id="long"))
    world.move(app, made.inbox, made.hook)
    privacy.set_retention(other, 365, COMMAND_LINE)
    age(31)
    assert retention.prune(COMMAND_LINE).events == 1
    assert "event_p1" in tables("event")
    assert db.session.scalars(select(Event.id)).all() == [long]


def test_where_many_events_are_open_the_others_are_deleted_alone(
    app: Flask, made: world.World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dropping, "MOST_STAY", 2)
    monkeypatch.setattr(dropping, "LARGE", 0)
    copies(made, 4)
    db.session.execute(
        text("UPDATE delivery SET state = 'dead' WHERE key LIKE 'copy-%' AND id % 2 = 0")
    )
    db.session.commit()
    age(31)
    assert retention.prune(COMMAND_LINE).events == 2, "the made one and two copies are open"
    assert "event_p1" in tables("event")
    assert count(ORPHANS) == 0
    actions.discard(made.letter, COMMAND_LINE)
    assert retention.prune(COMMAND_LINE).events == 1
    assert "event_p1" not in tables("event"), "two are few enough"
    assert count("SELECT count(*) FROM event_kept") == 2


def test_a_partition_that_is_being_read_is_dropped_the_next_time(
    app: Flask, made: world.World
) -> None:
    actions.discard(made.letter, COMMAND_LINE)
    age(31)
    with db.engine.connect() as reader:
        partitions.hold(reader)
        retention.prune(COMMAND_LINE)
        assert "event_p1" in tables("event")
    retention.prune(COMMAND_LINE)
    assert "event_p1" not in tables("event")
    assert count("SELECT count(*) FROM event") == 0


def test_an_event_that_comes_again_before_the_drop_comes_once(
    app: Flask, made: world.World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dropping, "LARGE", 0)  # its events are not deleted one by one
    actions.discard(made.letter, COMMAND_LINE)
    delivered(app, made, "other")
    age(31)
    name = db.session.scalar(select(Event.event_id).where(Event.id == made.event))
    assert name is not None
    events = partitions.list_partitions(db.session.connection(), "event")
    db.session.commit()
    cutoffs = retention.cutoffs_of(database.now(db.session))
    dropping._clear(events[0], ["attempt_kept"], cutoffs)  # a long query stops the drop
    again = world.put(app, made.slug, comment(event_id=name))
    world.move(app, made.inbox, made.hook)
    db.session.commit()
    retention.prune(COMMAND_LINE)
    assert db.session.scalars(select(Event.id)).all() == [again]
    held = "SELECT event_pk FROM event_key"
    assert count(held) == again, "a third one is a duplicate"


def test_the_ledger_counts_once_while_a_drop_waits(app: Flask, made: world.World) -> None:
    actions.discard(made.letter, COMMAND_LINE)
    delivered(app, made, "other")
    age(31)
    parts.count_parts(60)
    day = (database.now(db.session) - timedelta(days=31)).date()
    events = partitions.list_partitions(db.session.connection(), "event")
    db.session.commit()
    cutoffs = retention.cutoffs_of(database.now(db.session))
    db.session.commit()

    def lines() -> tuple[str, str]:
        with reading.snapshot() as connection:
            period = Period(day, day)
            return (
                repr(reading.read(connection, period).by_type),
                repr(reading.read_parts(connection, period).by_type),
            )

    before = lines()
    assert before[0] == before[1]
    dropping._clear(events[0], ["attempt_kept"], cutoffs)  # a long query stops the drop
    assert lines() == before


def test_a_large_partition_waits_until_all_its_events_are_past_their_days(
    app: Flask, made: world.World
) -> None:
    actions.discard(made.letter, COMMAND_LINE)
    db.session.execute(
        text("SELECT setval('event_id_seq', :id)"), {"id": made.event + dropping.LARGE}
    )
    db.session.commit()
    later = delivered(app, made, "later")
    age(31)
    at = database.now(db.session) - timedelta(days=29)
    db.session.execute(update(Event).where(Event.id == later).values(received_at=at))
    db.session.commit()
    assert retention.prune(COMMAND_LINE).events == 0, "one is 29 days old"
    at -= timedelta(days=2)
    db.session.execute(update(Event).where(Event.id == later).values(received_at=at))
    db.session.commit()
    assert retention.prune(COMMAND_LINE).events == 2
    assert "event_p1" not in tables("event")


def test_two_processes_do_not_delete_the_same_events(app: Flask, made: world.World) -> None:
    actions.discard(made.letter, COMMAND_LINE)
    age(31)
    with partitions.alone() as is_alone:
        assert is_alone and retention.prune(COMMAND_LINE).events == 0, "the first one does it"
    assert retention.prune(COMMAND_LINE).events == 1


ORPHANS = "SELECT count(*) FROM attempt WHERE delivery_id NOT IN (SELECT id FROM delivery)"


def later(days: int) -> None:
    """Let so many days pass for the events and attempts so far."""
    for table, column in (("event", "received_at"), ("attempt", "started_at")):
        db.session.execute(text(f"UPDATE {table} SET {column} = {column} - interval '{days} days'"))
    db.session.commit()
    partitions.begin()


def copies(made: world.World, number: int) -> None:
    """Routed events of the made one, each with a delivered delivery and an attempt."""
    for statement in (
        "INSERT INTO event (source_id, signing_key_id, event_id, event_type, site, address, payload, "
        "body_sha256, search_text, routed_at, wanted, received_at) SELECT source_id, signing_key_id, "
        "'copy-' || n, event_type, site, address, payload, body_sha256, search_text, routed_at, 1, "
        "received_at FROM event, generate_series(1, :number) n WHERE id = :event",
        "INSERT INTO delivery (key, event_pk, subscription_id, destination_id, state, attempts) "
        "SELECT 'copy-' || e.id, e.id, d.subscription_id, d.destination_id, 'delivered', 1 "
        "FROM event e, delivery d WHERE e.event_id LIKE 'copy-%' AND d.event_pk = :event "
        "AND d.destination_id = :hook",
        "INSERT INTO attempt (key, delivery_id, number, started_at, outcome, request, "
        "response) SELECT 'copy-' || d.id, d.id, 1, a.started_at, a.outcome, a.request, "
        "a.response FROM delivery d, (SELECT * FROM attempt LIMIT 1) a WHERE d.key LIKE 'copy-%'",
    ):
        db.session.execute(
            text(statement), {"number": number, "event": made.event, "hook": made.hook}
        )
    db.session.commit()


def test_the_attempt_of_a_late_replay_goes_with_its_event(app: Flask, made: world.World) -> None:
    later(29)
    actions.replay(made.letter, COMMAND_LINE)
    world.move(app, made.inbox, made.hook)
    later(2)
    partitions.begin()
    assert count("SELECT count(*) FROM attempt_p2") == 1
    retention.prune(COMMAND_LINE)
    assert count("SELECT count(*) FROM event") == 0
    assert count("SELECT count(*) FROM attempt") == 0


def test_attempts_go_with_their_event_where_many_others_stay(app: Flask, made: world.World) -> None:
    copies(made, 400)
    db.session.execute(
        text("UPDATE delivery SET state = 'dead' WHERE key LIKE 'copy-%' AND id % 4 > 0")
    )
    db.session.commit()
    age(31)
    assert retention.prune(COMMAND_LINE).events == 100
    assert "attempt_p1" in tables("attempt")
    assert count(ORPHANS) == 0
    assert count("SELECT count(*) FROM attempt") == 302
