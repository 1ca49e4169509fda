"""Send one destination's due deliveries: claim, admit, build, send, classify, step, record.

One drain works for a destination at a time, with several calls under way; so its limits hold over
all workers, and a slow destination holds nobody's place but its own.
"""

from __future__ import annotations

import time
import uuid
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime
from typing import Any

from flask import current_app
from sqlalchemy import Connection, select

from relay import broker
from relay.circuit import Stage
from relay.database import READ_ONLY
from relay.delivery import compose, gate
from relay.delivery.call import Called, call
from relay.delivery.claim import LIVE, REPLAYED, Claim, DatabaseClock, claim, crowd, is_due
from relay.delivery.gauges import note
from relay.delivery.ready import Ready, signed
from relay.delivery.record import OUTCOMES, Result, jitter, write
from relay.destinations import KINDS
from relay.destinations.base import Digest, Kind, Quota
from relay.errors import RelayError, Undeliverable
from relay.lifecycle import Accepted, Held, Refused, Signal, step
from relay.models import Delivery, Destination, db
from relay.observability import metrics
from relay.observability.logging import log

BATCH = 50
BUDGET_S = 10.0  # after this a drain lets others have its thread
FLUSH_AFTER_S = 0.03
RENEW_AFTER_S = 5.0
LOOK_S = 0.3  # how often new work is looked for while a place is free
AHEAD_S = (
    0.05  # what is claimed before its time comes: little, so that a live event overtakes replays
)


def run(destination_id: int) -> int:
    """Drain one destination until nothing is due or the time is up.  -> deliveries that came to a result."""
    drain = Drain(destination_id)
    with db.engine.begin() as connection:
        now = DatabaseClock(connection).read
        if not gate.take(connection, destination_id, drain.token, now):
            return 0
    try:
        return drain.work()
    finally:
        with db.engine.begin() as connection:
            gate.give_back(connection, destination_id, drain.token)
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
    kind: Kind
    config: dict[str, Any]

    def __init__(self, destination_id: int):
        self.destination_id = destination_id
        self.token = uuid.uuid4().hex
        self.ready = Ready()
        self.running: dict[Future[list[Called]], list[Claim]] = {}
        self.results: list[Result] = []
        self.lessons: list[Held] = []
        self.quotas: dict[str, Quota] = {}
        self.pinned: dict[int, dict[str, Any]] = {}
        self.done = 0
        self.hold: Held | None = None
        self.renewed = self.flushed = time.monotonic()
        self.until = time.monotonic() + BUDGET_S
        self.stopping = current_app.extensions["relay_stopping"]
        self.transport = compose.transport(current_app._get_current_object())  # type: ignore[attr-defined]

    def work(self) -> int:
        row = self.refill()
        if row is None:
            return 0
        try:
            self.kind, self.config = compose.kind_and_config(row)
        except RelayError as exc:
            self.refuse_all(exc)
            return self.done
        self.version = row.version
        with ThreadPoolExecutor(row.concurrency, "send") as senders:
            self.start(senders)
            while self.running or self.ready:
                finished = self.wait()
                self.flush(force=not self.running)
                if not self.ready and (finished or has_work(self.destination_id)):
                    self.refill()
                self.start(senders)
        self.flush(force=True)
        return self.done

    def may_start(self) -> bool:
        return self.hold is None and time.monotonic() < self.until and not self.stopping.is_set()

    def refill(self) -> Any:
        """Claim more, if the gate is open.  -> the destination's row as it is now, None if it is gone."""
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
            self.hold = self.hold or self.gate.hold(now)
            if self.may_start() and gate.take(connection, self.destination_id, self.token, now):
                self.renewed = time.monotonic()
                self.ready.extend(signed(connection, self.kind, self.claim(connection, now)))
                self.gate.save(connection, self.token, self.ready.calls(self.most_together()), now)
        return row

    def claim(self, connection: Connection, now: datetime) -> list[Claim]:
        """Live deliveries, as many as may start soon; if there are none, replays in the places left.

        A crowd of live ones is taken as a whole where the kind makes a digest of it.
        """
        pace = self.gate.paced(now)
        most = max(
            pace.within(AHEAD_S, now, BATCH),
            int(pace.wait_s(now) <= gate.SOON_S),  # the next one waits here for its time
        )
        if self.gate.circuit.stage is not Stage.CLOSED:
            most = min(most, self.gate.places() - len(self.running))
        if most < 1:
            return []
        digest = self.digest()
        if digest and crowd(connection, self.destination_id, digest.above):
            self.ready.as_one = True
            return claim(connection, self.destination_id, digest.most, now)
        together = self.most_together()
        most = min(most * together, max(BATCH, together))
        live = claim(connection, self.destination_id, most, now)
        free = self.places_for(REPLAYED) - len(self.running)
        if live or free < 1:
            return live
        return claim(connection, self.destination_id, min(most, free * together), now, REPLAYED)

    def digest(self) -> Digest | None:
        """How a crowd is summed up; not while the destination is only probed."""
        closed = self.gate.circuit.stage is Stage.CLOSED
        return self.kind.digest(self.gate.row.config) if closed else None

    def most_together(self, event_type: str = "") -> int:
        """How many deliveries one call may take, of one type or of the one that takes most."""
        if self.gate.circuit.stage is not Stage.CLOSED:
            return 1
        return self.kind.batch_limit(self.gate.row.config, event_type)

    def places_for(self, priority: int) -> int:
        """Replays leave one place to what happens now."""
        places = self.gate.places()
        return max(min(1, places), places - 1) if priority == REPLAYED else places

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
            group, config = self.ready.take(self.most_together(one.event_type)), self.config_of(one)
            self.running[senders.submit(call, self.kind, config, group, self.transport)] = group
            if self.ready.as_one:
                self.hold = Held("digest", "Many came at once: they go as one digest a minute.")

    def config_of(self, one: Claim) -> dict[str, Any]:
        """The settings now, or with the mapping that a person chose for this replay."""
        number = one.pinned_version
        if number is None or number == self.version:
            return self.config
        if number not in self.pinned:
            with db.engine.connect().execution_options(**READ_ONLY) as connection:
                old = compose.version_config(connection, self.destination_id, number)
            self.pinned[number] = compose.with_mapping(self.kind, self.config, old)
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
            timeout = min(timeout, FLUSH_AFTER_S)
        if not self.running:
            self.stopping.wait(timeout)
            return False
        finished, _ = wait(self.running, timeout, FIRST_COMPLETED)
        for future in finished:
            group, came = self.running.pop(future), future.result()
            self.learn(group, came)
            for one, called in zip(group, came, strict=True):
                self.settle(one, called)
        return bool(finished)

    def postpone(self, one: Claim) -> None:
        held = self.hold or Held("later", "It waits for its turn.")
        outcome = step(one.life, Held(held.code, held.sentence), self.clock.now())
        self.results.append(Result(one.delivery_id, one.token, held, outcome, self.destination_id))

    def learn(self, group: list[Claim], came: list[Called]) -> None:
        """What the calls for one or several deliveries teach, once for all of them."""
        now, first = self.clock.now(), came[0]
        self.gate.started(now, max(0, first.calls - 1))
        self.gate.learn(
            next((c.signal for c in came if isinstance(c.signal, Accepted)), first.signal),
            now,
            jitter(),
        )
        self.quotas |= {one.name: one for one in first.quotas}
        digest = self.digest() if self.ready.as_one else None
        if digest and isinstance(first.signal, Accepted):
            reason = f"{len(group)} messages went as one digest; what comes now waits for the next."
            self.lessons.append(Held("digest", reason, digest.every_s))

    def settle(self, one: Claim, called: Called) -> None:
        """One delivery came to something: step, count, log, and keep the result for the next flush."""
        now = self.clock.now()
        signal = called.signal
        # The destination as a whole is held then; this one is due as soon as that is over or lifted.
        waits = Held(signal.code, signal.sentence) if isinstance(signal, Held) else signal
        outcome = step(one.life, waits, now, jitter(), self.gate.policy)
        self.hold = self.hold or self.gate.hold(now)
        attempt = attempt_row(one, called, now)
        self.results.append(
            Result(
                one.delivery_id,
                one.token,
                signal,
                outcome,
                self.destination_id,
                status=called.status,
                attempt=attempt,
                version=one.pinned_version or self.version,
            )
        )
        self.done += 1
        tell(one, called, self.kind.slug, self.destination_id, attempt, outcome.life.due_at)
        if isinstance(signal, Accepted):
            metrics.event_to_delivery.observe(max(0.0, (now - one.received_at).total_seconds()))

    def flush(self, force: bool = False) -> None:
        """Write what has gathered; learn from it whether to go on."""
        now = time.monotonic()
        if now - self.renewed > RENEW_AFTER_S:
            self.renewed = now
            with db.engine.begin() as connection:
                gate.take(connection, self.destination_id, self.token, self.clock.now())
        if not self.results or not (
            force or len(self.results) >= BATCH // 2 or now - self.flushed > FLUSH_AFTER_S
        ):
            return
        results, self.results, self.flushed = self.results, [], now
        with db.engine.begin() as connection:
            write(connection, results, self.clock.now())
            taught = [result.signal for result in results if result.attempt is not None]
            for signal in dict.fromkeys([*taught, *self.lessons]):
                lesson = gate.observe(connection, self.destination_id, signal, self.clock.now())
                self.hold = self.hold or lesson
            self.lessons.clear()
            note(connection, self.destination_id, self.quotas.values(), self.clock.now())
            self.quotas.clear()
            self.gate.save(
                connection, self.token, self.ready.calls(self.most_together()), self.clock.now()
            )

    def refuse_all(self, exc: RelayError) -> None:
        """Nothing can be built for this destination (a secret cannot be opened): pause it, lose nothing."""
        code = exc.code if isinstance(exc, Undeliverable) else "cannot_open_secret"
        with db.engine.begin() as connection:
            self.hold = gate.observe(
                connection,
                self.destination_id,
                Refused(code, str(exc), pause=True),
                self.clock.now(),
            )
        self.hold = self.hold or Held(code, str(exc))
        while self.ready:
            self.postpone(self.ready.popleft())
        self.flush(force=True)


def attempt_row(one: Claim, called: Called, now: datetime) -> dict[str, Any]:
    """The history's row of one call; ``now`` is when it ended."""
    signal = called.signal
    return {
        "key": called.attempt_key,
        "delivery_id": one.delivery_id,
        "number": one.life.attempts + 1,
        "outcome": OUTCOMES[type(signal)],
        "code": getattr(signal, "code", ""),
        "sentence": getattr(signal, "sentence", ""),
        "status": called.status,
        "started_at": now,
        "elapsed_ms": round(called.elapsed_ms, 2),
        "request": called.request,
        "response": called.response,
    }


def tell(
    one: Claim, called: Called, kind: str, destination_id: int, attempt: dict[str, Any], due: Any
) -> None:
    """One line and two figures tell a whole attempt."""
    signal: Signal = called.signal
    metrics.attempts.labels(kind, attempt["outcome"]).inc()
    metrics.attempt_seconds.labels(kind).observe(called.elapsed_ms / 1000)
    log(
        "attempt",
        correlation_id=one.event_id,
        request_id=called.attempt_key,
        delivery=one.key,
        destination=destination_id,
        kind=kind,
        number=attempt["number"],
        outcome=attempt["outcome"],
        status=called.status,
        code=getattr(signal, "code", None),
        ms=attempt["elapsed_ms"],
        next_at=due.isoformat() if due else None,
    )
