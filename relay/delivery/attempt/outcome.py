"""What a call or a lost lease means for a delivery, and how that is recorded."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Update, bindparam, insert, or_, select, update

from relay import database
from relay.delivery import gate
from relay.delivery.attempt.counts import Finished, column_of, count_finished
from relay.delivery.attempt.result import AttemptResult
from relay.delivery.claim import Claim
from relay.delivery.life_columns import columns_of, life_of
from relay.delivery.order import mark_delivered
from relay.delivery.quotas import record_quotas
from relay.destinations.base import ReportedQuota
from relay.i18n import N_
from relay.models import Attempt, DeadLetter, Delivery, Destination, Event, Source, Subscription
from relay.observability import metrics, tracing
from relay.observability.logging import log
from relay.rules.changes import Change
from relay.rules.lifecycle import (
    Accepted,
    Discarded,
    Failed,
    Held,
    LeaseExpired,
    Policy,
    Refused,
    Signal,
    State,
    Superseded,
    Transition,
    transition,
)
from relay.rules.notes import NOTHING_SENT
from relay.rules.states import AttemptOutcome

MAX_PENDING = 50  # results that are written together
DELIVERY: Any = Delivery.__table__
INSERT_ATTEMPTS = database.RowInsert(
    Attempt.__table__,
    (
        *("key", "delivery_id", "number", "outcome", "code", "sentence", "status", "started_at"),
        *("elapsed_ms", "request", "response", "ai", "notes"),
    ),
)
GATHER_S = 0.03  # results that arrive within this time after a write are written together
OUTCOMES = {
    Accepted: AttemptOutcome.ACCEPTED,
    Failed: AttemptOutcome.FAILED,
    Refused: AttemptOutcome.REFUSED,
    Held: AttemptOutcome.HELD,
    LeaseExpired: AttemptOutcome.LOST,
}
SUCCESSFUL = (OUTCOMES[Accepted], OUTCOMES[Held])  # a trace shows the others as errors


@dataclass(frozen=True)
class DeliveryResult:
    """The result of one claimed delivery.

    ``attempt`` is the row to add, None if no call was made.  ``version`` is the destination's version
    that the call was made with, ``mapping_version`` that of the subscription's mapping.
    ``was_made`` is False if the destination was not called, so the result says nothing about it.
    ``change`` is the change of an object that was sent, if that matters to the kind.
    """

    delivery_id: int
    token: str | None
    signal: Signal
    outcome: Transition
    destination_id: int
    subscription_id: int
    status: int | None = None
    attempt: dict[str, Any] | None = None
    version: int | None = None
    was_made: bool = True
    mapping_version: int | None = None
    change: Change | None = None


def sentence_of(signal: Signal) -> str | None:
    """The last error as a person reads it; None after a success."""
    if isinstance(signal, LeaseExpired):
        return N_("The worker stopped before the destination had answered.")
    return None if isinstance(signal, Accepted) else getattr(signal, "sentence", None)


# ---- from a signal to a result -------------------------------------------------------------------


def result_of(
    claim: Claim,
    attempt: AttemptResult,
    policy: Policy,
    destination_id: int,
    version: int,
    now: datetime,
) -> DeliveryResult:
    """The result of an attempt that ended at ``now``; ``version`` is the destination's version."""
    signal, notes = attempt.signal, stored_notes(attempt)
    if isinstance(signal, Held) and attempt.was_made:
        # The reply holds the whole destination.  The delivery itself is due when that ends, which
        # may be earlier than expected: a person can end a hold.
        outcome = transition(claim.life, Held(signal.code, signal.sentence), now)
    else:
        jitter = gate.jitter() if isinstance(signal, Failed) else 0.0
        outcome = transition(claim.life, signal, now, jitter, policy)
    return DeliveryResult(
        claim.delivery_id,
        claim.life.lease_token,
        signal,
        outcome,
        destination_id,
        claim.subscription_id,
        status=attempt.status,
        attempt={
            "key": attempt.attempt_key,
            "delivery_id": claim.delivery_id,
            "number": claim.life.attempts + 1,
            "outcome": OUTCOMES[type(signal)],
            "code": getattr(signal, "code", ""),
            "sentence": getattr(signal, "sentence", ""),
            "status": attempt.status,
            "started_at": now,
            "elapsed_ms": round(attempt.elapsed_ms, 2),
            "request": attempt.request,
            "response": attempt.response,
            "ai": attempt.ai,
            "notes": notes,
        },
        version=claim.pinned_version or version,
        was_made=attempt.was_made,
        mapping_version=claim.mapping_version,
        change=claim.change if claim.change and attempt.has_call else None,
    )


def stored_notes(attempt: AttemptResult) -> list[dict[str, str]] | None:
    """What a successful attempt left out; None if it left out nothing."""
    if not isinstance(attempt.signal, Accepted) or not attempt.notes:
        return None
    return [note.as_json() for note in attempt.notes]


def postponed(claim: Claim, destination_id: int, now: datetime) -> DeliveryResult:
    """A claimed delivery goes back unsent.  It is due at once: what holds it is checked again then."""
    return without_call(claim, Held("later", N_("It waits for its turn.")), destination_id, now)


def without_call(
    claim: Claim, signal: Held | Superseded, destination_id: int, now: datetime
) -> DeliveryResult:
    """The result of a claimed delivery for which no call is made."""
    return DeliveryResult(
        claim.delivery_id,
        claim.life.lease_token,
        signal,
        transition(claim.life, signal, now),
        destination_id,
        claim.subscription_id,
    )


def lost(row: Any, now: datetime) -> DeliveryResult:
    """The lease of a delivery ended.  Its call may have been made, so that counts as an attempt."""
    signal = LeaseExpired()
    return DeliveryResult(
        row.id,
        row.lease_token,
        signal,
        transition(life_of(row), signal, now),
        row.destination_id,
        row.subscription_id,
        attempt={
            "key": uuid.uuid4().hex,
            "delivery_id": row.id,
            "number": row.attempts + 1,
            "outcome": OUTCOMES[LeaseExpired],
            "code": "worker_died",
            "sentence": sentence_of(signal),
            "status": None,
            "started_at": now,
            "elapsed_ms": 0,
            "request": {},
            "response": {},
            "ai": None,
            "notes": None,
        },
    )


def log_attempt(claim: Claim, result: DeliveryResult, kind: str, now: datetime) -> None:
    """Report an attempt: one log line, its metrics and a span."""
    row, next_at = result.attempt, result.outcome.life.due_at
    assert row is not None
    outcome, elapsed_ms = row["outcome"], row["elapsed_ms"]
    left_out = [note["field"] for note in row["notes"] or () if note["code"] != NOTHING_SENT]
    waited_s = None
    if isinstance(result.signal, Accepted):
        waited_s = max(0.0, (now - claim.received_at).total_seconds())
    metrics.count_attempt(kind, outcome, elapsed_ms / 1000, waited_s, len(left_out))
    log(
        "attempt",
        level="warning" if result.outcome.life.state is State.DEAD else "info",
        correlation_id=claim.event_id,
        request_id=row["key"],
        delivery=claim.key,
        destination=result.destination_id,
        kind=kind,
        number=row["number"],
        outcome=outcome,
        status=row["status"],
        code=row["code"] or None,
        ai=(row["ai"] or {}).get("outcome"),
        left_out=left_out or None,
        ms=elapsed_ms,
        next_at=next_at.isoformat() if next_at else None,
    )
    if tracing.is_on():
        is_error = outcome not in SUCCESSFUL
        facts = tracing.call_facts(row["request"], row["status"], is_error and row["code"])
        if row["number"] > 1:
            facts["http.request.resend_count"] = row["number"] - 1
        facts |= {"relay.kind": kind, "relay.outcome": outcome, "relay.delivery": claim.key}
        tracing.attempted(claim.event_id, row["key"], elapsed_ms, is_error, facts)


# ---- writing results -----------------------------------------------------------------------------


@dataclass
class PendingResults:
    """What one drain has not written yet.

    ``holds`` hold the destination for another reason than a single reply, ``quotas`` are the newest
    that replies reported, by name.  ``since`` is on the monotonic clock.  Without ``is_counted``, they
    are no deliveries of a shop's data.
    """

    results: list[DeliveryResult] = field(default_factory=list)
    holds: list[Held] = field(default_factory=list)
    quotas: dict[str, ReportedQuota] = field(default_factory=dict)
    since: float = field(default_factory=time.monotonic)
    is_counted: bool = True

    @property
    def are_ripe(self) -> bool:
        """Whether it is time to write the results."""
        is_late = time.monotonic() - self.since > GATHER_S
        return bool(self.results) and (is_late or len(self.results) >= MAX_PENDING)

    def write(self, connection: Connection, destination_id: int, now: datetime) -> Held | None:
        """Write everything.  -> the first hold that follows from it.  The caller commits."""
        write_results(connection, self.results, now, self.is_counted)
        signals = [r.signal for r in self.results if r.attempt is not None and r.was_made]
        holds = [
            gate.apply_hold(connection, destination_id, signal, now)
            for signal in dict.fromkeys([*signals, *self.holds])
            if not isinstance(signal, Accepted)
        ]
        if self.quotas:
            record_quotas(connection, destination_id, self.quotas.values(), now)
        return next(filter(None, holds), None)


def write_results(
    connection: Connection,
    results: Sequence[DeliveryResult],
    now: datetime,
    is_counted: bool = True,
) -> int:
    """Write results together, each only if its lease has not been taken away.  -> how many were.

    After a lost lease the result adds its attempt to the history and changes nothing else.  What
    belongs to a removed subscription, destination or site is discarded.  The caller commits.
    """
    attempts = [result.attempt for result in results if result.attempt is not None]
    # Deliveries that get the same columns share one statement: most were accepted at the first attempt.
    groups: dict[tuple[Any, ...], tuple[DeliveryResult, dict[str, Any], list[int]]] = {}
    dead = []
    for result in _discard_removed(connection, results, now):
        row = _row(result, now)
        if result.outcome.dead_letter is None:
            same = (result.destination_id, *row.items())
            groups.setdefault(same, (result, row, []))[2].append(result.delivery_id)
        else:
            dead.append((result, row))
    # A commit may have lost its confirmation with the connection and be repeated: insert once.
    INSERT_ATTEMPTS.execute(connection, attempts)
    written, finished = 0, Finished()
    for result, row, ids in groups.values():
        count = _write_equal(connection, row, ids)
        written += count
        if column := column_of(result.outcome.life):
            finished[result.destination_id, column] += count
    for result, row in dead:
        count = _write_dead_letter(connection, result, row)
        written += count
        finished[result.destination_id, column_of(result.outcome.life) or ""] += count
    if is_counted:
        count_finished(connection, finished, now)
    # also after a lost lease: the destination has the change
    changes = [
        (result.destination_id, result.change)
        for result in results
        if result.change is not None and isinstance(result.signal, Accepted)
    ]
    if changes:
        mark_delivered(connection, changes)
    return written


def _discard_removed(
    connection: Connection, results: Sequence[DeliveryResult], now: datetime
) -> Sequence[DeliveryResult]:
    """The results; instead of being sent again or dead, a delivery of a removed subscription,
    destination or site is discarded.
    """
    unsettled = {
        result.delivery_id
        for result in results
        if result.outcome.life.state in (State.PENDING, State.DEAD)
    }
    if not unsettled:
        return results
    # The shared locks make a removal wait for this commit, or this wait for the removal's commit.
    # So no delivery becomes pending behind the back of a removal that discards what is pending.
    rows = connection.execute(
        select(Delivery.id, or_(gate.is_removed(), gate.is_from_removed_site()))
        .join(Subscription, Subscription.id == Delivery.subscription_id)
        .join(Destination, Destination.id == Subscription.destination_id)
        .join(Event, Event.id == Delivery.event_pk)
        .join(Source, Source.id == Event.source_id)
        .where(database.one_of_ids(Delivery.id, unsettled))
        .order_by(Subscription.id, Source.id)
        .with_for_update(read=True, of=(Subscription, Source))
    )
    removed = {delivery_id for delivery_id, is_removed in rows if is_removed}
    return [
        replace(result, outcome=transition(result.outcome.life, Discarded(), now))
        if result.delivery_id in removed
        else result
        for result in results
    ]


def _row(result: DeliveryResult, now: datetime) -> dict[str, Any]:
    row = columns_of(result.outcome.life, now) | {"b_token": result.token}
    if isinstance(result.signal, Superseded):
        row["superseded_by"] = result.signal.revision
        if result.outcome.life.state is State.DISCARDED:
            row["last_error"] = result.signal.sentence
    elif not isinstance(result.signal, Held):  # a postponed delivery keeps its last error
        row |= {"last_status": result.status, "last_error": sentence_of(result.signal)}
        if result.outcome.life.revived_from is not None:  # an earlier replay may have set it
            row["superseded_by"] = None
    if result.version is not None:
        row |= {"version": result.version, "mapping_version": result.mapping_version}
    return row


def _write_equal(connection: Connection, row: dict[str, Any], ids: Sequence[int]) -> int:
    """Write the same columns to several deliveries.  -> how many still had their lease"""
    columns = {name: value for name, value in row.items() if not name.startswith("b_")}
    values = {f"n_{name}": value for name, value in columns.items()}
    values |= {"b_ids": ids, "b_token": row["b_token"]}
    return connection.execute(_update(tuple(columns)), values).rowcount


@lru_cache(maxsize=16)
def _update(names: tuple[str, ...]) -> Update:
    return (
        update(DELIVERY)
        .where(
            database.is_one_of(DELIVERY.c.id, database.ids_param("b_ids")),
            DELIVERY.c.state == State.IN_FLIGHT.value,
            DELIVERY.c.lease_token == bindparam("b_token"),
        )
        .values({name: bindparam(f"n_{name}") for name in names})
    )


def _write_dead_letter(connection: Connection, result: DeliveryResult, row: dict[str, Any]) -> int:
    cause = result.outcome.dead_letter
    assert cause is not None
    if not _write_equal(connection, row, [result.delivery_id]):
        return 0
    connection.execute(
        insert(DeadLetter).values(
            delivery_id=result.delivery_id,
            destination_id=result.destination_id,
            code=cause.code,
            field=cause.field[:120],
            sentence=cause.sentence,
        )
    )
    return 1
