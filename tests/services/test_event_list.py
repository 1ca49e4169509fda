"""The list of events: exact ids first, a bounded search, pages that do not shift."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import select, update
from sqlalchemy import text as sql

from relay.models import Delivery, Event, db
from relay.services import event_list, event_search, events, paging
from relay.services.event_list import list_events
from relay.services.events import EventFilter
from tests.support.events import comment
from tests.support.sink import Sink
from tests.support.world import World, make, move, put


@pytest.fixture
def world(app: Flask, sink: Sink) -> Iterator[World]:
    """Twelve events: the first one failed at the hook, four are not routed yet."""
    world = make(app, sink)
    sink.answer(200, b"ok", path="/hook")
    for _ in range(7):
        put(app, world.slug, comment())
    move(app, world.inbox, world.hook)
    for _ in range(4):
        put(app, world.slug, comment())
    with app.app_context():
        yield world
        db.session.remove()
    app.extensions["relay_ingest"].close()


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """One window of three rows in a request."""
    monkeypatch.setattr(event_search, "BUDGET_S", 0.0)
    monkeypatch.setattr(event_search, "FIRST_WINDOW", 3)
    monkeypatch.setattr(event_search, "FIRST_CANDIDATES", 3)


def all_pages(wanted: EventFilter, limit: int = 50) -> tuple[list[int], int]:
    """-> (the ids of all pages, the number of pages)"""
    found: list[int] = []
    after, number = None, 0
    while True:
        page = list_events(wanted, limit, after)
        found += [event.id for event in page.items]
        number += 1
        if page.next_after is None:
            return found, number
        assert after is None or page.next_after < after
        after = page.next_after


FILTERS = [
    EventFilter(),
    EventFilter(source="shop"),
    EventFilter(event_type="comment.created"),
    EventFilter(event_type="comment.*"),
    EventFilter(source="shop", event_type="order.created"),
    EventFilter(text="grüße", anywhere=True),
    *(EventFilter(state=state) for state in events.STATES),
    EventFilter(state="dead", source="shop", text="jane", anywhere=True),
    EventFilter(source="unknown"),
]


def test_a_search_in_small_steps_finds_what_one_condition_finds(world: World, narrow: None) -> None:
    for wanted in FILTERS:
        expected = db.session.scalars(
            select(Event.id).where(*wanted.conditions()).order_by(Event.id.desc())
        ).all()
        assert all_pages(wanted)[0] == list(expected), wanted
        assert all_pages(wanted, limit=2)[0] == list(expected), wanted


def test_a_request_examines_one_window_and_says_how_far_it_came(world: World, narrow: None) -> None:
    ids = db.session.scalars(select(Event.id).order_by(Event.id.desc())).all()
    page = list_events(EventFilter(text="in no event", anywhere=True))
    third = db.session.get_one(Event, ids[2])
    assert (page.items, page.total, page.next_after) == ([], None, third.id)
    assert page.searched_to == third.received_at
    found, requests = all_pages(EventFilter(text="in no event", anywhere=True))
    assert (found, requests) == ([], 5)  # four windows of three, and one that finds the end


def test_events_received_in_the_same_moment_are_in_one_window(world: World, narrow: None) -> None:
    first = db.session.scalar(select(Event.received_at).limit(1))
    db.session.execute(update(Event).values(received_at=first))
    db.session.commit()
    found, requests = all_pages(EventFilter(text="grüße", anywhere=True))
    assert (len(found), requests) == (12, 2)


def test_an_exact_id_is_the_only_result_until_the_person_searches_everywhere(world: World) -> None:
    wanted = db.session.get_one(Event, world.event)
    delivery = wanted.deliveries[0]
    for text in (wanted.event_id, delivery.key):
        page = list_events(EventFilter(text=text, anywhere=True))
        assert ([event.id for event in page.items], page.exact) == ([wanted.id], 1)
        assert page.next_after is None
    other = db.session.scalars(select(Event).order_by(Event.id.desc())).first()
    assert other is not None
    db.session.execute(
        update(Event).where(Event.id == other.id).values(search_text=f"about {wanted.event_id}")
    )
    db.session.commit()
    everywhere = list_events(EventFilter(text=wanted.event_id, anywhere=True), everywhere=True)
    assert [event.id for event in everywhere.items] == [wanted.id, other.id]
    # the other filters still apply
    assert not list_events(EventFilter(text=wanted.event_id, state="delivered")).items


def test_a_row_number_comes_first_and_does_not_hide_an_order_with_that_number(world: World) -> None:
    newest = db.session.scalars(select(Event).order_by(Event.id.desc())).first()
    assert newest is not None
    text = str(world.event)
    db.session.execute(
        update(Event).where(Event.id == newest.id).values(search_text=f"order {text}")
    )
    db.session.commit()
    page = list_events(EventFilter(text=text, anywhere=True))
    assert [event.id for event in page.items][:2] == [world.event, newest.id]
    assert page.exact == 1
    # who may not see the values finds the number, and searches nothing
    masked = list_events(EventFilter(text=text))
    assert [event.id for event in masked.items] == [world.event]


def test_an_exact_id_is_found_without_a_search(world: World) -> None:
    wanted = db.session.get_one(Event, world.event)
    statements: list[str] = []

    def note(_connection: object, _cursor: object, sql: str, *_: object) -> None:
        statements.append(sql)

    sqlalchemy_event.listen(db.engine, "before_cursor_execute", note)
    try:
        list_events(EventFilter(text=wanted.event_id, anywhere=True))
    finally:
        sqlalchemy_event.remove(db.engine, "before_cursor_execute", note)
    assert statements
    assert not [sql for sql in statements if "search_text LIKE" in sql or "count(" in sql]


def test_a_list_counts_up_to_a_limit_and_a_filtered_one_does_not_count(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "COUNTED", 5)
    assert list_events(limit=3).total == 6  # more than 5
    assert list_events(EventFilter(source="shop"), limit=3).total == 6
    assert list_events(EventFilter(text="grüße", anywhere=True), limit=3).total is None
    assert list_events(EventFilter(state="received"), limit=3).total is None
    assert list_events(EventFilter(state="received")).total == 4  # they are all on this page


def test_pages_do_not_shift_while_events_arrive(app: Flask, world: World) -> None:
    for wanted in (EventFilter(), EventFilter(state="received")):
        before = all_pages(wanted)[0]
        seen: list[int] = []
        after: int | None = None
        while True:
            page = list_events(wanted, 3, after)
            seen += [event.id for event in page.items]
            db.session.rollback()
            put(app, world.slug, comment())
            if page.next_after is None:
                break
            after = page.next_after
        assert seen == before


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_the_failed_events_come_from_the_index_of_what_is_not_delivered(world: World) -> None:
    newest = (
        select(Delivery.event_pk)
        .where(Delivery.state == "dead", event_search.is_unfinished())
        .order_by(Delivery.event_pk.desc())
        .distinct()
        .limit(50)
    )
    connection = db.session.connection()
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    sql = str(newest.compile(connection.engine, compile_kwargs={"literal_binds": True}))
    plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {sql}").scalars())
    assert "ix_delivery_unfinished" in plan
    assert "Sort" not in plan


def test_the_newest_events_are_not_counted(world: World) -> None:
    assert len(event_list.newest(EventFilter(source="shop"), 2)) == 2


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_an_exact_id_is_read_from_an_index_in_partitions_too(world: World) -> None:
    statement = events.by_event_id("evt-1").compile(
        db.session.connection(), compile_kwargs={"literal_binds": True}
    )
    db.session.execute(sql("SET LOCAL enable_seqscan = off"))  # used only without an index
    plan = db.session.scalars(sql(f"EXPLAIN {statement}")).all()
    assert [line for line in plan if "Index Cond" in line and "event_id" in line], plan
