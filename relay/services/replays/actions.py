"""A person sends many deliveries again: chosen, looked at, then one replay, however many they are.

A replay is no process that could die: its deliveries simply wait again, behind whatever happens now,
and the drains take them at their destination's pace.  Pausing and cancelling is a word on its row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select, update
from sqlalchemy.exc import IntegrityError

from relay import broker
from relay.database import READ_ONLY
from relay.delivery.attempt.outcome import apply_transition, columns_of, life_of
from relay.delivery.capacity import LIVE, REPLAYED
from relay.errors import NotFound, Refusal
from relay.models import DeadLetter, Delivery, Destination, Replay, db
from relay.rules.lifecycle import Life, Replayed, State, Withdrawn, transition
from relay.services.audit import By, record
from relay.services.dead_letters.actions import on_its_own
from relay.services.dead_letters.selection import unresolved
from relay.services.locking import free, in_order
from relay.services.paging import Page, page_of
from relay.services.replays.progress import states_of
from relay.services.sources import keys

CHUNK = 500
FINAL = (State.DEAD, State.DELIVERED)  # what can be sent again


@dataclass(frozen=True)
class ReplaySelection:
    """``deliveries`` selects ``Delivery.id``; ``title`` says in words what was chosen."""

    deliveries: Select[Any]
    title: str

    def takes(self) -> ColumnElement[bool]:
        """Those of the chosen that can be sent again now."""
        alive = select(Destination.id).where(Destination.state != "closed")
        return and_(
            Delivery.id.in_(self.deliveries),
            Delivery.state.in_([state.value for state in FINAL]),
            Delivery.destination_id.in_(alive),
        )


def start(wish: ReplaySelection, by: By, token: str, mapping: str = "current") -> Replay:
    """Let all that were chosen wait for their turn again, in one transaction.

    The same ``token`` again gives the same replay.  Raises Refusal where nothing is left to send.
    """
    known = db.session.scalar(select(Replay).where(Replay.token == token))
    if known is not None:
        return known
    now = keys.database_now()
    replay = Replay(token=token, title=wish.title, requested_by=by.actor, mapping=mapping)
    db.session.add(replay)
    try:
        db.session.flush()
    except IntegrityError:  # the same form, sent twice at once
        db.session.rollback()
        return db.session.scalars(select(Replay).where(Replay.token == token)).one()
    columns = columns_of(transition(Life(State.DEAD), Replayed(), now).life, now)
    del columns["attempts"]
    replay.total = _count(
        update(Delivery)
        .where(free(Delivery.id, wish.takes()))
        .values(
            **columns
            | {
                "revived_from": Delivery.state,
                "priority": REPLAYED,
                "replay_id": replay.id,
                "pinned_version": Delivery.version if mapping == "original" else None,
                "pinned_mapping": Delivery.mapping_version if mapping == "original" else None,
            }
        )
    )
    if not replay.total:
        db.session.rollback()
        raise Refusal("Nothing is left to send: all of it is on its way or settled already.")
    ours = select(Delivery.id).where(Delivery.replay_id == replay.id)
    db.session.execute(
        update(DeadLetter)
        .where(in_order(DeadLetter.id, and_(DeadLetter.delivery_id.in_(ours), unresolved())))
        .values(state="resolved", resolution="replayed", resolved_at=now)
        .execution_options(synchronize_session=False)
    )
    record(by, "replay.start", wish.title, replay=replay.id, count=replay.total, mapping=mapping)
    db.session.commit()
    wake(replay)
    return replay


def retry_now(delivery_id: int, by: By) -> Delivery:
    """A waiting delivery is tried now instead of at its time, with a fresh budget of attempts.

    Raises NotFound, Refusal.
    """
    delivery = db.session.get(Delivery, delivery_id, with_for_update=True, populate_existing=True)
    if delivery is None:
        raise NotFound(f"There is no delivery {delivery_id}.")
    if delivery.state != State.PENDING.value:
        db.session.rollback()
        raise Refusal("It does not wait any more. Nothing was sent again.")
    now = keys.database_now()
    apply_transition(delivery, transition(life_of(delivery), Replayed(), now), now)
    on_its_own(delivery)
    record(by, "delivery.hurry", f"delivery {delivery.id}")
    db.session.commit()
    broker.nudge("drain_destination", delivery.destination_id)
    return delivery


def _count(statement: Any) -> int:
    found = db.session.execute(statement.execution_options(synchronize_session=False))
    return int(found.rowcount)  # type: ignore[attr-defined]


def wake(replay: Replay) -> None:
    """Nudge the destinations that this replay waits for."""
    wanted = select(Delivery.destination_id).where(Delivery.replay_id == replay.id).distinct()
    with db.engine.connect().execution_options(**READ_ONLY) as connection:
        ids = connection.scalars(wanted).all()
    for destination_id in ids:
        broker.nudge("drain_destination", destination_id)


def find_replay(replay_id: int) -> Replay:
    """As it is now, whoever changed it.  Raises NotFound."""
    found = db.session.get(Replay, replay_id, populate_existing=True)
    if found is None:
        raise NotFound(f"There is no replay {replay_id}.")
    return found


def list_replays(limit: int = 50, after: int | None = None) -> Page[Replay]:
    return page_of(select(Replay), Replay.id, limit, after)


def count_open() -> int:
    """Replays that are not over."""
    wanted = select(func.count()).select_from(Replay).where(Replay.ended_at.is_(None))
    return db.session.scalar(wanted) or 0


def pause(replay_id: int, by: By) -> Replay:
    """What is under way finishes, the rest waits.  Raises NotFound, Refusal."""
    return _turn(replay_id, by, "running", "paused")


def resume(replay_id: int, by: By) -> Replay:
    """Raises NotFound, Refusal."""
    replay = _turn(replay_id, by, "paused", "running")
    wake(replay)
    return replay


def _turn(replay_id: int, by: By, before: str, after: str) -> Replay:
    turned = _count(
        update(Replay)
        .where(Replay.id == replay_id, Replay.state == before, Replay.ended_at.is_(None))
        .values(state=after)
    )
    replay = find_replay(replay_id)
    if not turned:
        db.session.rollback()
        raise Refusal(f"This replay is {replay.state}, so nothing was changed.")
    record(by, f"replay.{after}", replay.title, replay=replay.id)
    db.session.commit()
    return replay


def cancel(replay_id: int, by: By) -> Replay:
    """What was not sent yet is again what it was before.  Raises NotFound, Refusal."""
    replay = find_replay(replay_id)
    if replay.ended_at is not None or replay.state == "cancelled":
        raise Refusal("This replay is over already.")
    replay.state = "cancelled"
    record(by, "replay.cancelled", replay.title, replay=replay.id)
    _withdraw(replay)
    db.session.commit()
    settle()
    return replay


def _withdraw(replay: Replay) -> None:
    """Take back what waits and no drain has in hand, within the caller's transaction."""
    now = keys.database_now()
    for before in FINAL:
        life = transition(Life(State.PENDING, revived_from=before), Withdrawn(), now).life
        columns = columns_of(life, now)
        del columns["attempts"], columns["attempts_since_replay"]
        waits = and_(
            Delivery.replay_id == replay.id,
            Delivery.state == State.PENDING.value,
            Delivery.revived_from == before.value,
        )
        ids = db.session.scalars(
            update(Delivery)
            .where(free(Delivery.id, waits))
            .values(
                **columns
                | {
                    "replay_id": None,
                    "priority": LIVE,
                    "pinned_version": None,
                    "pinned_mapping": None,
                }
            )
            .returning(Delivery.id)
            .execution_options(synchronize_session=False)
        ).all()
        replay.withdrawn += len(ids)
        if before is State.DEAD:
            _reopen(list(ids))


def _reopen(delivery_ids: list[int]) -> None:
    for begin in range(0, len(delivery_ids), CHUNK):
        newest = (
            select(func.max(DeadLetter.id))
            .where(DeadLetter.delivery_id.in_(delivery_ids[begin : begin + CHUNK]))
            .group_by(DeadLetter.delivery_id)
        )
        db.session.execute(
            update(DeadLetter)
            .where(DeadLetter.id.in_(newest))
            .values(state="open", resolution=None, resolved_at=None)
            .execution_options(synchronize_session=False)
        )


def settle() -> int:
    """End the replays that have nothing under way any more.  -> how many.  The scheduler's work."""
    with db.engine.connect().execution_options(**READ_ONLY) as connection:
        open_ones = connection.scalars(select(Replay.id).where(Replay.ended_at.is_(None))).all()
    ended = 0
    for replay_id in open_ones:
        replay = db.session.get(Replay, replay_id, with_for_update=True, populate_existing=True)
        assert replay is not None
        if replay.state == "cancelled":
            _withdraw(replay)  # what was under way and failed since
        counts = states_of(replay.id)
        if not (counts.get("pending") or counts.get("in_flight")):
            replay.delivered, replay.failed = counts.get("delivered", 0), counts.get("dead", 0)
            replay.ended_at = replay.ended_at or keys.database_now()
            replay.state = "cancelled" if replay.state == "cancelled" else "done"
            ended += 1
        db.session.commit()
    return ended
