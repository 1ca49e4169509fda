"""Take a destination's due deliveries, so that no other worker sends them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, update

from relay.destinations.base import SiteKey
from relay.models import Delivery, Event, MappingVersion, Replay, Source, Subscription, db_now
from relay.rules.lifecycle import Claimed, Life, State, transition

CALL_S = 30.0  # the longest call
LEASE_S = 65.0  # claimed, waited its turn, called, recorded
assert LEASE_S >= CALL_S + 30, "a lease may not end while its call can still be under way"  # noqa: S101
NOTHING_BEFORE: Mapping[int, float] = {}
LIVE, REPLAYED = 0, 1  # priorities


class DatabaseClock:
    """The database's time, read once and carried on by the monotonic clock."""

    def __init__(self, connection: Connection):
        read: datetime | None = connection.scalar(select(db_now()))
        assert read is not None
        self.read, self.since = read, time.monotonic()

    def now(self) -> datetime:
        return self.read + timedelta(seconds=time.monotonic() - self.since)


@dataclass(frozen=True)
class Claim:
    """One claimed delivery with all that is needed to send it; ``site_key`` for kinds that need it.

    ``rules`` are of version ``mapping_version`` of its subscription's mapping, by event type.
    """

    delivery_id: int
    key: str
    life: Life
    payload: str
    event_id: str
    received_at: datetime
    site_name: str
    site_url: str
    priority: int = LIVE
    pinned_version: int | None = None
    subscription_id: int = 0
    call_s: float = CALL_S  # the longest it can take, an AI step before it included
    event_type: str = ""
    source_id: int = 0
    site_key: SiteKey | None = field(default=None, repr=False)
    mapping_version: int = 1
    rules: Mapping[str, Any] = field(default_factory=dict)

    def goes_with(self, other: Claim) -> bool:
        """Whether both are made in the same way, so that one call may take them.  One with an AI step
        before it goes by itself: its lease is longer by just that one step.
        """
        if max(self.call_s, other.call_s) > CALL_S:
            return False
        return self._made_by() == other._made_by()

    def _made_by(self) -> tuple[Any, ...]:
        mapping = (self.subscription_id, self.mapping_version)
        return (self.event_type, self.priority, self.pinned_version, *mapping)

    @property
    def token(self) -> str:
        assert self.life.lease_token is not None
        return self.life.lease_token

    def may_start(self, now: datetime) -> bool:
        """Whether a whole call still fits into the lease."""
        assert self.life.lease_until is not None
        return now + timedelta(seconds=self.call_s + 10) < self.life.lease_until


def is_due() -> ColumnElement[bool]:
    """Whether a delivery waits for nothing but its turn: of no halted replay or paused subscription."""
    halted = select(Replay.id).where(Replay.state.in_(("paused", "cancelled")))
    paused = select(Subscription.id).where(Subscription.state == "paused")
    return and_(
        Delivery.state == State.PENDING.value,
        Delivery.due_at <= db_now(),
        or_(Delivery.priority == LIVE, Delivery.replay_id.not_in(halted)),
        Delivery.subscription_id.not_in(paused),
    )


def has_backlog(connection: Connection, destination_id: int, above: int) -> bool:
    """Whether more than ``above`` live deliveries are due."""
    some = (
        select(Delivery.id)
        .where(Delivery.destination_id == destination_id, Delivery.priority == LIVE, is_due())
        .limit(above + 1)
    )
    found = connection.scalar(select(func.count()).select_from(some.subquery())) or 0
    return found > above


def claim(
    connection: Connection,
    destination_id: int,
    limit: int,
    now: datetime,
    priority: int = LIVE,
    before_s: Mapping[int, float] = NOTHING_BEFORE,
) -> list[Claim]:
    """Claim up to ``limit`` due deliveries in one UPDATE, oldest due first.  The caller commits.

    Suspects are left alone: see ``claim_suspect``.  ``before_s`` says how long a subscription's AI
    step may take before its call.
    """
    wanted = and_(Delivery.priority == priority, Delivery.claims == 0)
    return _claim(connection, destination_id, limit, now, wanted, before_s)


def claim_suspect(
    connection: Connection,
    destination_id: int,
    now: datetime,
    before_s: Mapping[int, float] = NOTHING_BEFORE,
) -> list[Claim]:
    """Claim at most one delivery over which a worker has vanished.  The caller commits."""
    return _claim(connection, destination_id, 1, now, Delivery.claims > 0, before_s)


def _claim(
    connection: Connection,
    destination_id: int,
    limit: int,
    now: datetime,
    wanted: ColumnElement[bool],
    before_s: Mapping[int, float],
) -> list[Claim]:
    token = uuid.uuid4().hex
    lease_s = LEASE_S + max(before_s.values(), default=0.0)
    lease = transition(Life(due_at=now), Claimed(token, lease_s), now).life
    due = (
        select(Delivery.id)
        .where(Delivery.destination_id == destination_id, wanted, is_due())
        .order_by(Delivery.due_at, Delivery.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")  # as a subquery PostgreSQL may run it once a row, and take more than the limit
    )
    taken = connection.execute(
        update(Delivery)
        .where(Delivery.id.in_(select(due.c.id)), Delivery.state == State.PENDING.value)
        .values(
            state=lease.state.value,
            due_at=None,
            lease_token=token,
            lease_until=lease.lease_until,
            claims=Delivery.claims + 1,
        )
        .returning(Delivery.id)
    ).scalars()
    ids = list(taken)
    return [_claim_of(row, before_s) for row in _rows(connection, ids)] if ids else []


def _rows(connection: Connection, ids: list[int]) -> Any:
    number = func.coalesce(Delivery.pinned_mapping, Subscription.version)
    return connection.execute(
        select(
            Delivery.id,
            Delivery.key,
            Delivery.attempts,
            Delivery.attempts_since_replay,
            Delivery.claims,
            Delivery.priority,
            Delivery.pinned_version,
            Delivery.subscription_id,
            Delivery.revived_from,
            Delivery.lease_until,
            Delivery.lease_token,
            Event.payload,
            Event.event_id,
            Event.event_type,
            Event.received_at,
            Event.source_id,
            Source.name,
            Source.url,
            number.label("mapping_version"),
            MappingVersion.rules,
        )
        .join(Event, Event.id == Delivery.event_pk)
        .join(Source, Source.id == Event.source_id)
        .join(Subscription, Subscription.id == Delivery.subscription_id)
        .outerjoin(
            MappingVersion,
            and_(
                MappingVersion.subscription_id == Subscription.id, MappingVersion.number == number
            ),
        )
        .where(Delivery.id.in_(ids))
        .order_by(Delivery.id)
    )


def _claim_of(row: Any, before_s: Mapping[int, float]) -> Claim:
    return Claim(
        delivery_id=row.id,
        key=row.key,
        life=Life(
            state=State.IN_FLIGHT,
            lease_until=row.lease_until,
            lease_token=row.lease_token,
            attempts=row.attempts,
            attempts_since_replay=row.attempts_since_replay,
            claims=row.claims,
            revived_from=State(row.revived_from) if row.revived_from else None,
        ),
        payload=row.payload,
        event_id=row.event_id,
        received_at=row.received_at,
        site_name=row.name,
        site_url=row.url,
        priority=row.priority,
        pinned_version=row.pinned_version,
        subscription_id=row.subscription_id,
        call_s=CALL_S + before_s.get(row.subscription_id, 0.0),
        event_type=row.event_type,
        source_id=row.source_id,
        mapping_version=row.mapping_version,
        rules=row.rules or {},
    )
