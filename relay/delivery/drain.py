"""Send one destination's due deliveries: claim, admit, build, send, classify, step, record.

One drain works for a destination at a time, with several calls under way; so its limits hold over
all workers, and a slow destination holds nobody's place but its own.
"""

from __future__ import annotations

import time
import uuid
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import datetime
from typing import Any

from flask import current_app
from sqlalchemy import Connection, select

from relay import broker
from relay.database import AWAY, READ_ONLY
from relay.delivery import gate
from relay.delivery.ai import enrichment
from relay.delivery.ai import steps as ai_steps
from relay.delivery.attempt.history import attempt_row, log_attempt
from relay.delivery.attempt.outcome import DeliveryResult, jitter
from relay.delivery.attempt.run import AttemptResult
from relay.delivery.attempt.run import run as run_attempt
from relay.delivery.batch import Batch, signed
from relay.delivery.capacity import Capacity
from relay.delivery.claim import (
    LIVE,
    REPLAYED,
    Claim,
    DatabaseClock,
    claim,
    claim_suspect,
    has_backlog,
    is_due,
)
from relay.delivery.message import kind_and_config, shared_transport, version_config, with_texts
from relay.delivery.results import GATHER_S, Results
from relay.destinations import KINDS
from relay.destinations.base import Kind
from relay.errors import RelayError, Undeliverable
from relay.models import Delivery, Destination, db
from relay.observability import metrics
from relay.observability.logging import log
from relay.rules.lifecycle import Accepted, Held, Refused, transition
from relay.rules.rate import MAX_CONCURRENCY

BATCH = 50
BUDGET_S = 10.0  # after this a drain lets others have its thread
RENEW_AFTER_S = 5.0
LOOK_S = 0.3  # how often new work is looked for while a place is free
PATIENCE_S = 20.0  # how long results wait for a database that is away: well within their leases


def run(destination_id: int) -> int:
    """Drain one destination until nothing is due or the time is up.  -> deliveries that came to a result."""
    drain = Drain(destination_id)
    with db.engine.begin() as connection:
        now = DatabaseClock(connection).read
        if not gate.acquire(connection, destination_id, drain.token, now):
            return 0
    try:
        return drain.work()
    finally:
        with suppress(*AWAY), db.engine.begin() as connection:  # else its lease ends by itself
            gate.release(connection, destination_id, drain.token)
        if not drain.stopping.is_set() and has_work(destination_id):
            broker.nudge("drain_destination", destination_id)


def has_work(destination_id: int) -> bool:
    """Whether this destination may be called and something waits for it."""
    with db.engine.connect().execution_options(**READ_ONLY) as connection:
        now = DatabaseClock(connection).read
        return bool(
            connection.scalar(
                select(Delivery.id)
                .join(Destination)
                .where(Delivery.destination_id == destination_id, is_due(), gate.is_open(now))
                .limit(1)
            )
        )


class Drain:
    """The state of one run."""

    gate: gate.Gate
    allowance: Capacity
    kind: Kind
    config: dict[str, Any]
    ai_steps: dict[int, ai_steps.ActiveAiStep]

    def __init__(self, destination_id: int):
        self.destination_id = destination_id
        self.token = uuid.uuid4().hex
        self.ready = Batch()
        self.running: dict[Future[list[AttemptResult]], list[Claim]] = {}
        self.results = Results(destination_id)
        self.pinned: dict[int, dict[str, Any]] = {}
        self.done = 0
        self.hold: Held | None = None
        self.renewed = time.monotonic()
        self.until = time.monotonic() + BUDGET_S
        self.stopping = current_app.extensions["relay_stopping"]
        self.transport = shared_transport(current_app._get_current_object())  # type: ignore[attr-defined]
        self.enricher = enrichment.Enricher(db.engine, self.transport, self.stopping)

    def work(self) -> int:
        self.steps = ai_steps.load(db.engine, self.destination_id)
        row = self.refill()
        if row is None:
            return 0
        try:
            self.kind, self.config = kind_and_config(row)
        except RelayError as exc:
            self.refuse_all(exc)
            return self.done
        self.version = row.version
        # a place that a person adds meanwhile is used at once: no call waits within the pool
        with ThreadPoolExecutor(MAX_CONCURRENCY, "send") as senders:
            self.start(senders)
            while self.running or self.ready:
                finished = self.wait()
                self.flush(force=not self.running)
                self.look(finished)
                self.start(senders)
        self.flush(force=True)
        return self.done

    def may_start(self) -> bool:
        return self.hold is None and time.monotonic() < self.until and not self.stopping.is_set()

    def look(self, finished: bool) -> None:
        """Claim more where there is more.  A database that is away ends that, not the calls under way."""
        try:
            if not self.ready and (finished or has_work(self.destination_id)):
                self.refill()
        except AWAY:
            self.hold = Held("database_away", "The database did not answer.")

    def refill(self) -> Any:
        """Claim more, if the gate is open.  -> the destination's row as it is now, None if it is gone."""
        claimed: list[Claim] = []
        with db.engine.begin() as connection:
            self.clock = DatabaseClock(connection)
            row = connection.execute(
                select(Destination.__table__).where(Destination.id == self.destination_id)
            ).one_or_none()
            if row is None:
                return None
            now = self.clock.read
            self.kind = KINDS.get(row.kind, Kind())
            if hasattr(self, "gate"):
                self.gate.read(row)
            else:
                self.gate = gate.Gate(row, now)
                self.allowance = Capacity(self.kind, self.gate)
            self.hold = self.hold or self.gate.hold(now)
            if self.may_start() and gate.acquire(connection, self.destination_id, self.token, now):
                self.renewed = time.monotonic()
                claimed = signed(connection, self.kind, self.claim(connection, now))
                ahead = self.ready.calls(self.allowance.together(), len(claimed))
                self.gate.save(connection, self.token, ahead, now)
        self.ready.extend(claimed)  # ours only once it is committed
        return row

    def claim(self, connection: Connection, now: datetime) -> list[Claim]:
        """Live deliveries, as many as may start soon; if there are none, replays in the places left.

        One that a worker vanished over goes first, and alone.  A crowd of live ones is taken as a
        whole where the kind makes a digest of it.
        """
        if self.is_alone():
            return []
        most = self.allowance.calls(now, BATCH, len(self.running))
        if most < 1:
            return []
        before_s = {number: float(step.wait_s) for number, step in self.steps.items()}
        to = self.destination_id
        suspect = [] if self.running else claim_suspect(connection, to, now, before_s)
        if suspect:
            return suspect
        digest = None if self.waits_for_ai() else self.allowance.digest()
        if digest and has_backlog(connection, to, digest.above):
            self.ready.as_one = True
            return claim(connection, to, digest.most, now)
        together = self.allowance.together()
        most = min(most * together, max(BATCH, together))
        live = claim(connection, to, most, now, LIVE, before_s)
        free = self.places_for(REPLAYED) - len(self.running)
        if live or free < 1:
            return live
        return claim(connection, to, min(most, free * together), now, REPLAYED, before_s)

    def waits_for_ai(self) -> bool:
        """Whether something goes only with an AI's answer: a digest asks none."""
        return any(step.fallback == "wait" for step in self.steps.values())

    def places_for(self, priority: int) -> int:
        """How many calls may be under way now."""
        return 0 if self.is_alone() else self.allowance.places(priority)

    def is_alone(self) -> bool:
        """Whether a suspect is under way: nothing else may be in reach if it takes its worker along."""
        return any(one.life.is_suspect for group in self.running.values() for one in group)

    def start(self, senders: ThreadPoolExecutor) -> None:
        """Fill the free places at the destination's pace; give back what may not or cannot start in time."""
        while self.ready:
            now, one = self.clock.now(), self.ready[0]
            if not (self.may_start() and one.may_start(now)):
                self.postpone(self.ready.popleft())
                continue
            if len(self.running) >= self.places_for(one.priority):
                return
            if self.gate.paced(now).wait_s(now) > 0:
                return
            self.gate.started(now)
            config = self.config_of(one)
            group = self.ready.take(self.allowance.together(one.event_type))
            asked = None if self.ready.as_one else self.steps.get(one.subscription_id)
            enrich = enrichment.bound(self.enricher, asked)
            sent = senders.submit(run_attempt, self.kind, config, group, self.transport, enrich)
            self.running[sent] = group
            if self.ready.as_one:
                self.hold = Held("digest", "Many came at once: they go as one digest a minute.")

    def config_of(self, one: Claim) -> dict[str, Any]:
        """The settings now, or with the texts of those that a person chose for this replay."""
        number = one.pinned_version
        if number is None or number == self.version:
            return self.config
        if number not in self.pinned:
            with db.engine.connect().execution_options(**READ_ONLY) as connection:
                old = version_config(connection, self.destination_id, number)
            self.pinned[number] = with_texts(self.kind, self.config, old)
        return self.pinned[number]

    def wait(self) -> bool:
        """Until a call is over, the next one may start, or it is time to look or to write.

        -> whether one is over.
        """
        now = self.clock.now()
        timeout = RENEW_AFTER_S
        if len(self.running) < self.places_for(self.ready[0].priority if self.ready else LIVE):
            timeout = self.gate.paced(now).wait_s(now) if self.ready else LOOK_S
        if self.results:
            timeout = min(timeout, GATHER_S)
        if not self.running:
            self.stopping.wait(timeout)
            return False
        finished, _ = wait(self.running, timeout, FIRST_COMPLETED)
        for future in finished:
            group = self.running.pop(future)
            if exc := future.exception():  # their leases end by themselves; the others are written
                log("drain.lost_calls", destination=self.destination_id, reason=repr(exc))
                continue
            came = future.result()
            self.learn(group, came)
            for one, called in zip(group, came, strict=True):
                self.settle(one, called)
        return bool(finished)

    def postpone(self, one: Claim) -> None:
        held = self.hold or Held("later", "It waits for its turn.")
        outcome = transition(one.life, Held(held.code, held.sentence), self.clock.now())
        self.results.add(
            DeliveryResult(one.delivery_id, one.token, held, outcome, self.destination_id)
        )

    def learn(self, group: list[Claim], came: list[AttemptResult]) -> None:
        """What the calls for one or several deliveries teach, once for all of them."""
        made = [called for called in came if called.was_made]
        if not made:
            return
        now, first = self.clock.now(), made[0]
        self.gate.started(now, max(0, first.calls - 1))
        self.gate.record_outcome(
            next((c.signal for c in made if isinstance(c.signal, Accepted)), first.signal),
            now,
            jitter(),
        )
        self.results.read({one.name: one for one in first.quotas})
        digest = self.allowance.digest() if self.ready.as_one else None
        if digest and isinstance(first.signal, Accepted):
            reason = f"{len(group)} messages went as one digest; what comes now waits for the next."
            self.results.hold(Held("digest", reason, digest.every_s))

    def settle(self, one: Claim, called: AttemptResult) -> None:
        """One delivery came to something: step, count, log, and keep the result for the next flush."""
        now, signal = self.clock.now(), called.signal
        waits = signal
        if isinstance(signal, Held) and called.was_made:
            # The destination as a whole is held; this one is due as soon as that is over or lifted.
            waits = Held(signal.code, signal.sentence)
        outcome = transition(one.life, waits, now, jitter(), self.gate.policy)
        self.hold = self.hold or self.gate.hold(now)
        attempt = attempt_row(one, called, now)
        self.results.add(
            DeliveryResult(
                one.delivery_id,
                one.token,
                signal,
                outcome,
                self.destination_id,
                status=called.status,
                attempt=attempt,
                version=one.pinned_version or self.version,
                was_made=called.was_made,
                mapping_version=one.mapping_version,
            )
        )
        self.done += 1
        log_attempt(one, attempt, self.kind.slug, self.destination_id, outcome.life.due_at)
        if isinstance(signal, Accepted):
            metrics.event_to_delivery.observe(max(0.0, (now - one.received_at).total_seconds()))

    def flush(self, force: bool = False) -> None:
        """Write what has gathered; learn from it whether to go on."""
        now = time.monotonic()
        if now - self.renewed > RENEW_AFTER_S:
            self.renew(now)
        if not self.results or not (force or self.results.are_ripe):
            return None
        until = now + PATIENCE_S
        while True:
            try:
                return self.write()
            except AWAY:
                # written later, these calls need not be made again: they were answered
                if time.monotonic() > until:
                    raise
                log("drain.waits", destination=self.destination_id, results=len(self.results))
                time.sleep(LOOK_S)

    def renew(self, now: float) -> None:
        """Stay the one drain; where the database is away, the next try is soon enough."""
        self.renewed = now
        with suppress(*AWAY), db.engine.begin() as connection:
            gate.acquire(connection, self.destination_id, self.token, self.clock.now())

    def write(self) -> None:
        with db.engine.begin() as connection:
            lesson = self.results.write(connection, self.clock)
            ahead = self.ready.calls(self.allowance.together())
            self.gate.save(connection, self.token, ahead, self.clock.now())
        self.results.written()
        self.hold = self.hold or lesson

    def refuse_all(self, exc: RelayError) -> None:
        """Nothing can be built for this destination (a secret cannot be opened): pause it, lose nothing."""
        code = exc.code if isinstance(exc, Undeliverable) else "cannot_open_secret"
        with db.engine.begin() as connection:
            self.hold = gate.apply_hold(
                connection,
                self.destination_id,
                Refused(code, str(exc), pause=True),
                self.clock.now(),
            )
        self.hold = self.hold or Held(code, str(exc))
        while self.ready:
            self.postpone(self.ready.popleft())
        self.flush(force=True)
