"""Dead letters by cause, selections, and bulk actions."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from relay import database
from relay.destinations.outcomes.advice import FixLocation
from relay.models import AuditEntry, DeadLetter, Delivery, Destination, db
from relay.services.audit import COMMAND_LINE, By
from relay.services.dead_letters import actions as dead_letter_actions
from relay.services.dead_letters import bulk, causes
from relay.services.dead_letters.selection import NO_FIELD, Selection
from relay.services.destinations import settings as destination_settings
from relay.services.replays import actions as replay_actions
from relay.services.replays import preview as replay_preview
from tests.support.events import comment
from tests.support.sink import Sink
from tests.support.world import World, make, move, put

JANE, MAX = By("jane@example.com"), By("max@example.com")
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
POSTGRES = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


@pytest.fixture
def world(app: Flask, sink: Sink) -> Iterator[World]:
    """Six dead letters of the hook: three refused (400), two for a field, one it was too busy for."""
    world = make(app, sink)
    for number in range(5):
        event = comment()
        event["data"] |= {"author": f"Visitor {number}"}
        put(app, world.slug, event)
    move(app, world.inbox, world.hook)
    with app.app_context():
        ids = db.session.scalars(select(DeadLetter.id).order_by(DeadLetter.id)).all()
        change(ids[3:5], code="unknown_property", field="company", sentence="It knows no company.")
        change(ids[5:], code="http_503", sentence="Busy.")
        yield world
        db.session.remove()
    app.extensions["relay_ingest"].close()


def change(ids: Any, **values: Any) -> None:
    db.session.execute(update(DeadLetter).where(DeadLetter.id.in_(ids)).values(**values))
    db.session.commit()


def send_one_more(app: Flask, world: World) -> None:
    """One more event that the hook refuses."""
    db.session.rollback()
    put(app, world.slug, comment())
    move(app, world.hook)


def trail(action: str) -> list[AuditEntry]:
    wanted = select(AuditEntry).where(AuditEntry.action == action).order_by(AuditEntry.id)
    return list(db.session.scalars(wanted))


def test_dead_letters_with_one_destination_code_and_field_are_one_cause(world: World) -> None:
    found = {(c.newest.code, c.newest.field): c for c in causes.list_causes()}
    assert {key: (c.count, c.fresh) for key, c in found.items()} == {
        ("http_400", ""): (3, 3),
        ("unknown_property", "company"): (2, 2),
        ("http_503", ""): (1, 1),
    }
    field = found["unknown_property", "company"]
    assert (field.advice.headline, field.advice.fix_location) == (
        "It knows no company.",
        FixLocation.MAPPING,
    )
    assert found["http_400", ""].advice.headline == "Hook does not accept these messages."
    for cause in found.values():
        assert dead_letter_actions.count(cause.selection) == cause.count
        assert cause.first_at <= cause.last_at == cause.newest.created_at


@SQLITE
def test_a_filter_applies_every_condition(world: World) -> None:
    hook, now = world.hook, database.now(db.session)
    hour = timedelta(hours=1)
    for selection, count in (
        (Selection(), 6),
        (Selection(destination=hook), 6),
        (Selection(destination="Hook"), 6),
        (Selection(destination=world.inbox), 0),
        (Selection(code="http_400"), 3),
        (Selection(field="company"), 2),
        (Selection(field=NO_FIELD), 4),
        (Selection(event_type="comment.*"), 6),
        (Selection(event_type="order.created"), 0),
        (Selection(source="shop"), 6),
        (Selection(source="other"), 0),
        (Selection(text='"visitor 3"', anywhere=True), 1),
        (Selection(text="knows NO comp", anywhere=True), 2),
        (Selection(text="100%", anywhere=True), 0),
        (Selection(state="open"), 6),
        (Selection(state="acknowledged"), 0),
        (Selection(state="resolved"), 0),
        (Selection(since=now - hour, until=now + hour), 6),
        (Selection(since=now + hour), 0),
        (Selection(until=now - hour), 0),
        (Selection(ids=(world.letter,)), 1),
        (Selection(ids=(world.letter,), code="http_503"), 0),
    ):
        assert dead_letter_actions.list_letters(selection).total == count, selection
        assert dead_letter_actions.count(selection) == count, selection


def test_dead_letters_after_the_shown_count_are_not_discarded(
    app: Flask, sink: Sink, world: World
) -> None:
    (shown,) = [c for c in causes.list_causes() if c.newest.code == "http_400"]
    send_one_more(app, world)
    assert bulk.discard(shown.selection, JANE, "by hand") == 3
    assert dead_letter_actions.count(replace(shown.selection, upto=None)) == 1


def test_a_bulk_discard_settles_each_once_with_its_reason(world: World, sink: Sink) -> None:
    before = len(sink.requests)
    assert bulk.discard(Selection(code="http_400"), JANE, "entered by hand") == 3
    assert bulk.discard(Selection(code="http_400"), JANE, "entered by hand") == 0
    letters = dead_letter_actions.list_letters(Selection(state="resolved")).items
    assert {(one.resolution, one.reason) for one in letters} == {("discarded", "entered by hand")}
    assert {one.delivery.state for one in letters} == {"discarded"}
    assert all(one.delivery.settled_at and one.resolved_at for one in letters)
    (entry,) = trail("dead_letter.discard")
    assert (entry.actor, entry.detail) == (JANE.actor, {"count": 3, "reason": "entered by hand"})
    db.session.rollback()
    assert (
        replay_actions.start(replay_preview.select_dead_letters(Selection()), JANE, "t").total == 3
    )
    assert len(sink.requests) == before


def test_acknowledging_assigning_and_notes_show_in_causes_and_audit(world: World) -> None:
    chosen = Selection(code="http_400")
    assert bulk.acknowledge(chosen, JANE) == 3
    assert bulk.acknowledge(chosen, MAX) == 0
    assert bulk.assign(chosen, JANE.actor, JANE) == 3
    assert bulk.note(chosen, "asked the agency", JANE) == 3
    assert bulk.note(chosen, "they answer on Monday ", JANE) == 3
    (cause,) = causes.list_causes(chosen)
    assert (cause.fresh, cause.owners, cause.note) == (
        0,
        (JANE.actor,),
        "they answer on Monday",
    )
    assert [e.detail["note"] for e in trail("dead_letter.note")] == [
        "asked the agency",
        "they answer on Monday",
    ]
    assert bulk.assign(chosen, "", MAX) == 3
    (cause,) = causes.list_causes(chosen)
    assert cause.owners == ()
    assert [e.detail["owner"] for e in trail("dead_letter.assign")] == [JANE.actor, ""]


@SQLITE
def test_a_dead_letter_after_an_acknowledgement_is_fresh(
    app: Flask, world: World, sink: Sink
) -> None:
    chosen = Selection(code="http_400")
    bulk.assign(chosen, JANE.actor, JANE)
    send_one_more(app, world)
    (cause,) = causes.list_causes(chosen)
    assert (cause.count, cause.fresh, cause.owners) == (4, 1, (JANE.actor,))


def test_only_failures_before_a_fix_are_offered_for_replay(
    app: Flask, world: World, sink: Sink
) -> None:
    hook = destination_settings.find_destination(world.hook)
    assert causes.offered(hook) == []
    same = {"url": f"{sink.url}/hook", "auth": "bearer"}
    destination_settings.update_destination(hook.id, "New name", same, COMMAND_LINE)
    assert causes.offered(hook) == [], "a new name mends nothing"
    new = {"url": f"{sink.url}/new", "auth": "bearer"}
    destination_settings.update_destination(hook.id, "Hook", new, COMMAND_LINE)
    assert sum(cause.count for cause in causes.offered(hook)) == 6
    assert {cause.before_fix for cause in causes.list_causes()} == {3, 2, 1}

    sink.answer(400, path="/new")  # it did not help: what dies now is not offered
    selected = replay_preview.select_dead_letters(causes.before_fix(hook))
    assert replay_actions.start(selected, JANE, "t").total == 6
    db.session.rollback()
    move(app, world.hook)
    db.session.expire_all()
    assert causes.offered(hook) == []
    assert dead_letter_actions.count(Selection()) == 6
    destination_settings.pause(hook.id, JANE)
    destination_settings.resume(hook.id, JANE)
    assert sum(cause.count for cause in causes.offered(hook)) == 6


@SQLITE
def test_a_changed_secret_counts_as_a_fix(world: World, sink: Sink) -> None:
    same = {"url": f"{sink.url}/hook", "auth": "bearer", "token": "another-token-12345"}
    hook = destination_settings.update_destination(world.hook, "Hook", same, COMMAND_LINE)
    assert sum(cause.count for cause in causes.offered(hook)) == 6


@SQLITE
def test_dead_letters_of_a_removed_destination_can_only_be_discarded(world: World) -> None:
    db.session.execute(
        update(Destination).where(Destination.id == world.hook).values(state="closed")
    )
    db.session.commit()
    assert {c.advice.headline for c in causes.list_causes()} == {"Hook was removed."}
    assert bulk.discard(Selection(destination=world.hook), JANE, "gone") == 6


@SQLITE
def test_a_title_names_the_destination(world: World) -> None:
    assert Selection().title() == "All failed deliveries"
    assert Selection(destination=world.hook).title() == "Failed deliveries to Hook"
    assert Selection(ids=(1, 2)).title() == "2 selected failed deliveries"
    said = Selection(destination="Hook", code="x", field="company", text="tea", source="shop")
    assert said.title() == "Failed deliveries to Hook: x, company, from shop, containing “tea”"


@POSTGRES
def test_two_people_at_once_settle_each_dead_letter_once(app: Flask, world: World) -> None:
    for _ in range(60):
        put(app, world.slug, comment())
    send_one_more(app, world)
    done: dict[str, int] = {}
    go = threading.Barrier(3)

    def act(name: str) -> None:
        with app.app_context():
            go.wait()
            if name == "discard":
                done[name] = bulk.discard(Selection(), JANE, "by hand")
            elif name == "replay":
                done[name] = replay_actions.start(
                    replay_preview.select_dead_letters(Selection()), MAX, "t"
                ).total
            else:
                done[name] = bulk.assign(Selection(), MAX.actor, MAX)
            db.session.remove()

    threads = [threading.Thread(target=_quietly, args=(act, n)) for n in ("discard", "replay", "")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert done.get("discard", 0) + done.get("replay", 0) == 67
    rows = db.session.execute(
        select(Delivery.state, func.count())
        .where(Delivery.destination_id == world.hook)
        .group_by(Delivery.state)
    )
    states = {row[0]: row[1] for row in rows}
    assert states.get("discarded", 0) == done.get("discard", 0)
    assert states.get("pending", 0) == done.get("replay", 0)
    assert dead_letter_actions.count(Selection()) == 0


def _quietly(act: Any, name: str) -> None:
    """Whoever comes too late is told so, and that is all."""
    from relay.errors import Refusal

    try:
        act(name)
    except Refusal as exc:
        assert "Nothing is left" in str(exc)
