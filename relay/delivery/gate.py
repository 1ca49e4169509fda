"""The destination's row: which drain works for it, whether it may be called, what holds it.

One drain at a time owns the row.  So rate limits, circuits, holds and pauses are the same for all
workers on any number of hosts.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Update, and_, bindparam, or_, select, update

from relay import database
from relay.database import db_later
from relay.delivery.capacity import SOON_S
from relay.destinations import KINDS
from relay.i18n import N_
from relay.models import Destination, Source, Subscription, db_now
from relay.models.audit_chain import add_audit_entry
from relay.observability.logging import log
from relay.rules.circuit import CircuitState
from relay.rules.lifecycle import DEFAULT_POLICY, Failed, Held, Policy, Refused, Signal
from relay.rules.states import DestinationState, SourceState, SubscriptionState

DRAIN_LEASE_S = 20.0
LONGEST_HOLD_S = 93_600.0  # a day, plus the difference of a time zone that changes its clock


Instant = datetime | ColumnElement[datetime]


def may_send_now(now: Instant) -> ColumnElement[bool]:
    """``destination_status(row, now).may_send is NOW`` as SQL."""
    return and_(
        Destination.state == DestinationState.ACTIVE.value,
        or_(Destination.held_until.is_(None), Destination.held_until <= now),
        or_(
            Destination.circuit != CircuitState.OPEN.value,
            Destination.circuit_until.is_(None),
            Destination.circuit_until <= now,
        ),
    )


def is_open(now: Instant, soon: Instant | None = None) -> ColumnElement[bool]:
    """Whether a drain could send now: nothing holds the destination, and its next call is near.

    ``soon`` is SOON_S after ``now``, which it follows from if ``now`` is a datetime.
    """
    if soon is None:
        soon = now + timedelta(seconds=SOON_S)
    return and_(
        may_send_now(now),
        or_(Destination.paced_until.is_(None), Destination.paced_until <= soon),
    )


def is_removed() -> ColumnElement[bool]:
    """``may_send(…) is NEVER`` as SQL, for a destination joined with a subscription."""
    return or_(
        Destination.state == DestinationState.CLOSED,
        Subscription.state == SubscriptionState.CLOSED,
    )


def is_from_removed_site() -> ColumnElement[bool]:
    """Whether a delivery must not be sent because its site was removed.

    For a source joined with a destination.  An answer back to the site has nowhere to go; anything
    else is still delivered, unless the person who removed the site chose to discard it.
    """
    return and_(
        Source.state == SourceState.CLOSED.value,
        or_(Source.discard_waiting, Destination.kind.in_(answering_kinds())),
    )


def answering_kinds() -> list[str]:
    """The kinds that call back the site that sent the event."""
    return [slug for slug in KINDS if answers_site(slug)]


def answers_site(kind: str) -> bool:
    """Whether a destination of this kind calls back the site that sent the event."""
    return kind in KINDS and KINDS[kind].signs_for_site


def jitter() -> float:
    """A number in [-1, 1] for waits: without it everything that failed together is retried together."""
    return random.uniform(-1, 1)  # noqa: S311 - spreads retries, guards nothing


DESTINATION: Any = Destination.__table__


@lru_cache(maxsize=2)  # built once: they are executed many times a second
def _acquire(waits: bool) -> Any:
    destination = DESTINATION.c.id == bindparam("b_id")
    if not waits:
        # The lock of an UPDATE: with a stronger one, other routers could not insert deliveries that
        # refer to the row.
        locked = (
            select(DESTINATION.c.id)
            .where(destination)
            .with_for_update(skip_locked=True, key_share=True)
        )
        destination = database.is_in_rows(DESTINATION.c.id, locked)
    return (
        update(DESTINATION)
        .where(
            destination,
            or_(
                DESTINATION.c.drain_token.is_(None),
                DESTINATION.c.drain_token == bindparam("b_token"),
                DESTINATION.c.drain_until < db_now(),
            ),
        )
        .values(drain_token=bindparam("b_token"), drain_until=db_later(DRAIN_LEASE_S))
        .returning(*DESTINATION.c, db_now().label("now"))
    )


def acquire(connection: Connection, destination_id: int, token: str, waits: bool = True) -> Any:
    """Become the one drain of a destination, or stay it.

    -> the destination's row with ``now``, the time of the database; None if another drain works or the
    row does not exist.  Without ``waits``, also None while another transaction has locked the row.
    """
    values = {"b_id": destination_id, "b_token": token}
    return connection.execute(_acquire(waits), values).one_or_none()


@lru_cache(maxsize=8)
def _save(names: tuple[str, ...]) -> Update:
    return (
        update(DESTINATION)
        .where(
            DESTINATION.c.id == bindparam("b_id"), DESTINATION.c.drain_token == bindparam("b_token")
        )
        .values({name: bindparam(f"n_{name}") for name in names})
    )


def save(connection: Connection, destination_id: int, token: str, columns: dict[str, Any]) -> None:
    """Store what a drain keeps in the row, if it is still the destination's one drain."""
    values = {f"n_{name}": value for name, value in columns.items()}
    connection.execute(_save(tuple(columns)), values | {"b_id": destination_id, "b_token": token})


RELEASED = {"drain_token": None, "drain_until": None}  # lets the next drain work


def release(connection: Connection, destination_id: int, token: str) -> None:
    """Let the next drain work."""
    save(connection, destination_id, token, RELEASED)


def policy_of(row: Any) -> Policy:
    """The retry schedule of a destination."""
    return Policy(delays_s=tuple(row.retry_waits)) if row.retry_waits else DEFAULT_POLICY


def apply_hold(
    connection: Connection, destination_id: int, signal: Signal, now: datetime
) -> Held | None:
    """Hold or pause the destination if a result asks for it.  -> the hold, None without one."""
    if isinstance(signal, Refused) and signal.pause:
        return pause(connection, destination_id, signal.sentence)
    hold = hold_of(signal)
    if hold is None:
        return None
    until = now + timedelta(seconds=hold.wait_s)
    connection.execute(
        update(Destination)
        .where(
            Destination.id == destination_id,
            or_(Destination.held_until.is_(None), Destination.held_until < until),
        )
        .values(held_until=until, held_reason=hold.sentence)
    )
    return hold


def hold_of(signal: Signal) -> Held | None:
    """How long the whole destination waits after a result, and why; None: it does not."""
    if isinstance(signal, Held):
        return Held("held", signal.sentence, min(signal.wait_s, LONGEST_HOLD_S))
    if isinstance(signal, Failed) and signal.retry_after_s is not None:
        wait_s = min(max(signal.retry_after_s, 1.0), DEFAULT_POLICY.longest_retry_after_s)
        text = N_("The destination asked to wait %(seconds)s s.")
        return Held("held", text % {"seconds": f"{wait_s:.0f}"}, wait_s)
    return None


def pause(connection: Connection, destination_id: int, reason: str) -> Held:
    """Pause the destination until a person resumes it, and write that to the audit log."""
    paused = connection.execute(
        update(Destination)
        .where(Destination.id == destination_id, Destination.state == DestinationState.ACTIVE.value)
        .values(state=DestinationState.PAUSED.value, paused_reason=reason)
    )
    if paused.rowcount:
        log("destination.paused", level="warning", destination=destination_id, reason=reason)
        label = f"destination {destination_id}"
        add_audit_entry(connection, "relay", "destination.pause", label, {"reason": reason})
    return Held("paused", reason)
