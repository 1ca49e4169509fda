"""May we call this destination now?  And what its answers teach us about that."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, or_, update

from relay.lifecycle import DEFAULT_POLICY, Failed, Held, Refused, Signal
from relay.models import AuditEntry, Destination, db_now

DRAIN_LEASE_S = 20.0


def is_open() -> ColumnElement[bool]:
    """``admit`` as SQL: neither paused nor held."""
    return and_(
        Destination.state == "active",
        or_(Destination.held_until.is_(None), Destination.held_until <= db_now()),
    )


def take(connection: Connection, destination_id: int, token: str, now: datetime) -> bool:
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


def give_back(connection: Connection, destination_id: int, token: str) -> None:
    """Let the next drain work."""
    connection.execute(
        update(Destination)
        .where(Destination.id == destination_id, Destination.drain_token == token)
        .values(drain_token=None, drain_until=None)
    )


def admit(destination: Any, now: datetime) -> Held | None:
    """None for "go ahead", else why not and for how long.  ``destination`` has its columns."""
    if destination.state != "active":
        return Held("paused", f"The destination is paused. {destination.paused_reason}".strip())
    if destination.held_until is not None and destination.held_until > now:
        wait = (destination.held_until - now).total_seconds()
        return Held("held", destination.held_reason, wait)
    return None


def observe(
    connection: Connection, destination_id: int, signal: Signal, now: datetime
) -> Held | None:
    """Take a lesson from one answer: a wish to wait holds all, a final refusal of access pauses all."""
    if isinstance(signal, Failed) and signal.retry_after_s is not None:
        wait = min(max(signal.retry_after_s, 1.0), DEFAULT_POLICY.longest_retry_after_s)
        reason = f"The destination asked to wait {wait:.0f} s."
        connection.execute(
            update(Destination)
            .where(Destination.id == destination_id)
            .values(held_until=now + timedelta(seconds=wait), held_reason=reason)
        )
        return Held("held", reason, wait)
    if isinstance(signal, Refused) and signal.pause:
        connection.execute(
            update(Destination)
            .where(Destination.id == destination_id, Destination.state == "active")
            .values(state="paused", paused_reason=signal.sentence)
        )
        connection.execute(
            AuditEntry.__table__.insert().values(  # type: ignore[attr-defined]
                actor="relay",
                action="destination.pause",
                object_label=f"destination {destination_id}",
                detail={"reason": signal.sentence},
            )
        )
        return Held("paused", signal.sentence)
    return None
