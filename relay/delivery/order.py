"""Keep the changes of one object in order at a destination that does not take older ones.

A drain knows the newest change of each object that was delivered, and the newest one for which a call
may have been made.  Both are rows of ``object_revision``: the first is written with the results, the
second with the claim, so that the next drain knows it if this one dies during the call.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, or_, select

from relay import database
from relay.delivery.claim import Claim
from relay.delivery.payload import parse_payload
from relay.i18n import N_
from relay.models import Delivery, ObjectRevision
from relay.rules.changes import CLOCK_S, Change, OlderChange, change_of, newer_sentence
from relay.rules.lifecycle import Accepted, Held, Life, Signal, State, Superseded

MARK = '"revision"'  # without this text, the body of an event has no revision
TABLE: Any = ObjectRevision.__table__
# A newer change that was due that long ago is not being retried: older ones do not wait for it.
PATIENCE = timedelta(minutes=10)
ObjectId = tuple[int, str]


class Turn(Enum):
    """Whether the change of a claimed delivery may be sent."""

    NOW = "now"
    AFTER_OTHERS = "after others"  # this drain sends another change of the object first
    LATER = "later"  # nobody knows yet whether a newer change was delivered
    NEVER = "never"  # a newer change was delivered


@dataclass(frozen=True)
class StartedChange:
    """A change for which a call may have been made.  ``until`` is when its delivery is due again, or when
    its lease ends.
    """

    change: Change
    delivery_id: int
    until: datetime


def order_of(mode: OlderChange) -> ChangeOrder | None:
    """The order to keep at a destination; None if it takes changes in any order."""
    return None if mode is OlderChange.SEND else ChangeOrder(mode)


class ChangeOrder:
    """The order of changes at one destination, as one drain knows it.

    ``is_active`` once a claimed event had a revision: before that, nothing here costs time.
    """

    def __init__(self, mode: OlderChange):
        self.mode, self.is_active = mode, False
        self.delivered: dict[ObjectId, Change] = {}
        self.started: dict[ObjectId, StartedChange] = {}

    def admit(
        self, connection: Connection, destination_id: int, claims: Sequence[Claim]
    ) -> tuple[Claim, ...]:
        """The claims with their changes.  Reads and writes what the database knows about their objects.

        The caller commits.
        """
        admitted = tuple(with_change(claim) for claim in claims)
        changed = {claim.change.object: claim.change for claim in admitted if claim.change}
        if changed:
            self.is_active = True
            self._read(connection, destination_id, changed)
            if self.mode is OlderChange.SKIP:
                mark_started(connection, destination_id, self._to_start(admitted))
        return admitted

    def turn(self, claim: Claim, own: Collection[int], now: datetime) -> Turn:
        """``own`` are the ids of the deliveries that this drain has claimed or is sending."""
        if claim.change is None or self.mode is not OlderChange.SKIP:
            return Turn.NOW
        if self.newer_revision(claim) is not None:
            return Turn.NEVER
        started = self.started.get(claim.change.object)
        if (
            started is None
            or started.delivery_id == claim.delivery_id
            or not claim.change.is_older_than(started.change)
        ):
            return Turn.NOW
        if started.delivery_id in own:
            return Turn.AFTER_OTHERS
        return Turn.LATER if started.until > now - PATIENCE else Turn.NOW

    def newer_revision(self, claim: Claim) -> int | None:
        """The revision of a newer change of the same object that was delivered, if there is one."""
        if claim.change is None:
            return None
        newest = self.delivered.get(claim.change.object)
        return newest.revision if newest and claim.change.is_older_than(newest) else None

    def skipped(self, claim: Claim) -> Superseded:
        """The signal for a claim with the turn NEVER."""
        return Superseded(self.newer_revision(claim) or 0, newer_sentence(claim.event_type))

    def wait_of(self, claim: Claim, now: datetime) -> Held:
        """The signal for a claim with the turn LATER."""
        assert claim.change is not None
        until = self.started[claim.change.object].until
        wait_s = max(1.0, (until - now).total_seconds() + 1.0)
        return Held("newer_change", N_("It waits for a newer change of the same object."), wait_s)

    def record(self, claim: Claim, signal: Signal, life: Life, has_call: bool = True) -> None:
        """Take over the result of an attempt.  Without a call, the destination has not got the change."""
        if claim.change is None:
            return
        subject, started = claim.change.object, self.started.get(claim.change.object)
        if isinstance(signal, Accepted):
            newest = self.delivered.get(subject)
            is_newest = newest is None or not claim.change.is_older_than(newest)
            if has_call and is_newest:
                self.delivered[subject] = claim.change
        elif life.state is State.PENDING and life.attempts and life.due_at is not None:
            if started is None or not claim.change.is_older_than(started.change):
                self.started[subject] = StartedChange(claim.change, claim.delivery_id, life.due_at)
            return
        if started is not None and started.delivery_id == claim.delivery_id:
            del self.started[subject]

    def _read(
        self, connection: Connection, destination_id: int, changed: dict[ObjectId, Change]
    ) -> None:
        keys = {key for _, key in changed}
        for row in connection.execute(_known(), {"destination": destination_id, "keys": keys}):
            subject = (row.source_id, row.object_key)
            if row.revision is not None:
                known = (row.revision, row.occurred_s, row.event_pk or 0)
                self.delivered[subject] = Change(*subject, *known)
            until = row.due_at or row.lease_until
            was_called = row.state == State.IN_FLIGHT or row.attempts
            if row.started is None or until is None or not was_called:
                self.started.pop(subject, None)
            else:
                change = Change(*subject, row.started, row.started_s, row.started_pk or 0)
                self.started[subject] = StartedChange(change, row.started_id, until)

    def _to_start(self, claims: Iterable[Claim]) -> list[Claim]:
        """The newest change of each object, unless a newer one was delivered."""
        newest: dict[ObjectId, Claim] = {}
        for claim in claims:
            if claim.change is None or self.newer_revision(claim) is not None:
                continue
            known = newest.get(claim.change.object)
            if known is None or not claim.change.is_older_than(known.change):  # type: ignore[arg-type]
                newest[claim.change.object] = claim
        return list(newest.values())


def with_change(claim: Claim) -> Claim:
    """The claim with the change that its event describes, if it describes one."""
    if MARK not in claim.payload:
        return claim
    body = parse_payload(claim.payload)
    return replace(claim, body=body, change=change_of(claim.source_id, body, claim.event_pk))


@lru_cache(maxsize=1)
def _known() -> Select[Any]:
    return (
        select(*TABLE.c, Delivery.state, Delivery.due_at, Delivery.lease_until, Delivery.attempts)
        .outerjoin(Delivery, Delivery.id == TABLE.c.started_id)
        .where(
            TABLE.c.destination_id == bindparam("destination"),
            TABLE.c.object_key.in_(bindparam("keys", expanding=True)),
        )
    )


def mark_started(connection: Connection, destination_id: int, claims: Sequence[Claim]) -> None:
    """Store that calls for these changes may be made now.  The caller commits."""
    rows = [
        {
            **_key_of(destination_id, claim.change),
            "started": claim.change.revision,
            "started_s": claim.change.occurred_s,
            "started_pk": claim.change.receipt,
            "started_id": claim.delivery_id,
        }
        for claim in claims
        if claim.change is not None
    ]
    _upsert(connection, rows, "started", "started_s", "started_pk", "started_id")


def mark_delivered(connection: Connection, changes: Iterable[tuple[int, Change]]) -> None:
    """Store that these changes were delivered, by destination.  The caller commits."""
    newest: dict[tuple[int, ObjectId], Change] = {}
    for destination_id, change in changes:
        known = newest.get((destination_id, change.object))
        if known is None or not change.is_older_than(known):
            newest[destination_id, change.object] = change
    rows = [
        {
            **_key_of(destination_id, change),
            "revision": change.revision,
            "occurred_s": change.occurred_s,
            "event_pk": change.receipt,
        }
        for (destination_id, _), change in newest.items()
    ]
    _upsert(connection, rows, "revision", "occurred_s", "event_pk")


def _key_of(destination_id: int, change: Change) -> dict[str, Any]:
    return {
        "destination_id": destination_id,
        "source_id": change.source_id,
        "object_key": change.key,
    }


def _upsert(connection: Connection, rows: list[dict[str, Any]], *columns: str) -> None:
    """Store rows, each only if it is not older than what is stored; see ``_if_newer``."""
    if rows:
        connection.execute(
            _if_newer(database.dialect_of(connection), *columns),
            sorted(rows, key=lambda row: (row["source_id"], row["object_key"])),
        )


@lru_cache(maxsize=4)
def _if_newer(dialect: str, number: str, seconds: str, receipt: str, *others: str) -> Any:
    """``Change.is_older_than`` in SQL.  Built once: it is executed with every batch of changes."""
    insert = database.upsert(dialect, TABLE)
    stored, new = TABLE.c, insert.excluded
    is_newer = or_(
        stored[number].is_(None),
        new[number] >= stored[number],
        and_(
            stored[seconds].is_not(None),
            new[seconds].is_not(None),
            new[seconds] > stored[seconds] + CLOCK_S,
            new[receipt] > stored[receipt],
        ),
    )
    return insert.on_conflict_do_update(
        index_elements=["destination_id", "source_id", "object_key"],
        set_={name: new[name] for name in (number, seconds, receipt, *others)}
        | {"updated_at": database.db_now()},
        where=is_newer,
    )
