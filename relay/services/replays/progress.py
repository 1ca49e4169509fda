"""The progress of a replay, counted from its deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, func, select

from relay import database
from relay.models import Delivery, Destination, Replay, db
from relay.rules.lifecycle import State

SETTLES_IN_S = 10.0
RATE_WINDOW_S = 60.0


@dataclass(frozen=True)
class Progress:
    """The progress; ``per_minute`` is the number of results in the last minute.

    ``withdrawn`` deliveries left the replay before they were sent.  ``discarded`` ones were not sent,
    because a person discarded them or removed their subscription, destination or site.

    ``began`` is False in its first seconds, when its speed is unknown.
    """

    total: int
    waiting: int
    sending: int
    delivered: int
    failed: int
    withdrawn: int
    per_minute: int
    ends_in_s: float | None
    began: bool

    @property
    def percent(self) -> int:
        over = self.total - self.waiting - self.sending
        return 100 * over // self.total if self.total else 100

    @property
    def discarded(self) -> int:
        settled = self.delivered + self.failed + self.withdrawn
        return max(0, self.total - self.waiting - self.sending - settled)


def progress_of(replay: Replay) -> Progress:
    """Counted from the deliveries; the final numbers of a replay that is over."""
    return progress_by_id([replay])[replay.id]


def progress_by_id(replays: Sequence[Replay]) -> dict[int, Progress]:
    """The same for a list of replays, by id."""
    now = database.now(db.session)
    since = now - timedelta(seconds=RATE_WINDOW_S)
    rows = db.session.execute(
        select(
            Delivery.replay_id,
            Delivery.state,
            func.count(),
            func.sum(case((Delivery.settled_at >= since, 1), else_=0)),
        )
        .where(Delivery.replay_id.in_([replay.id for replay in replays]))
        .group_by(Delivery.replay_id, Delivery.state)
    )
    counts: dict[int | None, dict[str, int]] = {}
    settled: dict[int | None, int] = {}
    for replay_id, state, count, recent in rows:
        counts.setdefault(replay_id, {})[state] = count
        settled[replay_id] = settled.get(replay_id, 0) + recent
    return {
        replay.id: _progress(replay, counts.get(replay.id, {}), settled.get(replay.id, 0), now)
        for replay in replays
    }


def _progress(replay: Replay, counts: dict[str, int], settled: int, now: datetime) -> Progress:
    """``settled`` is how many deliveries ended within RATE_WINDOW_S."""
    waiting, sending = counts.get(State.PENDING, 0), counts.get(State.IN_FLIGHT, 0)
    over = replay.ended_at is not None
    span = min(RATE_WINDOW_S, max(1.0, (now - replay.created_at).total_seconds()))
    per_minute = 0 if over else round(settled * 60 / span)
    return Progress(
        total=replay.total,
        waiting=0 if over else waiting,
        sending=0 if over else sending,
        delivered=replay.delivered if over else counts.get(State.DELIVERED, 0),
        failed=replay.failed if over else counts.get(State.DEAD, 0),
        withdrawn=replay.withdrawn,
        per_minute=per_minute,
        ends_in_s=(waiting + sending) / per_minute * 60 if per_minute else None,
        began=now - replay.created_at > timedelta(seconds=SETTLES_IN_S),
    )


def states_of(replay_id: int) -> dict[str, int]:
    rows = db.session.execute(
        select(Delivery.state, func.count())
        .where(Delivery.replay_id == replay_id)
        .group_by(Delivery.state)
    )
    return {row.state: row[1] for row in rows}


def waits_at(replay: Replay) -> list[tuple[Destination, int]]:
    """The destinations of the deliveries that are not sent yet, with their number."""
    rows = db.session.execute(
        select(Destination, func.count())
        .join(Delivery, Delivery.destination_id == Destination.id)
        .where(Delivery.replay_id == replay.id, Delivery.state == State.PENDING.value)
        .group_by(Destination.id)
        .order_by(Destination.id)
    )
    return [(row[0], row[1]) for row in rows]
