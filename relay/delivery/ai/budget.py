"""AI budgets: whether a question may be asked now, and what the calls cost.

Short transactions before and after each call.  Before the call its row reserves the highest possible
cost, and the key of the question is claimed; after it the row has the real cost.  Each transaction
locks the row of the AI destination, so caps, rate limit and circuit hold for all workers.  When a
worker dies its reservation stays and counts: the call may have been charged.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from relay import database
from relay.delivery import gate
from relay.delivery.capacity import Capacity
from relay.destinations.ai import MILLION, SpendingCaps, TokenUsage
from relay.destinations.base import Kind
from relay.i18n import N_
from relay.models import AiAnswer, AiUse, Destination
from relay.rules.circuit import CircuitState, circuit_columns, circuit_of
from relay.rules.lifecycle import Signal
from relay.rules.states import AiAnswerState, AiUseState
from relay.rules.status import Status, destination_status

SPARE_S = 15.0  # a claim lasts this much longer than its call
PAUSED_S = 300.0  # how often a waiting delivery checks whether the AI is available again
COUNTED = (AiUseState.RESERVED, AiUseState.SETTLED)


@dataclass(frozen=True)
class AiRequest:
    """One question, as far as its cost is concerned.

    ``max_cost`` is the highest possible cost, ``max_s`` the longest time it can take.  ``caps`` are
    those of the destination that answers, ``own_caps`` those of the AI step.
    """

    key: str
    destination_id: int
    subscription_id: int | None
    model: str
    currency: str
    max_cost: int
    max_s: float
    caps: SpendingCaps
    own_caps: SpendingCaps


@dataclass(frozen=True)
class Reservation:
    """The question may be asked after ``wait_s`` seconds, as the rate limit of the destination says."""

    use_id: int
    token: str
    wait_s: float = 0.0


@dataclass(frozen=True)
class CachedAnswer:
    """The same question was answered before."""

    answer: Mapping[str, Any]


@dataclass(frozen=True)
class AnswerPending:
    """Another delivery is asking the same question now."""


@dataclass(frozen=True)
class OverBudget:
    """The question may not be asked now; it may be asked in ``wait_s`` seconds."""

    code: str
    sentence: str
    wait_s: float


def money(cost: int, currency: str) -> str:
    """``2.00 EUR``; small amounts with as many decimal places as they need."""
    units = cost / MILLION
    places = 2 if units >= 10 else 4 if units >= 0.01 else 6
    whole, _, rest = f"{units:.{places}f}".partition(".")
    return f"{whole}.{rest.rstrip('0').ljust(2, '0')} {currency}"


def begin(
    connection: Connection, request: AiRequest
) -> Reservation | CachedAnswer | AnswerPending | OverBudget:
    """Reuse an answer, or reserve a call and claim its question.  The caller commits."""
    row = _lock(connection, request.destination_id)
    now = database.now(connection)
    found = connection.execute(
        select(AiAnswer.__table__).where(AiAnswer.key == request.key)
    ).one_or_none()
    if found is not None and found.state == AiAnswerState.READY:
        connection.execute(update(AiAnswer).where(AiAnswer.id == found.id).values(used_at=now))
        _use(connection, request, now, AiUseState.HIT)
        return CachedAnswer(found.answer)
    if found is not None and found.claimed_until > now:
        return AnswerPending()
    capacity = Capacity.of(row, Kind(), now)
    refusal = _over_budget(connection, row, request, capacity, now)
    if refusal is not None:
        _use(connection, request, now, AiUseState.SKIPPED, refusal.code)
        return refusal
    _start(connection, row, capacity, now)
    token, wait_s = uuid.uuid4().hex, capacity.rate(now).wait_s(now)
    claim = {
        "state": AiAnswerState.CLAIMED,
        "token": token,
        "claimed_until": now + timedelta(seconds=request.max_s + SPARE_S),
    }
    if found is None:
        connection.execute(insert(AiAnswer).values(key=request.key, used_at=now, **claim))
    else:  # the worker that claimed it died
        connection.execute(update(AiAnswer).where(AiAnswer.id == found.id).values(claim))
    return Reservation(
        _use(connection, request, now, AiUseState.RESERVED, cost=request.max_cost), token, wait_s
    )


def settle(
    connection: Connection,
    request: AiRequest,
    reservation: Reservation,
    signal: Signal,
    cost: int | None,
    usage: TokenUsage,
    answer: Mapping[str, Any] | None,
) -> None:
    """Record the result of a call; ``cost`` None: nothing was charged.  The caller commits."""
    row = _lock(connection, request.destination_id)
    now = database.now(connection)
    connection.execute(
        update(AiUse)
        .where(AiUse.id == reservation.use_id)
        .values(
            state=AiUseState.FAILED if cost is None else AiUseState.SETTLED,
            code=getattr(signal, "code", "")[:40],
            cost=cost or 0,
            tokens_in=usage.tokens_in,
            tokens_out=usage.tokens_out,
        )
    )
    mine = (AiAnswer.key == request.key, AiAnswer.token == reservation.token)
    if answer is None:
        connection.execute(delete(AiAnswer).where(*mine, AiAnswer.state == AiAnswerState.CLAIMED))
    else:
        connection.execute(
            update(AiAnswer)
            .where(*mine)
            .values(state=AiAnswerState.READY, answer=answer, used_at=now)
        )
    before = circuit_of(row)
    after = before.record_outcome(signal, now, gate.jitter())
    if after != before:
        _change(connection, row, circuit_columns(after))
    gate.apply_hold(connection, request.destination_id, signal, now)


def note(connection: Connection, request: AiRequest, cost: int, usage: TokenUsage) -> None:
    """Record what a person's test cost.  No cap applies to it.  The caller commits."""
    use_id = _use(connection, request, database.now(connection), AiUseState.SETTLED, "test", cost)
    connection.execute(
        update(AiUse)
        .where(AiUse.id == use_id)
        .values(tokens_in=usage.tokens_in, tokens_out=usage.tokens_out)
    )


def used(connection: Connection, scope: ColumnElement[bool], day: date) -> tuple[int, int]:
    """The cost of a day, with reservations, and the number of calls."""
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


def _over_budget(
    connection: Connection, row: Any, request: AiRequest, capacity: Capacity, now: datetime
) -> OverBudget | None:
    """Why the destination may not be asked now, if so."""
    status = destination_status(row, now)
    hold = status.hold(now)
    if status.status in (Status.PAUSED, Status.REMOVED):
        is_paused = status.status is Status.PAUSED
        said = N_("%(name)s is paused.") if is_paused else N_("%(name)s was removed.")
        sentence = f"{said % {'name': row.name}} {row.paused_reason}".strip()  # i18n: keep
        return OverBudget(status.status.value, sentence, PAUSED_S)
    if hold is not None and status.status is Status.HELD:
        waits = N_("%(name)s has to wait.") % {"name": row.name}
        return OverBudget("held", f"{waits} {status.reason}".strip(), hold.wait_s)  # i18n: keep
    unavailable = N_("%(name)s does not answer at the moment.") % {"name": row.name}
    if hold is not None:
        return OverBudget("circuit_open", unavailable, hold.wait_s)
    # One call probes; the others wait for its result.
    probing = row.circuit == CircuitState.PROBING.value and row.circuit_since is not None
    if probing and (now - row.circuit_since).total_seconds() < request.max_s + SPARE_S:
        return OverBudget("circuit_open", unavailable, SPARE_S)
    over_cap = _over_cap(connection, row, request, now)
    if over_cap is not None:
        return over_cap
    wait_s = capacity.rate(now).wait_s(now)
    if wait_s > request.max_s / 2:
        sentence = N_("The rate limit of %(name)s is reached.") % {"name": row.name}
        return OverBudget("paced", sentence, wait_s)
    return None


def _over_cap(
    connection: Connection, row: Any, request: AiRequest, now: datetime
) -> OverBudget | None:
    """A cap that this call could break, if there is one."""
    day = now.astimezone(UTC).date()
    midnight = datetime.combine(day + timedelta(days=1), time(), UTC)
    wait_s = (midnight - now).total_seconds() + 5
    for caps, scope, owner in (
        (request.own_caps, AiUse.subscription_id == request.subscription_id, "this AI step"),
        (request.caps, AiUse.destination_id == request.destination_id, row.name),
    ):
        if caps == SpendingCaps():
            continue
        spent, calls = used(connection, scope, day)
        if caps.calls is not None and calls >= caps.calls:
            text = (
                N_("The day's cap of %(count)s call for %(name)s was reached.")
                if caps.calls == 1
                else N_("The day's cap of %(count)s calls for %(name)s was reached.")
            )
            sentence = text % {"count": caps.calls, "name": owner}
            return OverBudget("cap_calls", sentence, wait_s)
        if caps.money is not None and spent + request.max_cost > caps.money:
            text = N_("The day's cap of %(amount)s for %(name)s was reached.")
            sentence = text % {"amount": money(caps.money, request.currency), "name": owner}
            return OverBudget("cap", sentence, wait_s)
    return None


def _start(connection: Connection, row: Any, capacity: Capacity, now: datetime) -> None:
    """A call begins: it counts for the rate limit, and it is the probe if the circuit has waited."""
    if capacity.is_probing:
        columns = circuit_columns(capacity.circuit) | {"circuit_since": now}
        _change(connection, row, columns)
    if capacity.interval_s:
        _change(connection, row, {"paced_until": capacity.started(now).next_at})


def _use(
    connection: Connection,
    request: AiRequest,
    now: datetime,
    state: str,
    code: str = "",
    cost: int = 0,
) -> int:
    made = connection.execute(
        insert(AiUse).values(
            day=now.astimezone(UTC).date(),
            destination_id=request.destination_id,
            subscription_id=request.subscription_id,
            model=request.model,
            state=state,
            code=code,
            currency=request.currency,
            cost=cost,
        )
    )
    assert made.inserted_primary_key is not None
    return int(made.inserted_primary_key[0])
