"""Note when destinations do not send, for the bands in the charts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert, select, update

from relay import database
from relay.models import Destination, DestinationHold, db
from relay.rules.circuit import CircuitState
from relay.rules.states import DestinationState
from relay.rules.status import Status, destination_status

HELD = {
    Status.PAUSED: Status.PAUSED,
    Status.HELD: Status.HELD,
    Status.CIRCUIT_OPEN: Status.CIRCUIT_OPEN,
    Status.PROBING: Status.CIRCUIT_OPEN,
}


def note() -> None:
    """Begin and end the times in which nothing is sent.  Commits."""
    with db.engine.begin() as connection:
        now = database.now(connection)
        of = Destination
        rows = connection.execute(
            select(
                *(of.id, of.state, of.paused_reason, of.held_until, of.held_reason),
                *(of.circuit, of.circuit_since, of.circuit_until, of.circuit_reason),
            ).where(of.state != DestinationState.CLOSED)
        ).all()
        current = {
            row.id: (HELD[status], _began(row, HELD[status], now))
            for row in rows
            if (status := destination_status(row, now).status) in HELD
        }
        found = connection.execute(
            select(DestinationHold.destination_id, DestinationHold.status).where(
                DestinationHold.ended_at.is_(None)
            )
        )
        stored: dict[int, str] = {row.destination_id: row.status for row in found}
        ended = [one for one, status in stored.items() if current.get(one, ("",))[0] != status]
        if ended:
            connection.execute(
                update(DestinationHold)
                .where(
                    DestinationHold.ended_at.is_(None), DestinationHold.destination_id.in_(ended)
                )
                .values(ended_at=now)
            )
        new = [
            {"destination_id": one, "status": status.value, "began_at": began}
            for one, (status, began) in current.items()
            if stored.get(one) != status
        ]
        if new:
            connection.execute(insert(DestinationHold), new)


def _began(row: object, status: Status, now: datetime) -> datetime:
    """A circuit says when it opened.  The others began since the last look."""
    since = getattr(row, "circuit_since", None)
    is_open = getattr(row, "circuit", None) != CircuitState.CLOSED
    return since if status is Status.CIRCUIT_OPEN and is_open and since else now
