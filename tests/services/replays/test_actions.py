"""Replays: many deliveries sent again, once each, paused and cancelled."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask, current_app
from sqlalchemy import func, insert, select, update

from relay import database
from relay.delivery import drain
from relay.errors import Refusal
from relay.models import AuditEntry, DeadLetter, Delivery, Destination, Replay, Subscription, db
from relay.services.audit import COMMAND_LINE, By
from relay.services.dead_letters import actions as dead_letter_actions
from relay.services.dead_letters.selection import Selection
from relay.services.destinations import settings as destination_settings
from relay.services.replays import actions as replay_actions
from relay.services.replays import preview as replay_preview
from relay.services.replays.progress import progress_of
from tests.support.events import comment
from tests.support.sink import Sink
from tests.support.world import World, delivery_states, move, put

JANE = By("jane@example.com")
ALL = Selection()


def letters() -> dict[str, int]:
    rows = db.session.execute(select(DeadLetter.state, func.count()).group_by(DeadLetter.state))
    return {row.state: row[1] for row in rows}


def work(destination_id: int) -> int:
    """One drain, as a worker runs it: beside our own session."""
    db.session.rollback()
    return drain.run(destination_id)


def mend(sink: Sink) -> None:
    sink.answer(200, b"ok", path="/hook")


def test_a_replay_sends_each_delivery_once_for_repeated_clicks(world: World, sink: Sink) -> None:
    mend(sink)
    sink.forget()
    first = replay_actions.start(replay_preview.select_dead_letters(ALL), JANE, "token-1")
    again = replay_actions.start(replay_preview.select_dead_letters(ALL), JANE, "token-1")
    assert (first.id, first.total) == (again.id, 5)
    with pytest.raises(Refusal):
        replay_actions.start(replay_preview.select_dead_letters(ALL), JANE, "token-2")
    work(world.hook)
    work(world.hook)
    assert delivery_states(current_app, world.hook) == {"delivered": 5}
    assert len(sink.requests) == 5
    assert letters() == {"resolved": 5}
    assert db.session.scalar(select(func.count()).select_from(Replay)) == 1
    assert replay_actions.settle() == 1
    over = replay_actions.find_replay(first.id)
    progress = progress_of(over)
    assert (over.state, progress.delivered, progress.percent) == ("done", 5, 100)
    (entry,) = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "replay.start"))
    assert (entry.actor, entry.detail["count"]) == ("jane@example.com", 5)


def test_a_replayed_delivery_that_fails_is_counted_as_failed(world: World, sink: Sink) -> None:
    replay = replay_actions.start(replay_preview.select_dead_letters(ALL), JANE, "t")
    work(world.hook)
    replay_actions.settle()
    progress = progress_of(replay_actions.find_replay(replay.id))
    assert (progress.delivered, progress.failed) == (0, 5)
    assert letters() == {"resolved": 5, "open": 5}


def test_a_paused_replay_sends_nothing_until_it_is_resumed(world: World, sink: Sink) -> None:
    mend(sink)
    replay = replay_actions.start(replay_preview.select_dead_letters(ALL), JANE, "t")
    replay_actions.pause(replay.id, JANE)
    sink.forget()
    assert work(world.hook) == 0
    with pytest.raises(Refusal):
        replay_actions.pause(replay.id, JANE)
    replay_actions.resume(replay.id, JANE)
    work(world.hook)
    assert delivery_states(current_app, world.hook) == {"delivered": 5}


def test_a_cancelled_replay_restores_the_rest(world: World, sink: Sink) -> None:
    mend(sink)
    replay = replay_actions.start(replay_preview.select_dead_letters(ALL), JANE, "t")
    two = select(Delivery.id).where(Delivery.replay_id == replay.id).limit(2)
    db.session.execute(
        update(Delivery)
        .where(Delivery.id.in_(db.session.scalars(two).all()))
        .values(due_at=database.now(db.session) - timedelta(hours=1))
    )
    db.session.commit()
    with db.engine.begin() as connection:  # two are under way when somebody cancels
        from relay.delivery.claim import REPLAYED, claim

        taken = claim(connection, world.hook, 2, database.now(connection), priority=REPLAYED)
    assert len(taken) == 2
    replay_actions.cancel(replay.id, JANE)
    assert delivery_states(current_app, world.hook) == {"dead": 3, "in_flight": 2}
    assert letters() == {"resolved": 2, "open": 3}
    assert replay_actions.find_replay(replay.id).ended_at is None
    db.session.execute(  # those two fail and would be tried again
        update(Delivery)
        .where(Delivery.state == "in_flight")
        .values(
            state="pending", due_at=database.now(db.session), lease_token=None, lease_until=None
        )
    )
    db.session.commit()
    sink.forget()
    assert work(world.hook) == 0
    replay_actions.settle()
    assert delivery_states(current_app, world.hook) == {"dead": 5}
    over = replay_actions.find_replay(replay.id)
    assert (over.state, over.withdrawn) == ("cancelled", 5)
    with pytest.raises(Refusal):
        replay_actions.cancel(replay.id, JANE)


def test_a_dead_letter_of_a_cancelled_replay_can_be_replayed(world: World, sink: Sink) -> None:
    replay = replay_actions.start(replay_preview.select_dead_letters(ALL), JANE, "t")
    work(world.hook)  # all of it fails again
    replay_actions.cancel(replay.id, JANE)
    mend(sink)
    sink.forget()
    letter = dead_letter_actions.list_letters(ALL).items[0]
    dead_letter_actions.replay(letter.id, JANE)
    work(world.hook)
    assert len(sink.requests) == 1
    assert delivery_states(current_app, world.hook) == {"delivered": 1, "dead": 4}


def test_a_delivery_retried_now_leaves_its_paused_replay(world: World, sink: Sink) -> None:
    replay = replay_actions.start(replay_preview.select_dead_letters(ALL), JANE, "t")
    replay_actions.pause(replay.id, JANE)
    mend(sink)
    sink.forget()
    waiting = db.session.scalars(select(Delivery.id).where(Delivery.state == "pending")).first()
    assert waiting is not None
    replay_actions.retry_now(waiting, JANE)
    work(world.hook)
    assert delivery_states(current_app, world.hook) == {"delivered": 1, "pending": 4}
    replay_actions.resume(replay.id, JANE)
    work(world.hook)
    replay_actions.settle()
    progress = progress_of(replay_actions.find_replay(replay.id))
    assert (progress.delivered, progress.withdrawn, progress.total) == (4, 1, 5)
    assert len(sink.requests) == 5


def test_a_delivered_one_is_delivered_again_after_a_cancelled_replay(
    world: World,
) -> None:
    begin = database.now(db.session) - timedelta(hours=1)
    selected = replay_preview.select_since(world.inbox, begin, delivered_too=True)
    (outlook,) = replay_preview.dry_run(selected).places
    assert (outlook.new, outlook.again) == (0, 5)
    replay = replay_actions.start(selected, JANE, "t")
    replay_actions.cancel(replay.id, JANE)
    assert delivery_states(current_app, world.inbox) == {"delivered": 5}


def test_live_deliveries_are_sent_before_a_replay(app: Flask, world: World, sink: Sink) -> None:
    mend(sink)
    replay_actions.start(replay_preview.select_dead_letters(ALL), JANE, "t")
    fresh = comment()
    put(app, world.slug, fresh)
    sink.forget()
    move(app, world.hook)
    assert sink.requests[0].json()["event_id"] == fresh["event_id"]
    assert len(sink.requests) == 6


def test_the_preview_counts_and_changes_nothing(world: World, sink: Sink) -> None:
    before = len(sink.requests)
    (outlook,) = replay_preview.dry_run(replay_preview.select_dead_letters(ALL)).places
    assert (outlook.new, outlook.unclear, outlook.again, outlook.total) == (5, 0, 0, 5)
    assert (outlook.looked_at, outlook.broken) == (5, {})
    destination_settings.update_destination(
        world.hook,
        "Hook",
        {"url": f"{sink.url}/hook", "auth": "bearer"},
        COMMAND_LINE,
    )
    db.session.execute(update(Destination).where(Destination.name == "Hook").values(state="closed"))
    db.session.commit()
    (outlook,) = replay_preview.dry_run(replay_preview.select_dead_letters(ALL)).places
    assert outlook.total == 0
    assert outlook.skipped == {"its destination was removed": 5}
    assert len(sink.requests) == before


def test_a_waiting_delivery_can_be_retried_now_once(app: Flask, world: World, sink: Sink) -> None:
    sink.answer(503, b"busy", path="/hook")
    put(app, world.slug, comment())
    move(app, world.hook)
    (waiting,) = db.session.scalars(
        select(Delivery).where(Delivery.state == "pending", Delivery.destination_id == world.hook)
    )
    mend(sink)
    sink.forget()
    replay_actions.retry_now(waiting.id, JANE)
    work(world.hook)
    work(world.hook)
    assert len(sink.requests) == 1
    with pytest.raises(Refusal):
        replay_actions.retry_now(waiting.id, JANE)


def test_the_original_mapping_can_be_used_and_compared(
    app: Flask, world: World, sink: Sink
) -> None:
    made = destination_settings.create_destination(
        "slack",
        "Team",
        {
            "webhook_url": "https://hooks.slack.com/services/T/B/very-secret",
            "text": "old {{ event }}",
        },
        COMMAND_LINE,
    )
    put(app, world.slug, comment())
    with app.app_context():
        db.session.execute(
            update(Destination).where(Destination.id == made.id).values(state="paused")
        )
        db.session.commit()
    move(app)
    db.session.execute(
        update(Delivery)
        .where(Delivery.destination_id == made.id)
        .values(state="dead", due_at=None, version=1, settled_at=database.now(db.session))
    )
    db.session.commit()
    destination_settings.update_destination(
        made.id, "Team", {"text": "new {{ event }}"}, COMMAND_LINE
    )
    selected = replay_preview.select_since(made.id, database.now(db.session) - timedelta(hours=1))
    assert replay_preview.mappings_differ(selected.newest())
    (delivery,) = replay_preview.samples(selected.newest())
    old, new = (
        replay_preview.body_of(delivery, "original"),
        replay_preview.body_of(delivery, "current"),
    )
    assert any("old comment.created" in line for line in old)
    assert any("new comment.created" in line for line in new)
    assert "very-secret" not in "".join(old + new)
    changed = [line for line in replay_preview.compare(old, new) if not line.same]
    assert changed and all("old" in line.left and "new" in line.right for line in changed)
    replay_actions.start(selected, JANE, "t", "original")
    db.session.refresh(delivery)
    assert (delivery.pinned_version, delivery.pinned_mapping) == (1, delivery.mapping_version)


def test_ten_thousand_dead_letters_are_one_replay(app: Flask, world: World) -> None:
    subscription = db.session.scalars(select(Subscription)).first()
    event_pk = db.session.scalars(select(Delivery.event_pk)).first()
    assert subscription is not None
    wanted = [Subscription(destination_id=world.hook, event_types=["*"]) for _ in range(10_000)]
    db.session.add_all(wanted)
    db.session.flush()
    db.session.execute(
        insert(Delivery),
        [
            {
                "key": f"many-{one.id}",
                "event_pk": event_pk,
                "subscription_id": one.id,
                "destination_id": world.hook,
                "state": "dead",
                "attempts": 8,
                "attempts_since_replay": 8,
            }
            for one in wanted
        ],
    )
    ids = db.session.scalars(select(Delivery.id).where(Delivery.key.startswith("many-"))).all()
    db.session.execute(
        insert(DeadLetter),
        [
            {"delivery_id": n, "destination_id": world.hook, "code": "http_503", "sentence": "No."}
            for n in ids
        ],
    )
    db.session.commit()
    replay = replay_actions.start(replay_preview.select_dead_letters(ALL), JANE, "t")
    assert replay.total == 10_005
    assert letters() == {"resolved": 10_005}
    replay_actions.cancel(replay.id, JANE)
    assert letters() == {"open": 10_005}
    assert delivery_states(current_app, world.hook) == {"dead": 10_005}
