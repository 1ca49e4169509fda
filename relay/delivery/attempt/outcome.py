"""From the machine's steps to rows and back."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, update

from relay.database import insert_once
from relay.models import Attempt, DeadLetter, Delivery
from relay.rules.lifecycle import (
    SETTLED,
    Accepted,
    Failed,
    Held,
    LeaseExpired,
    Life,
    Refused,
    Signal,
    State,
    Transition,
)

KEPT_BODY = 16 * 1024  # characters of an answer that are kept
OUTCOMES = {
    Accepted: "accepted",
    Failed: "failed",
    Refused: "refused",
    Held: "held",
    LeaseExpired: "lost",
}


@dataclass(frozen=True)
class DeliveryResult:
    """What one claimed delivery came to.

    ``attempt`` is the row to add, None where no call was made; ``version`` the destination's
    version that the call was made with, ``mapping_version`` that of the subscription's mapping.
    ``was_made`` is False where the destination was not called, so that nothing is learned about it.
    """

    delivery_id: int
    token: str
    signal: Signal
    outcome: Transition
    destination_id: int
    status: int | None = None
    attempt: dict[str, Any] | None = None
    version: int | None = None
    was_made: bool = True
    mapping_version: int | None = None


def jitter() -> float:
    """A number in [-1, 1] for the retry schedule."""
    return random.uniform(-1, 1)  # noqa: S311 - spreads retries, guards nothing


def life_of(row: Any) -> Life:
    """The machine's view of a delivery, from an object or a row with its columns."""
    return Life(
        state=State(row.state),
        due_at=row.due_at,
        lease_until=row.lease_until,
        lease_token=row.lease_token,
        attempts=row.attempts,
        attempts_since_replay=row.attempts_since_replay,
        claims=row.claims,
        revived_from=State(row.revived_from) if row.revived_from else None,
    )


def columns_of(life: Life, now: datetime) -> dict[str, Any]:
    """The columns a life is written to; ``now`` becomes the settling time of a settled one."""
    return {
        "state": life.state.value,
        "due_at": life.due_at,
        "lease_until": life.lease_until,
        "lease_token": life.lease_token,
        "attempts": life.attempts,
        "attempts_since_replay": life.attempts_since_replay,
        "claims": life.claims,
        "revived_from": life.revived_from.value if life.revived_from else None,
        "settled_at": now if life.state in SETTLED else None,
    }


def apply_transition(delivery: Delivery, outcome: Transition, now: datetime) -> None:
    """Write a step onto a loaded delivery."""
    for name, value in columns_of(outcome.life, now).items():
        setattr(delivery, name, value)


def sentence_of(signal: Signal) -> str | None:
    """What a person reads as the last error; nothing after a success."""
    if isinstance(signal, LeaseExpired):
        return "The worker stopped before the destination had answered."
    return None if isinstance(signal, Accepted) else getattr(signal, "sentence", None)


def write_results(connection: Connection, results: Sequence[DeliveryResult], now: datetime) -> int:
    """Record results together, each only if its lease still stands.  -> how many took effect.

    A late result (the lease was lost to the sweep) adds its attempt to the history and changes
    nothing else.  The caller commits.
    """
    attempts = [result.attempt for result in results if result.attempt is not None]
    if attempts:
        # written before, if only the word of it was lost with the connection
        connection.execute(insert_once(connection, Attempt), attempts)
    taken = 0
    plain = [r for r in results if r.outcome.buried is None]
    shapes: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in (_row(result, now) for result in plain):
        shapes.setdefault(tuple(row), []).append(row)
    for rows in shapes.values():
        taken += connection.execute(_update(rows[0]), rows).rowcount
    for result in results:
        if result.outcome.buried is not None:
            taken += _bury(connection, result, now)
    return taken


def _row(result: DeliveryResult, now: datetime) -> dict[str, Any]:
    row = columns_of(result.outcome.life, now) | {
        "b_id": result.delivery_id,
        "b_token": result.token,
    }
    if not isinstance(result.signal, Held):  # a postponed one keeps its last error
        row |= {"last_status": result.status, "last_error": sentence_of(result.signal)}
    if result.version is not None:
        row |= {"version": result.version, "mapping_version": result.mapping_version}
    return row


def _update(row: dict[str, Any]) -> Any:
    changed: dict[str, Any] = {name: bindparam(name) for name in row if not name.startswith("b_")}
    return (
        update(Delivery.__table__)  # type: ignore[arg-type]
        .where(
            Delivery.id == bindparam("b_id"),
            Delivery.state == State.IN_FLIGHT.value,
            Delivery.lease_token == bindparam("b_token"),
        )
        .values(changed)
    )


def _bury(connection: Connection, result: DeliveryResult, now: datetime) -> int:
    row = _row(result, now)
    if not connection.execute(_update(row), row).rowcount:
        return 0
    cause = result.outcome.buried
    assert cause is not None
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
