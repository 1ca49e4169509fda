"""Lanes: how a second process sends a busy destination's deliveries, within the same limits.

The drain that owns the row leads.  It keeps the rate limit, the circuit and the order, and lets a
second drain, the lane, work beside it only while nothing but the concurrency limits the calls.  The
lane makes ``lane_share`` of these calls.  All of it is agreed in the destination's row:

    lead:  lane_lead = its token       it has more work than it can do: another process may help
    lane:  lane_token, lane_until      it registers, and starts no call
    lead:  starts fewer calls, until no more than ``concurrency - share`` are under way
    lead:  lane_share = share          granted: the lane claims and sends
    lane:  lane_token = None           its calls have ended: the lead uses all places again

So both together have at most ``concurrency`` calls under way, unless a process hangs for longer than
its lease while its calls go on.  The share of a lane never
changes.  It leaves when any setting does, and the lead keeps its places free until it has left or its
lease has ended.  A lane starts nothing if ``lane_lead`` is not the drain that owns the row: a drain
of an older version, which knows no lanes, is not helped.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, or_, select, update

from relay.database import db_later
from relay.delivery.capacity import Capacity
from relay.delivery.gate import DESTINATION, DRAIN_LEASE_S
from relay.models import db_now

# Below that, each of both would leave no place for live events beside replays.
LEAST_CONCURRENCY = 4
# How long a drain waits before it calls for another process again: longer while nobody comes.
FIRST_CALL_S, LAST_CALL_S = 0.25, 1.0
NO_COLUMNS: dict[str, Any] = {}


def share_of(concurrency: int) -> int:
    """How many calls at the same time a lane makes."""
    return concurrency // 2


def allows_lane(capacity: Capacity, now: datetime) -> bool:
    """Whether only the concurrency limits the calls, and there are enough of them to share."""
    return capacity.concurrency >= LEAST_CONCURRENCY and capacity.is_unpaced(now)


def is_live(row: Any, now: datetime) -> bool:
    """Whether a lane is registered, granted or not."""
    return row.lane_token is not None and row.lane_until is not None and row.lane_until > now


class LaneBeside:
    """What the leading drain knows about the lane beside it.

    ``is_possible``: its kind and its subscriptions allow a lane.  ``is_busy``: it has more work than it
    can do.  ``taken`` are the places of its calls that a lane has.
    """

    def __init__(self, token: str, is_possible: bool):
        self.token, self.is_possible = token, is_possible
        self.is_busy, self.taken = False, 0
        self._answered: Any = None  # the row that ``columns`` was last about
        self._is_calling, self._gap_s, self._call_at = False, FIRST_CALL_S, 0.0

    def claimed(self, is_full: bool, is_fast: bool) -> None:
        """After a claim: did it take as many deliveries as it could, and soon after the one before?"""
        self.is_busy = self.is_possible and is_full and (is_fast or self.is_busy)

    def read(self, row: Any, now: datetime) -> int:
        """-> the places that a lane has, from the destination's row"""
        self.taken = 0
        if row.lane_token is not None and is_live(row, now):
            if row.lane_share is not None:
                self.taken = row.lane_share
            elif row.lane_lead == self.token:
                self.taken = share_of(row.concurrency)
        return self.taken

    def columns(
        self, row: Any, now: datetime, capacity: Capacity, most_calls: Callable[[], int]
    ) -> dict[str, Any]:
        """What to write to the row.  ``most_calls`` says how many calls can be under way here.

        ``row`` may be a little old: a share is granted to whichever lane is registered, and its places
        stay free until the row is read again.
        """
        is_mine = row.lane_lead == self.token
        if not (is_mine or self.is_busy or row.lane_token) or row is self._answered:
            return NO_COLUMNS
        is_allowed = self.is_possible and allows_lane(capacity, now)
        self._is_calling = False
        if is_allowed and is_live(row, now):
            share = share_of(row.concurrency)
            if row.lane_share is None:
                if not is_mine or most_calls() > row.concurrency - share:
                    return NO_COLUMNS
                self._answered = row
                return {"lane_share": share}
            self._gap_s = FIRST_CALL_S
            is_allowed = row.lane_share == share
        elif is_allowed:
            is_allowed = self._is_calling = self.is_busy
        if is_allowed == is_mine:
            return NO_COLUMNS
        self._answered = row
        return {"lane_lead": self.token if is_allowed else None}

    def is_to_call(self) -> bool:
        """Whether to call for another process now."""
        if not self._is_calling or time.monotonic() < self._call_at:
            return False
        self._call_at = time.monotonic() + self._gap_s
        self._gap_s = min(2 * self._gap_s, LAST_CALL_S)
        return True


# ---- the lane's statements -----------------------------------------------------------------------

_HERE = DESTINATION.c.id == bindparam("b_id")
_OURS = and_(_HERE, DESTINATION.c.lane_token == bindparam("b_token"))
_REGISTER = (
    update(DESTINATION)
    .where(
        _HERE,
        DESTINATION.c.lane_lead == DESTINATION.c.drain_token,
        DESTINATION.c.drain_until > db_now(),
        or_(DESTINATION.c.lane_token.is_(None), DESTINATION.c.lane_until < db_now()),
    )
    .values(lane_token=bindparam("b_token"), lane_until=db_later(DRAIN_LEASE_S), lane_share=None)
    .returning(*DESTINATION.c, db_now().label("now"))
)
_RENEW = (
    update(DESTINATION)
    .where(_OURS, DESTINATION.c.lane_until > db_now())
    .values(lane_until=db_later(DRAIN_LEASE_S))
    .returning(*DESTINATION.c, db_now().label("now"))
)
_READ = select(*DESTINATION.c, db_now().label("now")).where(_OURS)
_LEAVE = update(DESTINATION).where(_OURS).values(lane_token=None, lane_until=None, lane_share=None)


def register(connection: Connection, destination_id: int, token: str) -> Any:
    """Register a lane if the destination's drain wants one.  -> the destination's row, or None"""
    return connection.execute(_REGISTER, {"b_id": destination_id, "b_token": token}).one_or_none()


def read(connection: Connection, destination_id: int, token: str) -> Any:
    """-> the destination's row with ``now``; None if this lane is not in it any more"""
    return connection.execute(_READ, {"b_id": destination_id, "b_token": token}).one_or_none()


def renew(connection: Connection, destination_id: int, token: str) -> Any:
    """Renew the lease of a lane.  -> as ``read``.  A lease that has ended stays so."""
    return connection.execute(_RENEW, {"b_id": destination_id, "b_token": token}).one_or_none()


def leave(connection: Connection, destination_id: int, token: str) -> None:
    """Give the lane's places back."""
    connection.execute(_LEAVE, {"b_id": destination_id, "b_token": token})
