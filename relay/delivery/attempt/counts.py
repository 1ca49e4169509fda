"""Count finished deliveries per destination and minute, in the transaction that writes their results.

The alert rules and the charts read these counts instead of the deliveries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from relay import database
from relay.models import DeliveryMinute
from relay.rules.lifecycle import Life, State

# The column of DeliveryMinute for a state, and whether the delivery was replayed.
COLUMNS: Mapping[tuple[State, bool], str] = {
    (State.DELIVERED, False): "delivered",
    (State.DEAD, False): "failed",
    (State.DELIVERED, True): "replays_delivered",
    (State.DEAD, True): "replays_failed",
}
Finished = Counter[tuple[int, str]]  # by destination and column


def column_of(life: Life) -> str | None:
    """The column that counts a delivery; None if it is not finished."""
    return COLUMNS.get((life.state, life.revived_from is not None))


def count_finished(connection: Connection, finished: Finished, now: datetime) -> None:
    """Add to the counts of this minute.  The caller commits."""
    rows: dict[int, dict[str, int]] = {}
    for (destination_id, column), count in sorted(finished.items()):
        if count:
            rows.setdefault(destination_id, dict.fromkeys(COLUMNS.values(), 0))[column] = count
    if not rows:
        return
    minute = now.replace(second=0, microsecond=0)
    connection.execute(
        _ADD[database.dialect_of(connection)],
        [{"destination_id": number, "minute": minute, **counts} for number, counts in rows.items()],
    )


def _add(dialect: str) -> Any:
    insert = database.upsert(dialect, DeliveryMinute)
    table = DeliveryMinute.__table__
    return insert.on_conflict_do_update(
        index_elements=["destination_id", "minute"],
        set_={name: table.c[name] + insert.excluded[name] for name in COLUMNS.values()},
    )


# Built once: it is executed many times a second.
_ADD = {dialect: _add(dialect) for dialect in database.DIALECTS}
