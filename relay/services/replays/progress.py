"""The progress of a replay, counted from its deliveries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from relay import database
from relay.models import Delivery, Destination, Replay, db
from relay.rules.lifecycle import State

SETTLES_IN_S = 10.0


@dataclass(frozen=True)
class Progress:
    """The progress; ``per_minute`` is the number of results in the last minute.

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


def progress_of(replay: Replay) -> Progress:
    """Counted from the deliveries; the final numbers of a replay that is over."""
    now = database.now(db.session)
    counts = states_of(replay.id)
    waiting, sending = counts.get(State.PENDING, 0), counts.get(State.IN_FLIGHT, 0)
    over = replay.ended_at is not None
    per_minute = 0 if over else _lately(replay.id, now)
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


def _lately(replay_id: int, now: datetime) -> int:
    """Results a minute: of the last minute, or of the time since it began if that is shorter."""
    began = db.session.scalar(select(Replay.created_at).where(Replay.id == replay_id)) or now
    span = min(60.0, max(1.0, (now - began).total_seconds()))
    done = db.session.scalar(
        select(func.count()).where(
            Delivery.replay_id == replay_id, Delivery.settled_at >= now - timedelta(seconds=span)
        )
    )
    return round((done or 0) * 60 / span)
