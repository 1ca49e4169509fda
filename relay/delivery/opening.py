"""Begins a drain in the transaction that routes events, so their first calls wait for one commit less."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, select

from relay.delivery import gate
from relay.delivery.ai.steps import HAS_ACTIVE, load_rows
from relay.delivery.claim import HAS_DUE
from relay.delivery.drain import Drain
from relay.delivery.local_drains import LocalDrains
from relay.delivery.router import insert_pending

# Built once: it is executed many times a second.
_LOOK = select(HAS_DUE, HAS_ACTIVE)


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
