"""How far a replay is, counted from its deliveries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from relay.models import Delivery, Destination, Replay, db
from relay.rules.lifecycle import State
from relay.services.sources import keys

SETTLES_IN_S = 10.0


@dataclass(frozen=True)
class Progress:
    """How far a replay is; ``per_minute`` is what came to a result in the last minute.

    ``began`` is False in its first seconds, when nothing can be said of its pace.
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
    """Counted from the deliveries; of a replay that is over, as it ended."""
    now = keys.database_now()
    counts = states_of(replay.id)
    waiting, sending = counts.get("pending", 0), counts.get("in_flight", 0)
    over = replay.ended_at is not None
    per_minute = 0 if over else _lately(replay.id, now)
    return Progress(
        total=replay.total,
        waiting=0 if over else waiting,
        sending=0 if over else sending,
        delivered=replay.delivered if over else counts.get("delivered", 0),
        failed=replay.failed if over else counts.get("dead", 0),
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
    """Where what is not sent yet goes, and how many."""
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
