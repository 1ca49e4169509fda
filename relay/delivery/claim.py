"""Claim a destination's due deliveries, so that no other worker sends them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from relay import database
from relay.delivery.capacity import Slots
from relay.delivery.life_columns import columns_of
from relay.delivery.message import load_site_key
from relay.destinations.base import Kind, SiteKey
from relay.errors import RelayError
from relay.models import Delivery, Event, MappingVersion, Replay, Source, Subscription, db_now
from relay.models.delivery import LIVE, REPLAYED, is_pending, was_claimed
from relay.rules.changes import Change
from relay.rules.lifecycle import Claimed, Life, State, transition
from relay.rules.states import ReplayState, SubscriptionState

MAX_CLAIMS = 50  # at once, and while a destination is fast up to
MOST_CLAIMS = 200
CALL_S = 30.0  # the longest call
LEASE_S = 65.0  # claim, wait for a free place, call, record
assert LEASE_S >= CALL_S + 30, "a lease may not end while its call can still be under way"  # noqa: S101
NO_AI_STEPS: Mapping[int, float] = {}


@dataclass(frozen=True)
class Claim:
    """One claimed delivery with everything that is needed to send it.

    ``rules`` is the mapping by event type, in version ``mapping_version`` of the subscription's
    mapping.  ``call_s`` is the longest time it can take, with its AI step.  ``site_key`` is set for
    kinds that sign for the site.  ``is_suspect``: a worker died while it handled this delivery.
    ``change`` is the change of an object that the event describes, if that matters to the kind, and
    ``body`` the parsed payload, if it was parsed for that.  ``event_pk`` is the number of the event.
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
    call_s: float = CALL_S
    event_type: str = ""
    source_id: int = 0
    event_pk: int = 0
    site_key: SiteKey | None = field(default=None, repr=False)
    mapping_version: int = 1
    is_suspect: bool = False
    rules: Mapping[str, Any] = field(default_factory=dict)
    change: Change | None = None
    body: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def batch_key(self) -> tuple[Any, ...]:
        """Deliveries with the same key are built in the same way, so one call may take them."""
        # With an AI step a delivery is sent alone: its lease is long enough for one step only.
        alone = self.delivery_id if self.call_s > CALL_S else None
        mapping = (self.subscription_id, self.mapping_version)
        return (alone, self.event_type, self.priority, self.pinned_version, *mapping)


@dataclass(frozen=True)
class Batch:
    """Claimed deliveries that have not started; ``is_digest``: all of them go in one call."""

    claims: tuple[Claim, ...] = ()
    is_digest: bool = False


def is_due() -> ColumnElement[bool]:
    """Whether a delivery may be claimed: it is due, its subscription is active and its replay runs.

    The destination is not checked here; see ``gate.is_open``.
    """
    halted = select(Replay.id).where(Replay.state.in_((ReplayState.PAUSED, ReplayState.CANCELLED)))
    inactive = select(Subscription.id).where(Subscription.state != SubscriptionState.ACTIVE.value)
    return and_(
        is_pending(),
        Delivery.due_at <= db_now(),
        or_(Delivery.priority == LIVE, Delivery.replay_id.not_in(halted)),
        Delivery.subscription_id.not_in(inactive),
    )


@dataclass(frozen=True)
class DueWork:
    """What is due for a destination: suspects (a worker died over them), live ones, replays."""

    suspects: bool = False
    live: bool = False
    replays: bool = False


def due_work(connection: Connection, destination_id: int) -> DueWork:
    """What can be claimed now."""
    found = connection.execute(_DUE_WORK, {"destination": destination_id}).one()
    return DueWork(*map(bool, found))


# The statements here are built once: they are executed many times a second.
_DUE = select(Delivery.id).where(Delivery.destination_id == bindparam("destination"), is_due())
HAS_DUE = _DUE.exists().label("has_due")  # any of them, for the parameter ``destination``
_DUE_WORK = select(
    _DUE.where(was_claimed()).exists(),
    _DUE.where(Delivery.priority == LIVE, Delivery.claims == 0).exists(),
    _DUE.where(Delivery.priority == REPLAYED, Delivery.claims == 0).exists(),
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


def claim_batch(
    connection: Connection,
    destination_id: int,
    kind: Kind,
    slots: Slots,
    running: int,
    now: datetime,
    ai_wait_s: Mapping[int, float] = NO_AI_STEPS,
    may_digest: bool = True,
) -> Batch:
    """Claim what may start soon: a suspect alone, else live deliveries, else replays.

    ``running`` calls are under way, ``slots`` is what may start beside them.  ``ai_wait_s`` is the
    longest time of an AI step, by subscription.  The caller commits.
    """
    if slots.claimable < 1:
        return Batch()
    due = due_work(connection, destination_id)
    claims: list[Claim] = []
    if due.suspects and not running:
        claims = claim_suspect(connection, destination_id, now, ai_wait_s)
    digest = slots.digest if may_digest and not claims else None
    if digest and due.live and has_backlog(connection, destination_id, digest.above):
        # A digest asks no AI: its leases need no extra time.
        claims = claim(connection, destination_id, digest.most, now)
        return Batch(with_site_keys(connection, claims, kind), is_digest=True)
    limit = min(slots.claimable * slots.batch, max(MAX_CLAIMS, slots.claimable, slots.batch))
    if due.live and not claims:
        claims = claim(connection, destination_id, limit, now, LIVE, ai_wait_s)
    limit = min(limit, slots.free[REPLAYED] * slots.batch)
    if due.replays and not claims and limit > 0:
        claims = claim(connection, destination_id, limit, now, REPLAYED, ai_wait_s)
    return Batch(with_site_keys(connection, claims, kind))


def claim(
    connection: Connection,
    destination_id: int,
    limit: int,
    now: datetime,
    priority: int = LIVE,
    ai_wait_s: Mapping[int, float] = NO_AI_STEPS,
) -> list[Claim]:
    """Claim up to ``limit`` due deliveries in one UPDATE, oldest due first.  The caller commits.

    Suspects are not among them: see ``claim_suspect``.  ``ai_wait_s`` is the longest time of an AI
    step, by subscription.
    """
    return _claim(connection, destination_id, limit, now, priority, ai_wait_s)


def claim_suspect(
    connection: Connection,
    destination_id: int,
    now: datetime,
    ai_wait_s: Mapping[int, float] = NO_AI_STEPS,
) -> list[Claim]:
    """Claim at most one delivery over which a worker died.  The caller commits."""
    return _claim(connection, destination_id, 1, now, None, ai_wait_s)


def _take(priority: int | None) -> ReturningUpdate[Any]:
    """Claim due deliveries with this priority; None: suspects."""
    wanted = and_(Delivery.priority == priority, Delivery.claims == 0)
    due = (
        _DUE.where(was_claimed() if priority is None else wanted)
        .order_by(Delivery.due_at, Delivery.id)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
        .cte("due")  # PostgreSQL may run a subquery once per row, and so take more than the limit
    )
    table: Any = Delivery.__table__
    return (
        update(table)
        .where(
            database.is_in_rows(table.c.id, select(due.c.id)),
            table.c.state == State.PENDING.value,
        )
        .values(
            state=State.IN_FLIGHT,
            due_at=None,
            lease_token=bindparam("token"),
            lease_until=bindparam("until"),
            claims=table.c.claims + 1,
        )
        .returning(table.c.id)
    )


_TAKE = {priority: _take(priority) for priority in (LIVE, REPLAYED, None)}


def _claim(
    connection: Connection,
    destination_id: int,
    limit: int,
    now: datetime,
    priority: int | None,
    ai_wait_s: Mapping[int, float],
) -> list[Claim]:
    token = uuid.uuid4().hex
    lease = _leased(token, now, max(ai_wait_s.values(), default=0.0))
    values = {
        "destination": destination_id,
        "most": limit,
        "token": token,
        "until": lease.lease_until,
    }
    ids = list(connection.execute(_TAKE[priority], values).scalars())
    if not ids:
        return []
    claimed = connection.execute(_CLAIMED, {"ids": ids, "token": token})
    return [_claim_of(row, ai_wait_s) for row in claimed]


def _leased(token: str, now: datetime, more_s: float = 0.0) -> Life:
    """A new delivery that is claimed now; its lease is ``more_s`` longer than usual."""
    return transition(Life(due_at=now), Claimed(token, LEASE_S + more_s), now).life


def insert_claimed(
    connection: Connection, rows: Sequence[Mapping[str, Any]], now: datetime
) -> list[Claim]:
    """Insert new deliveries, claimed already: no UPDATE is needed before their calls.  The caller commits.

    ``rows`` are as those of ``router.delivery_row``.  A delivery that exists already is left alone.
    """
    token = uuid.uuid4().hex
    columns = columns_of(_leased(token, now), now)
    INSERT_CLAIMED.execute(connection, [{**row, **columns} for row in rows])
    values = {"ids": {row["event_pk"] for row in rows}, "token": token}
    claimed = connection.execute(_INSERTED, values)
    return [_claim_of(row, NO_AI_STEPS) for row in claimed]


# Which version of the mapping a delivery uses: one that a person chose for a replay, or the newest.
_MAPPING = func.coalesce(Delivery.pinned_mapping, Subscription.version)
INSERT_CLAIMED = database.RowInsert(
    Delivery.__table__,
    (
        *("key", "event_pk", "subscription_id", "destination_id"),
        *("state", "due_at", "lease_token", "lease_until", "claims"),
    ),
)


def _claimed(column: Any) -> Any:
    """Deliveries claimed with ``:token``, of those with ``column`` in ``:ids``, with their events, sites and
    mappings.
    """
    return (
        select(
            Delivery.id,
            Delivery.key,
            Delivery.attempts,
            Delivery.attempts_since_replay,
            Delivery.claims,
            Delivery.priority,
            Delivery.pinned_version,
            Delivery.subscription_id,
            Delivery.event_pk,
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
            _MAPPING.label("mapping_version"),
            MappingVersion.rules,
        )
        .join(Event, Event.id == Delivery.event_pk)
        .join(Source, Source.id == Event.source_id)
        .join(Subscription, Subscription.id == Delivery.subscription_id)
        .outerjoin(
            MappingVersion,
            and_(
                MappingVersion.subscription_id == Subscription.id, MappingVersion.number == _MAPPING
            ),
        )
        .where(
            database.is_one_of(column, database.ids_param("ids")),
            Delivery.lease_token == bindparam("token"),
        )
        .order_by(Delivery.id)
    )


_CLAIMED = _claimed(Delivery.id)
_INSERTED = _claimed(Delivery.event_pk)


def _claim_of(row: Any, ai_wait_s: Mapping[int, float]) -> Claim:
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
        call_s=CALL_S + ai_wait_s.get(row.subscription_id, 0.0),
        event_type=row.event_type,
        source_id=row.source_id,
        event_pk=row.event_pk,
        mapping_version=row.mapping_version,
        is_suspect=row.claims > 1,
        rules=row.rules or {},
    )


def with_site_keys(connection: Connection, claims: list[Claim], kind: Kind) -> tuple[Claim, ...]:
    """The claims, each with the signing keys of its site if the kind signs for the site."""
    if not kind.signs_for_site:
        return tuple(claims)
    keys: dict[int, SiteKey | None] = {}
    for source_id in {claim.source_id for claim in claims}:
        try:
            keys[source_id] = load_site_key(connection, source_id)
        except RelayError:
            keys[source_id] = None  # the kind refuses to build the call and says why
    return tuple(replace(claim, site_key=keys[claim.source_id]) for claim in claims)
