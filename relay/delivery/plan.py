"""What a drain does next: which claimed deliveries start, which are postponed, how long it waits.

Pure: the state of the drain and the time are arguments, and nothing is changed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from relay.delivery.capacity import LIVE, Capacity
from relay.delivery.claim import Batch, Claim
from relay.rules.lifecycle import Held

RENEW_AFTER_S = 5.0  # how often a drain renews its lease on the destination
POLL_S = 0.3  # how often a drain with a free place checks whether more is due
SPARE_S = 10.0  # what must be left of a lease after the longest call
DIGEST_HOLD = Held("digest", "The backlog is sent in one digest; newer messages wait for the next.")
Group = Sequence[Claim]  # the deliveries of one call


@dataclass(frozen=True)
class Plan:
    """``start`` are the groups of the calls that start now, ``postponed`` the deliveries to give back.

    ``ahead`` are groups out of ``start`` and ``rest``: as long as all calls succeed, the next of them
    may start when one has finished, without another plan.  ``places`` is how many calls may run at
    the same time.
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


def make_plan(
    batch: Batch,
    running: Collection[Group],
    capacity: Capacity,
    hold: Held | None,
    now: datetime,
    stopped: Collection[int] = frozenset(),
) -> Plan:
    """Plan the next step.

    ``running`` are the groups with a call under way, ``hold`` is why nothing may start, ``stopped``
    the ids of deliveries with a paused subscription, or with a removed subscription or site.
    """
    start: list[Group] = []
    postponed: list[Claim] = []
    waiting: list[Claim] = []
    for claim in batch.claims:
        may_start = hold is None and claim.delivery_id not in stopped and has_time(claim, now)
        (waiting if may_start else postponed).append(claim)
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
    if start:
        capacity = capacity.started(now, len(start))
    free = slots.free[waiting[0].priority if waiting else LIVE] - len(start)
    if not (waiting or start or running):
        wait_s = 0.0
    elif alone or free < 1:
        wait_s = RENEW_AFTER_S  # only a call that finishes changes anything
    else:
        wait_s = capacity.rate(now).wait_s(now) if waiting else POLL_S
    rest = Batch(tuple(waiting), batch.is_digest and bool(waiting))
    ahead: tuple[Group, ...] = ()
    if hold is None and not alone and capacity.is_unpaced(now) and not has_suspect([waiting]):
        ahead = (*start, *([claim] for claim in waiting))
    places = len(running) + slots.free[waiting[0].priority if waiting else LIVE]
    return Plan(tuple(start), tuple(postponed), rest, capacity, hold, wait_s, ahead, places)


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
