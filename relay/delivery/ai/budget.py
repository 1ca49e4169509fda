"""Who may ask the AI and for how much: short transactions around each call, true for all workers.

Before a call its row reserves the most it can cost, and the question's key is claimed; after it the
row says what it did cost.  The row of the asked destination is locked meanwhile, so that caps, pace
and circuit are counted by one at a time.  A worker that dies leaves its reservation, which counts.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from relay.delivery import gate
from relay.delivery.attempt.outcome import jitter
from relay.delivery.claim import DatabaseClock
from relay.destinations.ai import MILLION, SpendingCaps, TokenUsage
from relay.models import AiAnswer, AiUse, Destination
from relay.rules.circuit import CircuitState
from relay.rules.lifecycle import Signal
from relay.rules.rate import RateLimit, interval_of

SPARE_S = 15.0  # a claim outlives its call by so much
PAUSED_S = 300.0  # how often a waiting delivery looks whether the AI is back
COUNTED = ("reserved", "settled")


@dataclass(frozen=True)
class AiRequest:
    """One question as the ledger sees it.

    ``most`` is the most it can cost, ``lasts_s`` the longest it can take.  ``caps`` are those of the
    destination that answers, ``own_caps`` those of the AI step.
    """

    key: str
    destination_id: int
    subscription_id: int | None
    model: str
    currency: str
    most: int
    lasts_s: float
    caps: SpendingCaps
    own_caps: SpendingCaps


@dataclass(frozen=True)
class Reservation:
    """Go ahead after ``wait_s``, the destination's pace."""

    use_id: int
    token: str
    wait_s: float = 0.0


@dataclass(frozen=True)
class CachedAnswer:
    """The same was asked before."""

    answer: Mapping[str, Any]


@dataclass(frozen=True)
class AnswerPending:
    """Somebody asks the same at this moment."""


@dataclass(frozen=True)
class OverBudget:
    """Not now; ``wait_s`` says when it may be."""

    code: str
    sentence: str
    wait_s: float


def money(cost: int, currency: str) -> str:
    """``2.00 EUR``; small amounts with as many places as they need."""
    units = cost / MILLION
    places = 2 if units >= 10 else 4 if units >= 0.01 else 6
    whole, _, rest = f"{units:.{places}f}".partition(".")
    return f"{whole}.{rest.rstrip('0').ljust(2, '0')} {currency}"


def begin(
    connection: Connection, order: AiRequest
) -> Reservation | CachedAnswer | AnswerPending | OverBudget:
    """Reuse an answer, or reserve a call and claim its question.  The caller commits."""
    row = _lock(connection, order.destination_id)
    now = DatabaseClock(connection).read
    found = connection.execute(
        select(AiAnswer.__table__).where(AiAnswer.key == order.key)
    ).one_or_none()
    if found is not None and found.state == "ready":
        connection.execute(update(AiAnswer).where(AiAnswer.id == found.id).values(used_at=now))
        _use(connection, order, now, "hit")
        return CachedAnswer(found.answer)
    if found is not None and found.claimed_until > now:
        return AnswerPending()
    pace = RateLimit(interval_of(row.rate_count, row.rate_unit), row.paced_until)
    denied = _why_not(connection, row, order, pace, now)
    if denied is not None:
        _use(connection, order, now, "skipped", denied.code)
        return denied
    _start(connection, row, pace, now)
    token, wait_s = uuid.uuid4().hex, pace.wait_s(now)
    claim = {
        "state": "claimed",
        "token": token,
        "claimed_until": now + timedelta(seconds=order.lasts_s + SPARE_S),
    }
    if found is None:
        connection.execute(insert(AiAnswer).values(key=order.key, used_at=now, **claim))
    else:  # whoever claimed it is gone
        connection.execute(update(AiAnswer).where(AiAnswer.id == found.id).values(claim))
    return Reservation(_use(connection, order, now, "reserved", cost=order.most), token, wait_s)


def settle(
    connection: Connection,
    order: AiRequest,
    ticket: Reservation,
    signal: Signal,
    cost: int | None,
    usage: TokenUsage,
    answer: Mapping[str, Any] | None,
) -> None:
    """Write down what a call came to; ``cost`` None: nothing was spent.  The caller commits."""
    row = _lock(connection, order.destination_id)
    now = DatabaseClock(connection).read
    connection.execute(
        update(AiUse)
        .where(AiUse.id == ticket.use_id)
        .values(
            state="failed" if cost is None else "settled",
            code=getattr(signal, "code", "")[:40],
            cost=cost or 0,
            tokens_in=usage.tokens_in,
            tokens_out=usage.tokens_out,
        )
    )
    mine = (AiAnswer.key == order.key, AiAnswer.token == ticket.token)
    if answer is None:
        connection.execute(delete(AiAnswer).where(*mine, AiAnswer.state == "claimed"))
    else:
        connection.execute(
            update(AiAnswer).where(*mine).values(state="ready", answer=answer, used_at=now)
        )
    before = gate.circuit_of(row)
    after = before.record_outcome(signal, now, jitter())
    if after != before:
        _change(connection, row, gate.circuit_columns(after))
    gate.apply_hold(connection, order.destination_id, signal, now)


def note(connection: Connection, order: AiRequest, cost: int, usage: TokenUsage) -> None:
    """Count what somebody spent on a test, beside all caps.  The caller commits."""
    use_id = _use(connection, order, DatabaseClock(connection).read, "settled", "test", cost)
    connection.execute(
        update(AiUse)
        .where(AiUse.id == use_id)
        .values(tokens_in=usage.tokens_in, tokens_out=usage.tokens_out)
    )


def used(connection: Connection, scope: ColumnElement[bool], day: date) -> tuple[int, int]:
    """What was spent on a day, reservations included, and by how many calls."""
    spent, calls = connection.execute(
        select(func.coalesce(func.sum(AiUse.cost), 0), func.count()).where(
            scope, AiUse.day == day, AiUse.state.in_(COUNTED)
        )
    ).one()
    return int(spent), int(calls)


def _lock(connection: Connection, destination_id: int) -> Any:
    return connection.execute(
        select(Destination.__table__)
        .where(Destination.id == destination_id)
        .with_for_update(key_share=True)  # new deliveries may refer to the row meanwhile
    ).one()


def _change(connection: Connection, row: Any, columns: dict[str, Any]) -> None:
    connection.execute(update(Destination).where(Destination.id == row.id).values(columns))


def _why_not(
    connection: Connection, row: Any, order: AiRequest, pace: RateLimit, now: datetime
) -> OverBudget | None:
    if row.state != "active":
        return OverBudget("paused", f"{row.name} is paused. {row.paused_reason}".strip(), PAUSED_S)
    if row.held_until is not None and row.held_until > now:
        wait_s = (row.held_until - now).total_seconds()
        return OverBudget(
            "held", f"{row.name} has to wait a little. {row.held_reason}".strip(), wait_s
        )
    circuit = gate.circuit_of(row).ready(now)
    held = circuit.hold(now)
    if held is not None:
        return OverBudget("circuit_open", f"{row.name} does not answer at the moment.", held.wait_s)
    probing = row.circuit == CircuitState.PROBING.value and row.circuit_since is not None
    if probing and (now - row.circuit_since).total_seconds() < order.lasts_s + SPARE_S:
        return OverBudget("circuit_open", f"{row.name} does not answer at the moment.", SPARE_S)
    capped = _capped(connection, row, order, now)
    if capped is not None:
        return capped
    if pace.wait_s(now) > order.lasts_s / 2:
        return OverBudget("paced", f"{row.name} may not be asked more often.", pace.wait_s(now))
    return None


def _capped(connection: Connection, row: Any, order: AiRequest, now: datetime) -> OverBudget | None:
    """A cap that this call could break, if there is one."""
    day = now.astimezone(UTC).date()
    midnight = datetime.combine(day + timedelta(days=1), time(), UTC)
    wait_s = (midnight - now).total_seconds() + 5
    for caps, scope, whose in (
        (order.own_caps, AiUse.subscription_id == order.subscription_id, "this AI step"),
        (order.caps, AiUse.destination_id == order.destination_id, row.name),
    ):
        if caps == SpendingCaps():
            continue
        spent, calls = used(connection, scope, day)
        if caps.calls is not None and calls >= caps.calls:
            many = f"{caps.calls} call{'' if caps.calls == 1 else 's'}"
            sentence = f"The day's cap of {many} for {whose} was reached."
            return OverBudget("cap_calls", sentence, wait_s)
        if caps.money is not None and spent + order.most > caps.money:
            amount = money(caps.money, order.currency)
            return OverBudget("cap", f"The day's cap of {amount} for {whose} was reached.", wait_s)
    return None


def _start(connection: Connection, row: Any, pace: RateLimit, now: datetime) -> None:
    """A call begins: it takes its place in the pace; after a rest it is the one that probes."""
    circuit = gate.circuit_of(row).ready(now)
    if circuit.stage is CircuitState.PROBING:
        _change(connection, row, gate.circuit_columns(circuit) | {"circuit_since": now})
    if pace.interval_s:
        _change(connection, row, {"paced_until": pace.after(1, now).next_at})


def _use(
    connection: Connection,
    order: AiRequest,
    now: datetime,
    state: str,
    code: str = "",
    cost: int = 0,
) -> int:
    made = connection.execute(
        insert(AiUse).values(
            day=now.astimezone(UTC).date(),
            destination_id=order.destination_id,
            subscription_id=order.subscription_id,
            model=order.model,
            state=state,
            code=code,
            currency=order.currency,
            cost=cost,
        )
    )
    assert made.inserted_primary_key is not None
    return int(made.inserted_primary_key[0])
