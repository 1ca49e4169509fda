"""May we call this destination now?  And what its answers teach us about that.

All that is known stands on the destination's row, and one drain at a time holds that row: so pace,
circuit, holds and pauses are the same for all workers, on any number of hosts.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, or_, update

from relay.models import AuditEntry, Destination, db_now
from relay.rules.circuit import Circuit, CircuitState
from relay.rules.lifecycle import DEFAULT_POLICY, Failed, Held, Policy, Refused, Signal
from relay.rules.rate import RateLimit, interval_of

DRAIN_LEASE_S = 20.0
LONGEST_HOLD_S = 93_600.0  # a day, and what its midnight may be off by
SOON_S = 1.5  # a drain waits so long for its next call rather than leave


def is_open(now: datetime) -> ColumnElement[bool]:
    """``Gate.hold`` as SQL: neither paused, held nor broken, and the next call is near."""
    return and_(
        Destination.state == "active",
        or_(Destination.held_until.is_(None), Destination.held_until <= now),
        or_(Destination.circuit != CircuitState.OPEN.value, Destination.circuit_until <= now),
        or_(
            Destination.paced_until.is_(None),
            Destination.paced_until <= now + timedelta(seconds=SOON_S),
        ),
    )


def acquire(connection: Connection, destination_id: int, token: str, now: datetime) -> bool:
    """Become the one drain of a destination, or stay it.  False where another one works."""
    taken = connection.execute(
        update(Destination)
        .where(
            Destination.id == destination_id,
            or_(
                Destination.drain_token.is_(None),
                Destination.drain_token == token,
                Destination.drain_until < db_now(),
            ),
        )
        .values(drain_token=token, drain_until=now + timedelta(seconds=DRAIN_LEASE_S))
    )
    return bool(taken.rowcount)


def release(connection: Connection, destination_id: int, token: str) -> None:
    """Let the next drain work."""
    connection.execute(
        update(Destination)
        .where(Destination.id == destination_id, Destination.drain_token == token)
        .values(drain_token=None, drain_until=None)
    )


def circuit_of(row: Any) -> Circuit:
    """The circuit in a destination's columns."""
    return Circuit(
        CircuitState(row.circuit),
        row.circuit_since,
        row.circuit_until,
        row.circuit_reason,
        row.failures,
        row.openings,
    )


def circuit_columns(circuit: Circuit) -> dict[str, Any]:
    """And back."""
    return {
        "circuit": circuit.stage.value,
        "circuit_since": circuit.since,
        "circuit_until": circuit.until,
        "circuit_reason": circuit.reason,
        "failures": circuit.failures,
        "openings": circuit.openings,
    }


def policy_of(row: Any) -> Policy:
    """When a destination's failing deliveries are tried again."""
    return Policy(delays_s=tuple(row.retry_waits)) if row.retry_waits else DEFAULT_POLICY


class Gate:
    """One drain's view of its destination: asked before each call, told of each result."""

    def __init__(self, row: Any, now: datetime):
        self.circuit = circuit_of(row).ready(now)
        self.pace = RateLimit(next_at=row.paced_until)
        self.read(row)
        self.stored = self.columns()

    def read(self, row: Any) -> None:
        """The settings as they are now; what the drain has learned stays."""
        self.row, self.policy = row, policy_of(row)
        self.own_interval_s = interval_of(row.rate_count, row.rate_unit)

    def hold(self, now: datetime) -> Held | None:
        """None for "go ahead", else why not and for how long."""
        if self.row.state != "active":
            return Held("paused", f"The destination is paused. {self.row.paused_reason}".strip())
        if self.row.held_until is not None and self.row.held_until > now:
            return Held("held", self.row.held_reason, (self.row.held_until - now).total_seconds())
        return self.circuit.hold(now)

    def places(self) -> int:
        """How many calls may be under way."""
        return self.circuit.places(self.row.concurrency)

    def paced(self, now: datetime) -> RateLimit:
        """The pace for the next call: the destination's own, or a slower one after a recovery."""
        interval = max(self.own_interval_s, self.circuit.interval_s(now))
        self.pace = replace(self.pace, interval_s=interval)
        return self.pace

    def started(self, now: datetime, calls: int = 1) -> None:
        """A call begins, or several did."""
        self.pace = self.paced(now).after(calls, now)

    def record_outcome(self, signal: Signal, now: datetime, jitter: float) -> None:
        self.circuit = self.circuit.record_outcome(signal, now, jitter)

    def columns(self) -> dict[str, Any]:
        return circuit_columns(self.circuit) | {"paced_until": self.pace.next_at}

    def save(self, connection: Connection, token: str, reserved: int, now: datetime) -> None:
        """Store what was learned, if anything.  ``reserved`` calls are claimed and not made yet:
        should this process die, the next one waits as if they had been.
        """
        columns = self.columns() | {"paced_until": self.pace.after(reserved, now).next_at}
        if columns != self.stored:
            self.stored = columns
            connection.execute(
                update(Destination)
                .where(Destination.id == self.row.id, Destination.drain_token == token)
                .values(columns)
            )


def apply_hold(
    connection: Connection, destination_id: int, signal: Signal, now: datetime
) -> Held | None:
    """Take a lesson from one answer: a wish to wait holds all, a final refusal of access pauses all."""
    if isinstance(signal, Refused) and signal.pause:
        return _pause(connection, destination_id, signal.sentence)
    if isinstance(signal, Held):
        wait, reason = min(signal.wait_s, LONGEST_HOLD_S), signal.sentence
    elif isinstance(signal, Failed) and signal.retry_after_s is not None:
        wait = min(max(signal.retry_after_s, 1.0), DEFAULT_POLICY.longest_retry_after_s)
        reason = f"The destination asked to wait {wait:.0f} s."
    else:
        return None
    until = now + timedelta(seconds=wait)
    connection.execute(
        update(Destination)
        .where(
            Destination.id == destination_id,
            or_(Destination.held_until.is_(None), Destination.held_until < until),
        )
        .values(held_until=until, held_reason=reason)
    )
    return Held("held", reason, wait)


def _pause(connection: Connection, destination_id: int, reason: str) -> Held:
    paused = connection.execute(
        update(Destination)
        .where(Destination.id == destination_id, Destination.state == "active")
        .values(state="paused", paused_reason=reason)
    )
    if paused.rowcount:
        connection.execute(
            AuditEntry.__table__.insert().values(  # type: ignore[attr-defined]
                actor="relay",
                action="destination.pause",
                object_label=f"destination {destination_id}",
                detail={"reason": reason},
            )
        )
    return Held("paused", reason)
