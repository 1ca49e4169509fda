"""What a drain does next: which claimed deliveries start, which are postponed, how long it waits.

Pure: the state of the drain and the time are arguments, and nothing is changed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from relay.delivery.capacity import Capacity
from relay.delivery.claim import Batch, Claim
from relay.delivery.order import ChangeOrder, Turn
from relay.i18n import N_
from relay.models.delivery import LIVE
from relay.rules.lifecycle import Held, Superseded

RENEW_AFTER_S = 5.0  # how often a drain renews its lease on the destination
POLL_S = 0.3  # how often a drain with a free place checks whether more is due
SPARE_S = 10.0  # what must be left of a lease after the longest call
DIGEST_HOLD = Held(
    "digest", N_("The backlog is sent in one digest; newer messages wait for the next.")
)
Group = Sequence[Claim]  # the deliveries of one call


@dataclass(frozen=True)
class Plan:
    """``start`` are the groups of the calls that start now, ``postponed`` the deliveries to give back.

    ``ahead`` are groups out of ``start`` and ``rest``: as long as all calls succeed, the next of them
    may start when one has finished, without another plan.  ``places`` is how many calls may run at
    the same time.  ``blocked`` are those out of ``rest`` that wait for another change of their object,
    ``settled`` the deliveries with a signal that needs no call.
    ``rest`` waits, and ``capacity`` and ``hold`` are what applies after the start.  The drain waits
    ``wait_s`` seconds at most for a call to finish before it plans again.
    """

    start: tuple[Group, ...]
    postponed: tuple[Claim, ...]
    rest: Batch
    capacity: Capacity
    hold: Held | None
    wait_s: float
    ahead: tuple[Group, ...] = ()
    places: int = 0
    blocked: tuple[Claim, ...] = ()
    settled: tuple[tuple[Claim, Held | Superseded], ...] = ()


def make_plan(
    batch: Batch,
    running: Collection[Group],
    capacity: Capacity,
    hold: Held | None,
    now: datetime,
    stopped: Collection[int] = frozenset(),
    order: ChangeOrder | None = None,
) -> Plan:
    """Plan the next step.

    ``running`` are the groups with a call under way, ``hold`` is why nothing may start, ``stopped``
    the ids of deliveries with a paused subscription, or with a removed subscription or site.
    ``order`` is needed if events have revisions.
    """
    start: list[Group] = []
    postponed: list[Claim] = []
    waiting: list[Claim] = []
    for claim in batch.claims:
        may_start = hold is None and claim.delivery_id not in stopped and has_time(claim, now)
        (waiting if may_start else postponed).append(claim)
    blocked: list[Claim] = []
    settled: list[tuple[Claim, Held | Superseded]] = []
    if order is not None and waiting:
        waiting, blocked, settled = in_turn(waiting, running, order, now, batch.is_digest)
    alone = has_suspect(running)
    slots = capacity.slots(now, len(running))
    while waiting and not alone and hold is None:
        if len(start) >= min(slots.free[waiting[0].priority], slots.by_rate):
            break
        group = waiting if batch.is_digest else next_group(waiting, capacity)
        taken = {claim.delivery_id for claim in group}
        waiting = [claim for claim in waiting if claim.delivery_id not in taken]
        start.append(group)
        alone = has_suspect([group])
        hold = DIGEST_HOLD if batch.is_digest else None
    is_plain = hold is None and not alone and not has_suspect([waiting])
    if start:
        capacity = capacity.started(now, len(start))
    free = slots.free[waiting[0].priority if waiting else LIVE] - len(start)
    if not (waiting or start or running):
        wait_s = 0.0  # nothing is blocked, either: a claim waits for one that runs or starts
    elif alone or free < 1:
        wait_s = RENEW_AFTER_S  # only a call that finishes changes anything
    else:
        wait_s = capacity.rate(now).wait_s(now) if waiting else POLL_S
    rest = Batch((*waiting, *blocked), batch.is_digest and bool(waiting))
    ahead: tuple[Group, ...] = ()
    places = len(running) + slots.free[waiting[0].priority if waiting else LIVE]
    if is_plain and places > 0 and capacity.is_unpaced(now):
        ahead = (*start, *([claim] for claim in waiting))
    return Plan(
        tuple(start),
        tuple(postponed),
        rest,
        capacity,
        hold,
        wait_s,
        ahead,
        places,
        tuple(blocked),
        tuple(settled),
    )


def in_turn(
    waiting: Sequence[Claim],
    running: Collection[Group],
    order: ChangeOrder,
    now: datetime,
    is_digest: bool,
) -> tuple[list[Claim], list[Claim], list[tuple[Claim, Held | Superseded]]]:
    """The claims that may start, those that wait for another change of the same object, and those that
    need no call now.  Of each object, one change at a time is sent; a digest takes all of them.
    """
    own = {one.delivery_id for group in (*running, waiting) for one in group}
    busy = {one.change.object for group in running for one in group if one.change is not None}
    ready: list[Claim] = []
    blocked: list[Claim] = []
    settled: list[tuple[Claim, Held | Superseded]] = []
    for claim in waiting:
        turn = order.turn(claim, own, now)
        if turn is Turn.NEVER:
            settled.append((claim, order.skipped(claim)))
        elif turn is Turn.LATER:
            settled.append((claim, order.wait_of(claim, now)))
        elif claim.change is None or is_digest:
            ready.append(claim)
        elif turn is Turn.AFTER_OTHERS or claim.change.object in busy:
            blocked.append(claim)
        else:
            ready.append(claim)
            busy.add(claim.change.object)
    return ready, blocked, settled


def has_suspect(groups: Collection[Group]) -> bool:
    """Whether a worker died over one of these deliveries before.

    Nothing runs beside a suspect: if it kills its worker again, no other delivery is lost with it.
    """
    return any(claim.is_suspect for group in groups for claim in group)


def has_time(claim: Claim, now: datetime) -> bool:
    """Whether the lease lasts long enough for a whole call."""
    assert claim.life.lease_until is not None
    return now + timedelta(seconds=claim.call_s + SPARE_S) < claim.life.lease_until


def next_group(waiting: Sequence[Claim], capacity: Capacity) -> Group:
    """The first delivery with those that go in the same call."""
    first = waiting[0]
    if capacity.max_batch == 1:
        return [first]
    limit = capacity.batch_limit(first.event_type)
    return [claim for claim in waiting if claim.batch_key == first.batch_key][:limit]
