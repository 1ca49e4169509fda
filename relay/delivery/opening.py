"""Routes events and sends them: begins a drain in the transaction that routes them.

So their first calls wait for one commit less.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, select

from relay import broker
from relay.delivery import drain as drains
from relay.delivery import gate, router
from relay.delivery.ai.steps import HAS_ACTIVE, load_rows
from relay.delivery.claim import HAS_DUE
from relay.delivery.drain import Drain
from relay.delivery.local_drains import LocalDrains
from relay.delivery.router import insert_pending
from relay.observability.logging import log

# Built once: it is executed many times a second.
_LOOK = select(HAS_DUE, HAS_ACTIVE)
# Up to so many destinations of a batch of events are woken before those that wait.  So an event to a
# thousand destinations does not delay the events after it.
FEW = 20


def route_and_send() -> None:
    """Route a batch of events, send those of one destination here, and wake workers for the others."""
    destinations: list[int] = []
    opener = Opener()
    try:
        count = router.route_batch(wake=destinations.extend, insert=opener.insert)
    except Exception as exc:
        if opener.destination_id is None:
            raise
        # A fault of one destination must not stop the routing of all others.
        number, opener = opener.destination_id, Opener()
        log("drain.start_failed", level="error", destination=number, reason=repr(exc))
        count = router.route_batch(wake=destinations.extend)
    if count == router.BATCH:
        broker.nudge("route_events", first=True)
    opened = opener.drain
    notify = LocalDrains.current().notify
    mine = [] if opened is None else [opened.row.id]
    mine += [number for number in destinations if number not in mine and not notify(number)]
    for number in mine[1:]:
        broker.nudge("drain_destination", number, first=len(mine) <= FEW)
    if mine:
        drains.run(mine[0], opened)


class Opener:
    """Begins at most one drain, because it takes its thread for as long as there is something to send.

    ``drain`` is it, None if each destination has a drain already.  ``destination_id`` is set once its
    destination is known.
    """

    def __init__(self) -> None:
        self.drain: Drain | None = None
        self.destination_id: int | None = None

    def insert(
        self, connection: Connection, rows: Sequence[dict[str, Any]], active: Collection[int]
    ) -> None:
        """Insert new deliveries, and begin a drain for the first destination of them that has none.

        ``active`` are the subscriptions that are not paused.  The caller commits, then calls
        ``drain.run``.
        """
        has_drain = LocalDrains.current().has
        numbers = sorted(
            {row["destination_id"] for row in rows if row["subscription_id"] in active}
        )
        first = next((number for number in numbers if not has_drain(number)), None)
        token = uuid.uuid4().hex
        row = None if first is None else gate.acquire(connection, first, token, waits=False)
        if first is None or row is None:
            insert_pending(connection, rows)
            return
        self.destination_id = first
        found = connection.execute(_LOOK, {"destination": first}).one()
        ai_rows = load_rows(connection, first) if found.has_ai_steps else []
        self.drain = drain = Drain(row, token, ai_rows)
        new = [
            one
            for one in rows
            if one["destination_id"] == first and one["subscription_id"] in active
        ]
        # Nothing may overtake what is due already.
        if new and not found.has_due and drain.may_take_new(len(new)):
            keys = {one["key"] for one in new}
            insert_pending(connection, [one for one in rows if one["key"] not in keys])
            drain.take_new(connection, new)
        else:
            insert_pending(connection, rows)
            drain.first_claim(connection)
