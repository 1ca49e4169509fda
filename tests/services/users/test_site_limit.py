"""Limiting a request to some sites: what each kind of statement reads, changes and is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, exists, func, insert, literal, select, text, union_all, update
from sqlalchemy.orm import aliased, joinedload, make_transient_to_detached, selectinload
from sqlalchemy.orm.exc import StaleDataError

from relay.models import (
    AiUse,
    Attempt,
    DeadLetter,
    Delivery,
    Destination,
    Event,
    Intake,
    Replay,
    Source,
    Subscription,
    User,
    db,
)
from relay.models.base import Base
from relay.services.users import site_limit
from relay.services.users.site_limit import CONDITIONS, OPEN, OutsideLimit, why_refused
from tests.support import two_sites
from tests.support.two_sites import TwoSites

OTHER: Any = aliased(Delivery)
PLAIN: Any = Delivery.__table__
CLOSED = {  # read and changed only by views about all sites
    "connect_grant",
    *("ai_answer", "ai_step", "ai_use", "alert_channel", "alert_entry", "alert_message"),
    *("alert_rule", "delivery_minute", "gauge", "lease", "ledger_check", "milestone"),
    "erasure_receipt",
    *("destination_hold", "destination_traffic", "setting"),
}


def test_every_table_has_a_condition_or_is_open_or_closed() -> None:
    """A new table is closed until someone decides."""
    with_condition = {model.__tablename__ for model in CONDITIONS}
    assert not with_condition & OPEN
    assert set(Base.metadata.tables) - with_condition - OPEN == CLOSED


@pytest.fixture
def sites(app: Flask) -> TwoSites:
    return two_sites.make(app)


@pytest.fixture
def limited(app: Flask, sites: TwoSites) -> Iterator[TwoSites]:
    """Within a request that is limited to the first site."""
    with app.test_request_context():
        site_limit.apply(frozenset({sites.mine.source_id}), "me@example.com")
        yield sites
        db.session.rollback()


def sites_of(*deliveries: Delivery | None) -> set[int]:
    return {one.event.source_id for one in deliveries if one is not None}


def test_reads_return_the_rows_of_these_sites(limited: TwoSites) -> None:
    mine, other = limited.mine, limited.other
    read = db.session
    own = len(mine.letters) + 2
    assert sites_of(*read.scalars(select(Delivery))) == {mine.source_id}
    assert sites_of(*read.scalars(select(OTHER).options(joinedload(OTHER.event)))) == {
        mine.source_id
    }
    assert read.scalar(select(func.count()).select_from(Delivery)) == own
    assert read.scalar(select(func.count()).select_from(select(Delivery.id).subquery())) == own
    assert read.scalar(select(func.count()).select_from(select(Delivery.id).cte())) == own
    both = union_all(select(Delivery.id), select(Event.id)).subquery()
    assert read.scalar(select(func.count()).select_from(both)) == own + len(mine.events)
    pairs = select(func.count()).select_from(Delivery).join(Event, Event.id == Delivery.event_pk)
    assert read.scalar(pairs) == own
    assert read.scalar(select(exists().where(Event.id == other.events[0]))) is False
    assert (
        read.scalar(select(literal(1)).where(exists().where(Event.id == other.events[0]))) is None
    )
    assert read.scalar(select(select(func.count(Attempt.id)).scalar_subquery())) == own
    assert read.query(Delivery).filter_by(id=other.pending).first() is None
    assert read.get(Delivery, other.pending) is None
    assert read.get(DeadLetter, other.letters[0], options=[joinedload(DeadLetter.delivery)]) is None
    assert read.get(Delivery, mine.pending, populate_existing=True, with_for_update=True)
    sources = read.scalars(select(Source).options(selectinload(Source.keys))).all()
    assert [(one.id, len(one.keys)) for one in sources] == [(mine.source_id, 1)]
    assert {one.source_id for one in read.scalars(select(Intake))} == {mine.source_id}


def test_only_destinations_that_get_or_got_these_events_are_seen(limited: TwoSites) -> None:
    mine = limited.mine
    wanted = {mine.destination, limited.shared}
    assert set(db.session.scalars(select(Destination.id))) == wanted
    assert set(db.session.scalars(select(Subscription.destination_id))) == wanted


def test_a_destination_that_took_an_event_before_it_was_changed_is_seen(
    app: Flask, sites: TwoSites
) -> None:
    with app.app_context():
        subscription = db.session.get_one(Subscription, sites.mine.subscription)
        subscription.sources = [db.session.get_one(Source, sites.other.source_id)]
        db.session.commit()
    with app.test_request_context():
        site_limit.apply(frozenset({sites.mine.source_id}), "me@example.com")
        assert sites.mine.destination in db.session.scalars(select(Destination.id)).all()
        assert db.session.get_one(Subscription, sites.mine.subscription).sources == []


def test_changes_reach_the_rows_of_these_sites(app: Flask, limited: TwoSites) -> None:
    mine, other = limited.mine, limited.other
    change = db.session
    quiet = {"synchronize_session": False}
    everything = update(Delivery).values(last_error="changed").execution_options(**quiet)
    assert change.execute(everything).rowcount == len(mine.letters) + 2  # type: ignore[attr-defined]
    ids = select(DeadLetter.delivery_id).where(DeadLetter.code == two_sites.SHARED_CODE)
    some = update(Delivery).where(Delivery.id.in_(ids)).values(last_error="again")
    found = change.scalars(some.returning(Delivery.id).execution_options(**quiet)).all()
    assert len(found) == 2
    gone = delete(Attempt).where(Attempt.delivery_id.in_(select(PLAIN.c.id)))
    with pytest.raises(OutsideLimit, match="delivery"):
        change.execute(gone.execution_options(**quiet))
    letter = change.get_one(DeadLetter, mine.letters[0])
    letter.note = "changed"
    change.flush()
    change.refresh(letter)
    assert letter.note == "changed"
    change.commit()
    with app.app_context():
        rows = db.session.scalars(
            select(Delivery.last_error).join(Event).where(Event.source_id == other.source_id)
        )
        assert set(rows) == {other.mark}


def test_a_foreign_object_cannot_be_written(app: Flask, limited: TwoSites) -> None:
    """Even if the session holds one, which only a fault could do."""
    foreign = DeadLetter(id=limited.other.letters[0], note="as it was")
    make_transient_to_detached(foreign)
    db.session.add(foreign)
    foreign.note = "changed"
    with pytest.raises(StaleDataError):
        db.session.flush()


@pytest.mark.parametrize(
    "statement",
    [
        select(PLAIN.c.id),
        select(OTHER.id, PLAIN.c.state).join(PLAIN, PLAIN.c.id == OTHER.id),
        select(Event.id).where(Event.id.in_(select(PLAIN.c.event_pk))),
        select(AiUse.id),
        text("SELECT payload FROM event"),
        text("SELECT e.payload FROM user_session, event AS e"),
        text('DELETE FROM "event"'),
        insert(Event).values(event_id="x"),
    ],
    ids=str,
)
def test_a_statement_without_the_condition_is_not_sent(limited: TwoSites, statement: Any) -> None:
    with pytest.raises(OutsideLimit):
        db.session.execute(statement)


def test_every_connection_of_the_request_is_limited(limited: TwoSites) -> None:
    db.session.remove()
    assert set(db.session.scalars(select(Event.source_id))) == {limited.mine.source_id}
    db.session.rollback()
    with db.engine.connect() as connection:
        assert set(connection.scalars(select(Event.source_id))) == {limited.mine.source_id}
        with pytest.raises(OutsideLimit):
            connection.exec_driver_sql("SELECT count(*) FROM event")


def test_other_requests_and_an_unlimited_person_send_the_same_statements(
    app: Flask, limited: TwoSites
) -> None:
    db.session.rollback()
    with app.app_context():
        found = {one.source_id for one in db.session.scalars(select(Event))}
        assert found == {limited.mine.source_id, limited.other.source_id}
        assert not db.session.connection().dispatch.before_cursor_execute
        assert db.session.scalar(text("SELECT count(*) FROM event"))


def test_no_site_means_no_rows(app: Flask, sites: TwoSites) -> None:
    with app.test_request_context():
        site_limit.apply(frozenset(), "me@example.com")
        for model in CONDITIONS:
            assert not db.session.execute(select(model)).all(), model
        assert db.session.scalar(select(func.count()).select_from(User)) is not None


def test_a_replay_is_seen_by_the_one_who_started_it_while_its_events_are(
    app: Flask, sites: TwoSites
) -> None:
    for actor, source_id, seen in (
        (sites.mine.mark, sites.mine.source_id, [sites.mine.replay]),
        (sites.mine.mark, sites.other.source_id, []),
        ("someone else", sites.mine.source_id, []),
    ):
        with app.test_request_context():
            site_limit.apply(frozenset({source_id}), actor)
            assert list(db.session.scalars(select(Replay.id))) == seen


def test_a_condition_about_other_rows_does_not_count() -> None:
    marked = "/*own {}.id*/ ({}) /*end*/"
    own = "EXISTS (SELECT * FROM event AS own_event WHERE own_event.id = x.event_pk)"
    assert not why_refused(f"SELECT * FROM delivery AS x WHERE {marked.format('x', own)}")
    assert not why_refused("SELECT 'FROM event' FROM user_account AS event")
    for sql in (
        f"SELECT * FROM delivery AS x, delivery AS y WHERE {marked.format('x', own)}",
        f"SELECT * FROM delivery AS x WHERE {marked.format('y', own)}",
        f"SELECT * FROM delivery WHERE {marked.format('delivery', 'SELECT 1 FROM event')}",
        "SELECT * FROM user_account WHERE 1 = /*own event.id*/ (SELECT 1 FROM event",
    ):
        assert why_refused(sql), sql
