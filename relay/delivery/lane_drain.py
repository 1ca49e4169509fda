"""The drain of a lane: it works beside the drain that leads, in another process; see ``lanes``.

It claims, sends and writes as any drain does, with the places that it was granted.  It sends no
suspects and no digests, and keeps nothing in the destination's row.  What a call says about the
destination ends it: the leading drain meets the same endpoint, and counts its own calls.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from flask import current_app
from sqlalchemy import Connection

from relay import broker
from relay.database import AWAY, READ_ONLY, has_one_writer
from relay.delivery import lanes
from relay.delivery.ai.steps import load_rows
from relay.delivery.capacity import Capacity
from relay.delivery.claim import Batch
from relay.delivery.drain import LONGEST_S, TAKEN_OVER, Drain, has_work
from relay.delivery.gate import DRAIN_LEASE_S
from relay.delivery.local_drains import LocalDrains
from relay.delivery.plan import RENEW_AFTER_S
from relay.delivery.pool import FinishedCall
from relay.errors import RelayError
from relay.models import db
from relay.observability.logging import log
from relay.rules.circuit import Circuit
from relay.rules.lifecycle import Held

GRANT_S = 3.0  # how long a lane waits for its places
GRANT_POLL_S = 0.02
ALONE_S = 1.0  # how long it goes on while no drain leads: the next one is about to open
SAFE_S = DRAIN_LEASE_S / 2  # no call starts later than this after the lease was renewed


def run(destination_id: int) -> int:
    """Work as a lane of a destination, if its drain wants one.  -> deliveries with a result"""
    count, until = 0, time.monotonic() + LONGEST_S
    with LocalLanes.current().entered(destination_id) as is_entered:
        if not is_entered or LocalDrains.current().has(destination_id):
            return 0  # two in one process are not faster than one
        if has_one_writer(db.engine):
            return 0
        lane = LaneDrain.open(destination_id)
        if lane is not None:
            log("lane.opened", destination=destination_id, concurrency=lane.share)
        while lane is not None:
            LocalLanes.current().show(destination_id, lane)
            following = None
            try:
                count += lane.run()
                if lane.has_time_up and time.monotonic() < until:
                    following = lane.following()
            finally:
                if following is None and not lane.is_released:
                    lane.close()
            lane = following
    return count


class LocalLanes:
    """The lanes of this process.  One for each application; threads can share it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.here: dict[int, LaneDrain | None] = {}

    @classmethod
    def current(cls) -> LocalLanes:
        found: LocalLanes = current_app.extensions.setdefault("relay_local_lanes", cls())
        return found

    def has(self, destination_id: int) -> bool:
        """Whether a lane of this destination works here.

        One that only waits for its last calls does not count: a drain can start here beside it.
        """
        with self.lock:
            lane = self.here.get(destination_id)
            is_ending = lane is not None and (lane.hold is not None or lane.is_alone)
            return destination_id in self.here and not is_ending

    def show(self, destination_id: int, lane: LaneDrain) -> None:
        """This is the lane that works here now."""
        with self.lock:
            self.here[destination_id] = lane

    @contextmanager
    def entered(self, destination_id: int) -> Iterator[bool]:
        """-> False if one is here already"""
        with self.lock:
            is_first = destination_id not in self.here
            self.here.setdefault(destination_id, None)
        try:
            yield is_first
        finally:
            if is_first:
                with self.lock:
                    del self.here[destination_id]


class LaneDrain(Drain):
    """``share`` is how many calls it may make at the same time, 0 before that is granted."""

    takes_suspects, share = False, 0

    def __init__(self, row: Any, token: str, ai_rows: list[tuple[Any, Any]]):
        super().__init__(row, token, ai_rows)
        self.settings, self.has_time_up = self.capacity.settings, False
        # These two are on the monotonic clock.
        self.leased_at = self.led_at = self.opened_at
        self.capacity = replace(self.capacity, circuit=Circuit(since=row.circuit_since))

    @classmethod
    def open(cls, destination_id: int) -> LaneDrain | None:
        """Register, and wait until the leading drain leaves places free.  -> None if it wants no lane"""
        token = uuid.uuid4().hex
        with db.engine.begin() as connection:
            row = lanes.register(connection, destination_id, token)
            if row is None:
                return None
            lane = cls(row, token, load_rows(connection, destination_id))
        try:
            lane.open_secrets()
            if lane.is_granted():
                return lane
        except (RelayError, *AWAY):  # the leading drain meets the same
            pass
        lane.close()
        return None

    def following(self) -> LaneDrain | None:
        """The same lane with the current settings, secrets and versions; None if it has to leave."""
        with suppress(RelayError, *AWAY):
            with db.engine.begin() as connection:
                row = lanes.renew(connection, self.row.id, self.token)
                if row is None:
                    return None
                lane = type(self)(row, self.token, load_rows(connection, self.row.id))
            lane.open_secrets()
            lane.share = self.share
            lane.read(row, row.now)
            return lane if lane.hold is None else None
        return None

    def is_granted(self) -> bool:
        """Wait for the places."""
        until = time.monotonic() + GRANT_S
        while self.hold_now() is None and time.monotonic() < until:
            with db.engine.connect().execution_options(**READ_ONLY) as connection:
                row = lanes.read(connection, self.row.id, self.token)
            if row is None:
                return False
            self.share = row.lane_share or 0
            self.read(row, row.now)
            if self.share and self.hold is None:
                return True
            self.stopping.wait(GRANT_POLL_S)
        return False

    def run(self) -> int:
        """Send until nothing is left or this lane has to leave.  -> deliveries with a result"""
        self.look_for_more(True, self.now())
        return super().run()

    def hold_now(self) -> Held | None:
        now = time.monotonic()
        if self.hold is None and now > self.leased_at + SAFE_S:
            self.hold = TAKEN_OVER
        if self.hold is None and now > self.until:
            self.has_time_up = True
        return super().hold_now()

    def is_taken_over(self, row: Any, now: datetime) -> bool:
        """Whether it has to leave."""
        is_led = row.drain_token is not None and row.drain_until > now
        if is_led:
            self.led_at = time.monotonic()
        return not (
            row.lane_token == self.token
            and lanes.is_live(row, now)
            and (row.lane_share or 0) == self.share
            and self.share in (0, lanes.share_of(row.concurrency))
            and self.capacity.settings == self.settings
            and self.order is None
            and not self.ai_rows
            and not self.kind.is_internal
            and lanes.allows_lane(Capacity.of(row, self.kind, now), now)
            and (row.lane_lead == row.drain_token if is_led else not self.is_alone)
        )

    @property
    def is_alone(self) -> bool:
        """Whether no drain has led for some time."""
        return time.monotonic() > self.led_at + ALONE_S

    def make_room(self, row: Any, now: datetime) -> None:
        """All places but its own belong to the leading drain."""
        taken = self.capacity.concurrency - self.share
        if taken != self.capacity.taken:
            self.capacity = replace(self.capacity, taken=taken)

    def collect(self, call: FinishedCall, now: datetime) -> None:
        """Take over the results of a call.  A failure of the destination ends this lane."""
        before = self.capacity.circuit
        super().collect(call, now)
        if self.capacity.circuit != before:
            self.hold = self.hold or TAKEN_OVER

    # ---- the row ---------------------------------------------------------------------------------

    def acquire(self, connection: Connection) -> Any:
        """Stay the lane.  -> the destination's row; None if it is not in it any more"""
        now = time.monotonic()
        if now - self.leased_at <= RENEW_AFTER_S:
            return lanes.read(connection, self.row.id, self.token)
        row = lanes.renew(connection, self.row.id, self.token)
        if row is not None:
            self.leased_at = now
        return row

    def release(self, connection: Connection) -> None:
        """Give the places back."""
        lanes.leave(connection, self.row.id, self.token)

    def save(self, connection: Connection, now: datetime, batch: Batch) -> None:
        """Only that it is released: the leading drain keeps the rest."""
        if self.is_released:
            self.release(connection)

    def close(self) -> None:
        """Give the places back, and wake a drain if none leads any more."""
        is_due = False
        with suppress(*AWAY), db.engine.begin() as connection:  # else the lease ends by itself
            self.release(connection)
            if self.is_alone:
                is_due = has_work(connection, self.row.id, self.now())
        if is_due:
            broker.nudge("drain_destination", self.row.id)
