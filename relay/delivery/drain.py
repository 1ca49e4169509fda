"""Send one destination's due deliveries: refill, plan, start, collect, write.

One drain works for a destination at a time, with several calls under way.  So its limits hold for
all workers, and a slow destination does not delay the others.  While one process is not enough, the
drain shares its places with a lane in another one; see ``lanes``.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache, partial
from threading import Event
from typing import Any

from flask import current_app
from sqlalchemy import Connection, Select, bindparam, exists, select

from relay import broker
from relay.database import AWAY, READ_ONLY, UtcDateTime, has_one_writer, ids_param, is_one_of
from relay.delivery import gate
from relay.delivery.ai.enrichment import Enricher
from relay.delivery.ai.steps import ActiveAiStep, load_rows, step_of
from relay.delivery.attempt.outcome import (
    GATHER_S,
    PendingResults,
    log_attempt,
    postponed,
    result_of,
    without_call,
    write_results,
)
from relay.delivery.attempt.result import AttemptResult
from relay.delivery.attempt.run import run as run_attempt
from relay.delivery.capacity import SOON_S, Capacity
from relay.delivery.claim import (
    MAX_CLAIMS,
    MOST_CLAIMS,
    Batch,
    Claim,
    claim_batch,
    insert_claimed,
    is_due,
)
from relay.delivery.lanes import LaneBeside
from relay.delivery.local_drains import LocalDrains
from relay.delivery.message import (
    kind_and_config,
    version_config,
    with_texts,
)
from relay.delivery.order import order_of
from relay.delivery.plan import POLL_S, RENEW_AFTER_S, Group, Plan, has_suspect, make_plan
from relay.delivery.pool import Call, FinishedCall, Pool
from relay.delivery.shared_transport import shared_transport
from relay.destinations import ALL_KINDS
from relay.destinations.base import Kind
from relay.errors import RelayError, VaultSecretMissing, VaultUnavailable
from relay.i18n import N_
from relay.models import Delivery, Destination, Source, Subscription, db
from relay.observability.logging import log
from relay.public_url import relay_url
from relay.rules import on_status
from relay.rules.circuit import Circuit
from relay.rules.lifecycle import Accepted, Held, Refused
from relay.rules.states import SourceState
from relay.rules.status import WAITS_FOR_SECRET, SendPermission, destination_status, may_send

BUDGET_S = 10.0  # after this a drain ends, so that other destinations get its worker thread
# Before a call starts, a pause or a removal older than this is noticed.  A write of results looks too
# if the last look is older than half of it, so a busy drain seldom needs a query of its own for it.
RECHECK_S = 0.1
VAULT_RETRY_S = 15.0  # how long a destination waits when the vault with its secrets does not answer
FAST_S = 0.5  # a destination that takes a whole claim in this time gets a larger one
LONGEST_S = 60.0  # how long a drain with a lane beside it goes on instead of ending
TAKEN_OVER = Held("later", N_("Another drain works for this destination."))
WRITE_FOR_S = 20.0  # how long results wait for a database that is down: well within their leases


def run(destination_id: int, opened: Drain | None = None) -> int:
    """Drain one destination until nothing is due or the time is up.  -> deliveries with a result.

    ``opened`` is a drain that the caller has begun and committed.
    """
    count, again, until = 0, True, time.monotonic() + LONGEST_S
    while again:
        drain = Drain.open(destination_id) if opened is None else opened.prepared()
        opened = None
        if drain is None:
            break
        try:
            with LocalDrains.current().listening(destination_id, drain.notify):
                count += drain.run()
        finally:
            if not drain.is_released:
                drain.close()
            again = drain.is_notified and drain.hold is None
            again = again or (drain.is_shared and time.monotonic() < until)
            if drain.is_notified and not again:
                broker.nudge("drain_destination", destination_id)
    return count


def has_work(connection: Connection, destination_id: int, now: datetime) -> bool:
    """Whether this destination may be called and a delivery is due for it."""
    values = {"destination": destination_id, "now": now, "soon": now + timedelta(seconds=SOON_S)}
    return connection.scalar(_work(), values) is not None


@lru_cache(maxsize=1)
def _work() -> Select[Any]:
    now = bindparam("now", type_=UtcDateTime())
    soon = bindparam("soon", type_=UtcDateTime())
    is_here = Delivery.destination_id == bindparam("destination")
    due = select(Delivery.id).join(Destination).where(is_here, is_due(), gate.is_open(now, soon))
    return due.limit(1)


@lru_cache(maxsize=1)
def current_states() -> Select[Any]:
    """The destination with each of ``:subscriptions``, and whether one of ``:sources`` was removed.

    Built once: it is executed many times a second.
    """
    closed = exists().where(
        is_one_of(Source.id, ids_param("sources")),
        Source.state == SourceState.CLOSED.value,
    )
    return (
        select(
            *Destination.__table__.c,
            Subscription.id.label("subscription_id"),
            Subscription.state.label("subscription_state"),
            closed.label("has_closed_source"),
        )
        .join(Subscription)
        .where(is_one_of(Subscription.id, ids_param("subscriptions")))
    )


class Drain:
    """One run for one destination.  ``token`` proves that it still owns the destination's row.

    ``row`` is the destination as it was last read, ``batch`` what is claimed and has not started,
    ``stopped`` the ids of paused and removed subscriptions in it.  ``hold`` is why nothing more may
    start; it stays until the drain ends.  ``stored`` is the capacity in the row, if it is known.
    ``lane`` is the lane beside it.
    """

    takes_suspects = True

    def __init__(self, row: Any, token: str, ai_rows: list[tuple[Any, Any]]):
        self.row, self.token, self.ai_rows = row, token, ai_rows
        self.stopping: Event = current_app.extensions["relay_stopping"]
        self.public_url = relay_url()
        transport = shared_transport(current_app._get_current_object())  # type: ignore[attr-defined]
        self.enricher = Enricher(db.engine, transport, self.stopping)
        self.pool = Pool(self.stopping)
        self.kind, self.version = ALL_KINDS.get(row.kind, Kind()), row.version
        self.config: Mapping[str, Any] = {}
        self.pinned: dict[int, Mapping[str, Any]] = {}
        self.ai_steps: dict[int, ActiveAiStep] = {}
        self.order = order_of(self.kind.older_changes(row.config or {}))
        self.capacity = Capacity.of(row, self.kind, row.now)
        self.stored: Capacity | None = self.capacity
        self.hold = destination_status(row, row.now).hold(row.now)
        may_share = not (
            self.kind.is_internal or self.order or ai_rows or has_one_writer(db.engine)
        )
        self.lane = LaneBeside(token, may_share)
        self.make_room(row, row.now)
        self.batch = Batch()
        self.digest_group: Group = ()
        self.stopped: frozenset[int] = frozenset()
        self.pending = PendingResults(is_counted=not self.kind.is_internal)
        self.count, self.is_released, self.wait_s = 0, False, 0.0
        # ``claim_limit`` is how many deliveries are claimed at once, ``is_backlog`` whether the last
        # claim took as many.  ``is_ahead``: the pool has calls that it may start by itself.
        self.claim_limit, self.claimed_at, self.is_backlog = MAX_CLAIMS, 0.0, False
        self.is_ahead = self.is_notified = False
        # These four are on the monotonic clock.
        self.opened, self.opened_at = row.now, time.monotonic()
        self.renewed_at = self.checked_at = self.opened_at
        self.until = self.renewed_at + BUDGET_S

    @classmethod
    def open(cls, destination_id: int) -> Drain | None:
        """Become the one drain of a destination and claim its first deliveries.

        -> None if another drain works for it, or if its secrets cannot be opened; see ``prepared``.
        """
        token = uuid.uuid4().hex
        with db.engine.begin() as connection:
            row = gate.acquire(connection, destination_id, token)
            if row is None:
                return None
            drain = cls(row, token, load_rows(connection, destination_id))
            drain.first_claim(connection)
        return drain.prepared()

    def first_claim(self, connection: Connection) -> None:
        """Claim what is due.  The caller commits, then calls ``prepared``."""
        self.batch = self.claim(connection, self.row.now)
        if self.batch.claims:
            self.save(connection, self.row.now, self.batch)

    def may_take_new(self, count: int) -> bool:
        """Whether that many deliveries, which nobody has claimed before, may start now, each alone.

        For a drain that has just begun.
        """
        return (
            self.hold_now() is None
            and self.order is None
            and not self.ai_rows
            and not self.kind.signs_for_site
            and self.capacity.is_unpaced(self.row.now)
            and count <= self.claim_limit
        )

    def take_new(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert the deliveries and claim them at once.  The caller commits, then calls ``prepared``."""
        self.batch = Batch(tuple(insert_claimed(connection, rows, self.row.now)))
        self.claimed_at = self.checked_at = time.monotonic()
        self.save(connection, self.row.now, self.batch)

    def prepared(self) -> Drain | None:
        """This drain with its secrets opened.

        -> None if they cannot be opened: then the destination is paused, or held if only the vault does
        not answer.
        """
        try:
            self.open_secrets()
        except (VaultUnavailable, VaultSecretMissing) as exc:
            # A person may have to correct it, but nobody has to resume the destination afterwards.
            reason = f"{WAITS_FOR_SECRET}{exc} Relay retries."  # i18n: keep
            self.give_back(Held("vault_unavailable", reason, VAULT_RETRY_S))
            return None
        except RelayError as exc:
            self.pause(str(exc))
            return None
        return self

    def now(self) -> datetime:
        """The time of the database, read once and carried on by the monotonic clock."""
        return self.opened + timedelta(seconds=time.monotonic() - self.opened_at)

    def run(self) -> int:
        """Send until nothing is left or nothing more may start.  -> deliveries with a result"""
        with closing(self.pool):
            while self.batch.claims or self.pool.running:
                self.start(self.now())
                progress = self.pool.wait(self.wait_s)
                now = self.now()
                self.leave_out(progress.started)
                for call in progress.calls:
                    self.collect(call, now)
                is_over = not (self.batch.claims or self.pool.running)
                is_ripe = is_over or self.pending.are_ripe or self.pool.waits_for_writes()
                if self.pending.results and is_ripe:
                    self.write(now)
                elif self.may_claim():
                    self.look_for_more(bool(progress.calls), now)
                if time.monotonic() - self.renewed_at > RENEW_AFTER_S:
                    self.renew(now)
                if self.lane.is_to_call():
                    broker.nudge("drain_destination", self.row.id)
        return self.count

    def notify(self) -> None:
        """More is due.  Called by another thread."""
        self.is_notified = True
        self.pool.notify()

    def close(self) -> None:
        """Let the next drain work, and wake one if something is due."""
        is_due_again = False
        with suppress(*AWAY), db.engine.begin() as connection:  # else the lease ends by itself
            self.release(connection)
            # In the same transaction: a drain that is woken now waits for the row, so no wake-up is
            # lost between the two statements.
            if not self.stopping.is_set():
                is_due_again = has_work(connection, self.row.id, self.now())
        if is_due_again:
            broker.nudge("drain_destination", self.row.id)

    # ---- refill: what may be sent next -----------------------------------------------------------

    def open_secrets(self) -> None:
        """Read the settings of the destination and of its AI steps.  Raises RelayError.

        Not within a transaction: a secret may be in a vault, which is a call over the network.
        """
        self.kind, self.config = kind_and_config(self.row)
        self.ai_steps = {row.subscription_id: step_of(row, asked) for row, asked in self.ai_rows}

    def pause(self, reason: str) -> None:
        """Nothing can be built for this destination: pause it and give back what was claimed."""
        self.give_back(Refused("cannot_open_secret", reason, pause=True))

    def give_back(self, signal: Refused | Held) -> None:
        """Give back what was claimed, without an attempt, and pause or hold the destination."""
        with db.engine.begin() as connection:
            now = self.now()
            given_back = [postponed(one, self.row.id, now) for one in self.batch.claims]
            write_results(connection, given_back, now)
            gate.apply_hold(connection, self.row.id, signal, now)
            self.release(connection)
        if isinstance(signal, Held):
            log(
                "drain.held",
                level="warning",
                destination=self.row.id,
                code=signal.code,
                reason=signal.sentence,
            )

    def hold_now(self) -> Held | None:
        """Why nothing more may start, if so."""
        if self.hold is None and (time.monotonic() > self.until or self.stopping.is_set()):
            self.hold = Held("later", N_("It waits for its turn."))
        return self.hold

    def may_claim(self) -> bool:
        """Whether more deliveries are needed."""
        return len(self.batch.claims) <= self.low() and self.hold_now() is None

    def low(self) -> int:
        """With that few claimed deliveries left, more are claimed while the others are sent."""
        return self.claim_limit // 4 if self.is_ahead and self.is_backlog else 0

    def look_for_more(self, is_likely: bool, now: datetime) -> None:
        """Claim more if more is due.  A database that is down ends this, not the calls under way."""
        try:
            if not (is_likely or self.is_notified):
                # ask with a cheap query before a transaction that writes
                with db.engine.connect().execution_options(**READ_ONLY) as connection:
                    is_likely = has_work(connection, self.row.id, now)
            if is_likely or self.is_notified:
                with db.engine.begin() as connection:
                    claimed = self.refill(connection, now)
                    self.save(connection, now, claimed)
                self.batch = claimed
        except AWAY:
            # Nobody knows whether the claim was committed: it is not ours, its leases end.
            self.stored, self.is_released = None, False
            self.hold = Held("database_away", N_("The database did not answer."))

    def refill(self, connection: Connection, now: datetime) -> Batch:
        """Read the destination again and claim deliveries.  With nothing left, it is released.

        -> what waits after the commit.  The caller saves it.
        """
        self.is_notified = False  # before the look: what becomes due from now on is notified again
        row = self.acquire(connection)
        if row is None:  # another drain took over; this one finishes its calls
            self.hold = TAKEN_OVER
            return self.batch
        self.renewed_at = time.monotonic()
        self.read(row, now)
        self.find_stopped(connection, now)
        claimed = self.claim(connection, now)
        # Released in the same transaction, as in ``close``: what becomes due now wakes a drain that
        # waits for the row.
        self.is_released = self.hold is None and not (claimed.claims or self.pool.running)
        return claimed

    def read(self, row: Any, now: datetime) -> None:
        """Take over the destination's settings and what holds it."""
        self.row, self.capacity = row, self.capacity.with_settings(row)
        self.make_room(row, now)
        if self.is_taken_over(row, now):
            self.hold = self.hold or TAKEN_OVER
        self.hold = self.hold or destination_status(row, now, self.capacity.circuit).hold(now)

    def claim(self, connection: Connection, now: datetime) -> Batch:
        """Claim what may start soon.  -> what waits after the commit.  The caller saves it."""
        running, waiting = self.pool.running, self.batch.claims
        is_busy = bool(running or waiting)
        busy = len(running) + len(waiting)
        if self.hold_now() is not None or (is_busy and has_suspect([*running, waiting])):
            return self.batch
        batch = claim_batch(
            connection,
            self.row.id,
            self.kind,
            self.capacity.slots(now, len(running), self.claim_limit),
            busy if self.takes_suspects else max(1, busy),
            now,
            {row.subscription_id: float(row.wait_s) for row, _ in self.ai_rows},
            # A digest does not ask the AI, so it must not replace deliveries that wait for an answer.
            may_digest=not waiting and all(row.fallback != "wait" for row, _ in self.ai_rows),
        )
        claimed_at = time.monotonic()
        self.is_backlog = len(batch.claims) >= self.claim_limit
        is_fast = claimed_at - self.claimed_at < FAST_S
        self.lane.claimed(self.is_backlog, is_fast and self.claim_limit == MOST_CLAIMS)
        if self.is_backlog and is_fast:
            self.claim_limit = min(2 * self.claim_limit, MOST_CLAIMS)
        self.claimed_at = claimed_at
        claims = batch.claims
        if self.order is not None:
            claims = self.order.admit(connection, self.row.id, claims)
        if not waiting:
            self.checked_at, self.stopped = claimed_at, frozenset()
        return replace(batch, claims=waiting + claims)

    # ---- start -----------------------------------------------------------------------------------

    def start(self, now: datetime) -> None:
        """Start what may start now, and give back what may not."""
        self.recheck(now)
        plan = self.plan(now)
        if self.is_ahead and not plan.ahead:  # nothing may start by itself any more
            self.leave_out(self.pool.offer((), 0, 0.0))
            plan = self.plan(now)
        self.is_ahead = bool(plan.ahead)
        self.capacity, self.hold, started = plan.capacity, plan.hold, set[int]()
        if plan.ahead:
            jobs = [(group, self.call_of(group)) for group in plan.ahead]
            until = self.checked_at + RECHECK_S
            started = self.pool.offer(jobs, plan.places, until, self.low())
            ready = (claim for group in plan.ahead for claim in group)
            self.batch = Batch((*ready, *plan.blocked))
            if started:
                self.leave_out(started)
        else:
            is_digest, self.batch = self.batch.is_digest, plan.rest
            for group in plan.start:
                self.pool.start(group, self.call_of(group, is_digest))
                self.digest_group = group if is_digest else self.digest_group
        self.pending.results += [
            postponed(one, self.row.id, now)
            for one in plan.postponed
            if one.delivery_id not in started
        ]
        self.pending.results += [
            without_call(one, signal, self.row.id, now)
            for one, signal in plan.settled
            if one.delivery_id not in started
        ]
        self.wait_s = min(plan.wait_s, GATHER_S) if self.pending.results else plan.wait_s
        if self.capacity.taken:  # its places may be free at any time
            self.wait_s = min(self.wait_s, RECHECK_S)

    def plan(self, now: datetime) -> Plan:
        hold = self.hold_now()
        order = self.order if self.order is not None and self.order.is_active else None
        running = self.pool.running
        return make_plan(self.batch, running, self.capacity, hold, now, self.stopped, order)

    def leave_out(self, started: set[int]) -> None:
        """These deliveries do not wait any more."""
        if started:
            left = (one for one in self.batch.claims if one.delivery_id not in started)
            self.batch = Batch(tuple(left))

    def call_of(self, group: Group, is_digest: bool = False) -> Call:
        """What makes the call for a group, in a sending thread."""
        first = group[0]
        step = None if is_digest else self.ai_steps.get(first.subscription_id)
        enrich = (
            None if step is None else partial(self.enricher.enrich, step, source_id=first.source_id)
        )
        config = self.config if first.pinned_version is None else self.config_of(first)
        return partial(
            run_attempt,
            self.kind,
            config,
            transport=self.enricher.transport,
            enrich=enrich,
            public_url=self.public_url,
            older=self.older_in(group),
        )

    def older_in(self, group: Group) -> frozenset[int]:
        """The deliveries of a group for which a newer change was delivered before."""
        order = self.order
        if order is None or not order.is_active:
            return frozenset()
        return frozenset(one.delivery_id for one in group if order.newer_revision(one) is not None)

    def recheck(self, now: datetime) -> None:
        """Before claimed deliveries start: were they paused or removed since they were claimed?"""
        if not self.batch.claims or time.monotonic() - self.checked_at < RECHECK_S:
            return
        self.checked_at = time.monotonic()
        with suppress(*AWAY), db.engine.connect().execution_options(**READ_ONLY) as connection:
            self.find_stopped(connection, now)

    def find_stopped(self, connection: Connection, now: datetime) -> None:
        """Read the destination again, and which claimed deliveries must not start."""
        if not self.batch.claims:
            return
        ids = {one.subscription_id for one in self.batch.claims}
        sources = {one.source_id for one in self.batch.claims}
        rows = connection.execute(
            current_states(), {"subscriptions": ids, "sources": sources}
        ).all()
        self.checked_at = time.monotonic()
        self.read(rows[0], now)
        removed: set[int] = set()
        if rows[0].has_closed_source:
            removed = set(
                connection.scalars(
                    select(Source.id)
                    .join(Destination, Destination.id == self.row.id)
                    .where(Source.id.in_(sources), gate.is_from_removed_site())
                )
            )
        status = destination_status(self.row, now, self.capacity.circuit)
        stopped = {
            row.subscription_id
            for row in rows
            if may_send(status, row.subscription_state) is not SendPermission.NOW
        }
        self.stopped = frozenset(
            one.delivery_id
            for one in self.batch.claims
            if one.subscription_id in stopped or one.source_id in removed
        )

    def config_of(self, claim: Claim) -> Mapping[str, Any]:
        """The settings now, or with the texts of the version that a person chose for this replay."""
        number = claim.pinned_version
        if number is None or number == self.version:
            return self.config
        if number not in self.pinned:
            with db.engine.connect().execution_options(**READ_ONLY) as connection:
                old = version_config(connection, self.row.id, number)
            self.pinned[number] = with_texts(self.kind, self.config, old)
        return self.pinned[number]

    # ---- collect and write -----------------------------------------------------------------------

    def collect(self, call: FinishedCall, now: datetime) -> None:
        """Take over the results of a call, and what they say about the destination."""
        if call.error is not None:  # the leases of its deliveries end by themselves
            log("drain.lost_calls", level="error", destination=self.row.id, reason=repr(call.error))
            return
        results = [self.by_settings(result) for result in call.results]
        policy, jitter = gate.policy_of(self.row), gate.jitter()
        made = [result for result in results if result.was_made]
        if made:
            first = made[0]
            if first.calls > 1:  # the first one was counted when it started
                self.capacity = self.capacity.started(now, first.calls - 1)
            # One success is enough: the destination works, whatever is wrong with other deliveries.
            success = next((one.signal for one in made if isinstance(one.signal, Accepted)), None)
            signal = success or first.signal
            before = self.capacity
            self.capacity = before.record_outcome(signal, now, jitter)
            if self.capacity is not before:
                log_circuit(self.row.id, before.circuit, self.capacity.circuit)
            signals = [one.signal for one in made if not isinstance(one.signal, Accepted)]
            pauses = (one for one in signals if isinstance(one, Refused))
            if reason := next((one.sentence for one in pauses if one.pause), None):
                # The row is paused when the result is written; until then nothing more may start.
                self.hold = self.hold or Held("paused", reason)
            # The same for a reply that asks to wait.
            self.hold = self.hold or next(filter(None, map(gate.hold_of, signals)), None)
            if success is None:
                status = destination_status(self.row, now, self.capacity.circuit)
                self.hold = self.hold or status.hold(now)
            self.pending.quotas |= {quota.name: quota for quota in first.quotas}
            digest = self.capacity.digest if call.group is self.digest_group else None
            if digest and isinstance(first.signal, Accepted):
                text = N_("%(count)s messages were sent in one digest; newer ones wait.")
                reason = text % {"count": len(call.group)}
                self.pending.holds.append(Held("digest", reason, digest.every_s))
        for one, attempt in zip(call.group, results, strict=True):
            result = result_of(one, attempt, policy, self.row.id, self.version, now)
            self.pending.results.append(result)
            if self.order is not None:
                self.order.record(one, result.signal, result.outcome.life, attempt.has_call)
            if not self.kind.is_internal:
                log_attempt(one, result, self.kind.slug, now)
        self.count += len(results)

    def by_settings(self, result: AttemptResult) -> AttemptResult:
        """The result as the retry settings of the destination see the status of the reply."""
        if not (result.was_made and result.by_status):
            return result
        choices = (self.row.on_status, self.kind.on_status)
        signal = on_status.apply(result.signal, result.status, result.retry_after_s, *choices)
        return result if signal is result.signal else replace(result, signal=signal)

    def write(self, now: datetime) -> None:
        """Write the results, and claim more in the same transaction if more are needed.

        While the database is down the results are kept and tried again: these calls were answered, so
        they must not be made again.
        """
        until, may_claim = time.monotonic() + WRITE_FOR_S, True
        while self.pending.results:
            try:
                with db.engine.begin() as connection:
                    hold = self.pending.write(connection, self.row.id, now)
                    self.hold = self.hold or hold
                    batch = self.batch
                    if may_claim and self.may_claim():
                        batch = self.refill(connection, now)
                    elif time.monotonic() - self.checked_at > RECHECK_S / 2:
                        self.find_stopped(connection, now)
                    self.save(connection, now, batch)
                self.pending = PendingResults(is_counted=not self.kind.is_internal)
                self.batch = batch
                self.pool.written()
            except AWAY:
                # Nobody knows whether a claim was committed: it is not ours, its leases end.
                self.stored, self.is_released, may_claim = None, False, False
                if time.monotonic() > until:
                    raise
                log(
                    "drain.waits",
                    level="warning",
                    destination=self.row.id,
                    results=len(self.pending.results),
                )
                time.sleep(POLL_S)
                now = self.now()

    def save(self, connection: Connection, now: datetime, batch: Batch) -> None:
        """Store the circuit and the earliest next call, if they changed, and that it is released.

        Calls of ``batch``, which are claimed and have not started, count as made: if this process dies,
        its successor must not make their calls at once.
        """
        reserved = self.capacity
        if batch.claims:
            deliveries = 1 if batch.is_digest else len(batch.claims)
            reserved = self.capacity.reserved(now, deliveries)
        columns = reserved.columns() if reserved != self.stored else {}
        columns = columns | self.lane.columns(self.row, now, self.capacity, self.pool.most_calls)
        if self.is_released:
            columns = columns | gate.RELEASED
        if columns:
            gate.save(connection, self.row.id, self.token, columns)
        self.stored = reserved

    def renew(self, now: datetime) -> None:
        """Stay the one drain.  If the database is down, the next renewal is early enough."""
        self.renewed_at = time.monotonic()
        with suppress(*AWAY), db.engine.begin() as connection:
            self.acquire(connection)

    # ---- the row ---------------------------------------------------------------------------------

    def acquire(self, connection: Connection) -> Any:
        """Stay the one drain.  -> the destination's row; None if another drain took over"""
        return gate.acquire(connection, self.row.id, self.token)

    def release(self, connection: Connection) -> None:
        """Let the next drain work."""
        gate.release(connection, self.row.id, self.token)

    def is_taken_over(self, row: Any, now: datetime) -> bool:
        """Whether this drain must not start anything more, because another one works."""
        return bool(row.drain_token != self.token)

    def make_room(self, row: Any, now: datetime) -> None:
        """Leave the places to a lane that it has."""
        taken = self.lane.read(row, now)
        if taken != self.capacity.taken:
            self.capacity = replace(self.capacity, taken=taken)

    @property
    def is_shared(self) -> bool:
        """Whether its time is up while a lane works beside it."""
        is_over = time.monotonic() > self.until and not self.stopping.is_set()
        return is_over and self.capacity.taken > 0


def log_circuit(destination_id: int, before: Circuit, after: Circuit) -> None:
    """One line when the circuit breaker opens, and one when the destination responds again."""
    if after.openings > before.openings:
        log("circuit.opened", level="warning", destination=destination_id, reason=after.reason)
    elif after.openings < before.openings:
        log("circuit.closed", destination=destination_id)
