"""Replays: a person sends many deliveries again, as one unit.

A replay is not a process: its deliveries become pending with a lower priority, and the drains send
them within the destination's limits.  Pausing and cancelling changes only the replay's row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from relay import broker, database
from relay.database import READ_ONLY
from relay.delivery import gate
from relay.delivery.life_columns import apply_transition, life_of
from relay.errors import NotFound, Refusal
from relay.i18n import N_, _
from relay.models import DeadLetter, Delivery, Destination, Event, Replay, Source, Subscription, db
from relay.models.delivery import LIVE, REPLAYED
from relay.models.destination import is_in_use
from relay.rules.lifecycle import OPEN, Replayed, State, Withdrawn, transition
from relay.rules.states import (
    DeadLetterState,
    ReplayMapping,
    ReplayState,
    Resolution,
    SubscriptionState,
)
from relay.services.audit import By, record
from relay.services.dead_letters.actions import check_can_be_sent, on_its_own
from relay.services.dead_letters.selection import unresolved
from relay.services.locking import in_order
from relay.services.paging import Page, page_of
from relay.services.replays.progress import states_of
from relay.services.transitions import transition_many

CHUNK = 500
FINAL = (State.DEAD, State.DELIVERED)  # what can be sent again
UNCHANGED = {
    ReplayState.RUNNING: N_("This replay is running, so nothing was changed."),
    ReplayState.PAUSED: N_("This replay is paused, so nothing was changed."),
    ReplayState.CANCELLED: N_("This replay is cancelled, so nothing was changed."),
    ReplayState.DONE: N_("This replay is done, so nothing was changed."),
}


@dataclass(frozen=True)
class ReplaySelection:
    """``deliveries`` selects ids of deliveries; ``title`` describes the selection."""

    deliveries: Select[Any]
    title: str

    def newest(self, limit: int | None = None) -> list[int]:
        """The selected ids, the newest first, in one statement that changes nothing.

        What follows reads deliveries by these ids: without table statistics, PostgreSQL would
        search all deliveries for those of a condition.
        """
        (number,) = self.deliveries.selected_columns
        return list(db.session.scalars(self.deliveries.order_by(number.desc()).limit(limit)))

    @staticmethod
    def takes(ids: Sequence[int]) -> ColumnElement[bool]:
        """Those of ``ids`` that can be sent again now."""
        in_use = select(Destination.id).where(is_in_use())
        listening = select(Subscription.id).where(Subscription.state != SubscriptionState.CLOSED)
        # the event was emptied, or its site was removed with what waited
        of_lost_event = (
            select(Event.id)
            .join(Source)
            .join(Destination, Destination.id == Delivery.destination_id)
            .where(
                Event.id == Delivery.event_pk,
                or_(gate.is_from_removed_site(), Event.emptied_at.is_not(None)),
            )
            .correlate(Delivery)
        )
        return and_(
            database.one_of_ids(Delivery.id, ids),
            Delivery.state.in_(FINAL),
            Delivery.destination_id.in_(in_use),
            Delivery.subscription_id.in_(listening),
            ~of_lost_event.exists(),
        )


def start(
    selected: ReplaySelection, by: By, token: str, mapping: str = ReplayMapping.CURRENT
) -> Replay:
    """Send all selected deliveries again, in one transaction.

    The same ``token`` again returns the same replay.  Raises Refusal if nothing can be sent.
    """
    known = db.session.scalar(select(Replay).where(Replay.token == token))
    if known is not None:
        return known
    now = database.now(db.session)
    replay = Replay(token=token, title=selected.title, requested_by=by.actor, mapping=mapping)
    db.session.add(replay)
    try:
        db.session.flush()
    except IntegrityError:  # the same form, submitted twice at once
        db.session.rollback()
        return db.session.scalars(select(Replay).where(Replay.token == token)).one()
    taken: list[int] = []
    for ids in batched(sorted(selected.newest()), CHUNK):
        taken += transition_many(
            db.session,
            selected.takes(ids),
            Replayed(),
            now,
            priority=REPLAYED,
            replay_id=replay.id,
            pinned_version=Delivery.version if mapping == ReplayMapping.ORIGINAL else None,
            pinned_mapping=Delivery.mapping_version if mapping == ReplayMapping.ORIGINAL else None,
        )
    replay.total = len(taken)
    if not replay.total:
        db.session.rollback()
        raise Refusal(
            _("Nothing is left to send: every selected delivery is in progress or settled already.")
        )
    _resolve(taken, now)
    record(
        by, "replay.start", selected.title, replay=replay.id, count=replay.total, mapping=mapping
    )
    db.session.commit()
    wake(replay)
    return replay


def _resolve(delivery_ids: Sequence[int], now: datetime) -> None:
    """Their dead letters, in the order of the ids as everywhere else, so that no one waits in a circle."""
    letters: list[int] = []
    for ids in batched(delivery_ids, CHUNK):
        of_ids = database.one_of_ids(DeadLetter.delivery_id, ids)
        letters += db.session.scalars(select(DeadLetter.id).where(of_ids, unresolved()))
    for ids in batched(sorted(letters), CHUNK):
        chosen = and_(database.one_of_ids(DeadLetter.id, ids), unresolved())
        db.session.execute(
            update(DeadLetter)
            .where(in_order(DeadLetter.id, chosen))
            .values(state=DeadLetterState.RESOLVED, resolution=Resolution.REPLAYED, resolved_at=now)
            .execution_options(synchronize_session=False)
        )


def batched(ids: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for begin in range(0, len(ids), size):
        yield ids[begin : begin + size]


def retry_now(delivery_id: int, by: By) -> Delivery:
    """Send a waiting delivery now, with all attempts of its retry schedule.

    Raises NotFound, Refusal.
    """
    delivery = db.session.get(Delivery, delivery_id, with_for_update=True, populate_existing=True)
    if delivery is None:
        raise NotFound(_("There is no delivery %(number)s.", number=delivery_id))
    if delivery.state != State.PENDING.value:
        db.session.rollback()
        raise Refusal(_("This delivery is no longer waiting. Nothing was sent again."))
    check_can_be_sent(delivery)
    now = database.now(db.session)
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
    """Wake the destinations that this replay waits for."""
    wanted = select(Delivery.destination_id).where(Delivery.replay_id == replay.id).distinct()
    with db.engine.connect().execution_options(**READ_ONLY) as connection:
        ids = connection.scalars(wanted).all()
    for destination_id in ids:
        broker.nudge("drain_destination", destination_id)


def find_replay(replay_id: int) -> Replay:
    """As it is in the database now.  Raises NotFound."""
    found = db.session.get(Replay, replay_id, populate_existing=True)
    if found is None:
        raise NotFound(_("There is no replay %(number)s.", number=replay_id))
    return found


def list_replays(limit: int = 50, after: int | None = None) -> Page[Replay]:
    return page_of(select(Replay), Replay.id, limit, after)


def count_open() -> int:
    """Replays that are not over."""
    wanted = select(func.count()).select_from(Replay).where(Replay.ended_at.is_(None))
    return db.session.scalar(wanted) or 0


def pause(replay_id: int, by: By) -> Replay:
    """Calls in progress finish, the rest waits.  Raises NotFound, Refusal."""
    return _turn(replay_id, by, ReplayState.RUNNING, ReplayState.PAUSED)


def resume(replay_id: int, by: By) -> Replay:
    """Raises NotFound, Refusal."""
    replay = _turn(replay_id, by, ReplayState.PAUSED, ReplayState.RUNNING)
    wake(replay)
    return replay


def _turn(replay_id: int, by: By, before: ReplayState, after: ReplayState) -> Replay:
    turned = _count(
        update(Replay)
        .where(Replay.id == replay_id, Replay.state == before, Replay.ended_at.is_(None))
        .values(state=after)
    )
    replay = find_replay(replay_id)
    if not turned:
        db.session.rollback()
        raise Refusal(_(UNCHANGED[replay.state]))
    record(by, f"replay.{after}", replay.title, replay=replay.id)
    db.session.commit()
    return replay


def cancel(replay_id: int, by: By) -> Replay:
    """Deliveries that were not sent yet return to their former state.  Raises NotFound, Refusal."""
    replay = find_replay(replay_id)
    if replay.ended_at is not None or replay.state == ReplayState.CANCELLED:
        raise Refusal(_("This replay is already over. Nothing was changed."))
    replay.state = ReplayState.CANCELLED
    record(by, "replay.cancelled", replay.title, replay=replay.id)
    _withdraw(replay)
    db.session.commit()
    settle()
    return replay


def _withdraw(replay: Replay) -> None:
    """Return what waits to its former state, within the caller's transaction; claimed ones stay."""
    now = database.now(db.session)
    for before in FINAL:
        ours = and_(Delivery.replay_id == replay.id, Delivery.revived_from == before.value)
        ids = transition_many(
            db.session,
            ours,
            Withdrawn(),
            now,
            priority=LIVE,
            replay_id=None,
            pinned_version=None,
            pinned_mapping=None,
        )
        replay.withdrawn += len(ids)
        if before is State.DEAD:
            _reopen(ids)


def _reopen(delivery_ids: list[int]) -> None:
    for ids in batched(delivery_ids, CHUNK):
        newest = (
            select(func.max(DeadLetter.id))
            .where(DeadLetter.delivery_id.in_(ids))
            .group_by(DeadLetter.delivery_id)
        )
        db.session.execute(
            update(DeadLetter)
            .where(DeadLetter.id.in_(newest))
            .values(state=DeadLetterState.OPEN, resolution=None, resolved_at=None)
            .execution_options(synchronize_session=False)
        )


def settle() -> int:
    """End the replays with nothing in progress.  -> how many.  The scheduler runs this."""
    with db.engine.connect().execution_options(**READ_ONLY) as connection:
        open_ones = connection.scalars(select(Replay.id).where(Replay.ended_at.is_(None))).all()
    ended = 0
    for replay_id in open_ones:
        replay = db.session.get(Replay, replay_id, with_for_update=True, populate_existing=True)
        assert replay is not None
        if replay.state == ReplayState.CANCELLED:
            _withdraw(replay)  # calls in progress at the cancellation that failed since
        counts = states_of(replay.id)
        if not any(counts.get(state) for state in OPEN):
            replay.delivered, replay.failed = (
                counts.get(State.DELIVERED, 0),
                counts.get(State.DEAD, 0),
            )
            replay.ended_at = replay.ended_at or database.now(db.session)
            replay.state = (
                ReplayState.CANCELLED if replay.state == ReplayState.CANCELLED else ReplayState.DONE
            )
            ended += 1
        db.session.commit()
    return ended
