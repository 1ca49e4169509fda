"""The gauges of ``/metrics`` that are read from the database: a constant number of statements."""

from __future__ import annotations

# i18n: keep file - help texts of /metrics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, func, select

from relay import database
from relay.models import (
    Alert,
    CanaryRun,
    DeadLetter,
    Delivery,
    DeliveryMinute,
    Destination,
)
from relay.models.delivery import is_to_shown, is_unfinished
from relay.models.destination import is_in_use
from relay.observability.exposition import Metric, gauge
from relay.observability.metrics import bounded
from relay.rules.alerts import RULES
from relay.rules.lifecycle import State
from relay.rules.states import DestinationState
from relay.rules.status import Status, destination_status
from relay.services.deliveries import UNRESOLVED, first_due, pending_count
from relay.services.operations.checks.database import reading
from relay.services.paging import counted

CIRCUIT_GAUGE = {Status.PAUSED: 2, Status.HELD: 1, Status.CIRCUIT_OPEN: 1}
RECENT = timedelta(minutes=5)
MOST = 100_000  # deliveries that are counted for one number; more would cost more than a scrape may


@dataclass(frozen=True)
class Queue:
    """The pending deliveries of one destination.

    ``late_s`` is how late the oldest of those is that may be sent.
    """

    pending: int = 0
    late_s: float = 0.0


def read() -> Iterator[Metric]:
    """The gauges, those of large tables last.

    Raises SQLAlchemyError; the gauges that were read before stay valid.
    """
    with reading() as connection:
        now = database.now(connection)
        destinations = {
            row.id: row
            for row in connection.execute(select(Destination.__table__).where(is_in_use()))
        }
        names = {number: row.name for number, row in destinations.items()}
        yield gauge(
            "relay_circuit_state",
            "0 closed, 1 open or held, 2 paused.",
            bounded(
                {
                    row.name: CIRCUIT_GAUGE.get(destination_status(row, now).status, 0)
                    for row in destinations.values()
                },
                max,
            ),
            "destination",
        )
        yield gauge("relay_alerts_open", "Open alerts.", open_alerts(connection), "rule")
        yield gauge(
            "relay_canary_seconds",
            "How long the newest test event took from the site's side to the internal inbox.",
            canary(connection),
        )
        yield gauge("relay_dead_letters_open", "Open dead letters.", {"": dead_letters(connection)})
        yield from finished(connection, names, now)
        yield from queues(connection, names, now)
        yield gauge("relay_deliveries", "Deliveries by state.", by_state(connection), "state")


def open_alerts(connection: Connection) -> dict[str, float]:
    """-> how many alerts of each rule are open, 0 for the others"""
    rows = connection.execute(
        select(Alert.rule, func.count()).where(Alert.resolved_at.is_(None)).group_by(Alert.rule)
    )
    return bounded(dict.fromkeys(RULES, 0) | dict(rows.all()))


def canary(connection: Connection) -> dict[str, float]:
    """-> the newest round trip in seconds, empty if there is none"""
    row = connection.execute(
        select(CanaryRun.sent_at, CanaryRun.arrived_at)
        .where(CanaryRun.arrived_at.is_not(None))
        .order_by(CanaryRun.id.desc())
        .limit(1)
    ).first()
    return {"": max(0.0, (row.arrived_at - row.sent_at).total_seconds())} if row else {}


def dead_letters(connection: Connection) -> int:
    return count_up_to(connection, select(DeadLetter.id).where(DeadLetter.state.in_(UNRESOLVED)))


def finished(connection: Connection, names: Mapping[int, str], now: datetime) -> Iterator[Metric]:
    """The results of the last five minutes by destination, without replays."""
    delivered, failed = dict.fromkeys(names.values(), 0.0), dict.fromkeys(names.values(), 0.0)
    for number, good, bad in connection.execute(
        select(
            DeliveryMinute.destination_id,
            func.sum(DeliveryMinute.delivered),
            func.sum(DeliveryMinute.failed),
        )
        .where(DeliveryMinute.minute > now - RECENT)
        .group_by(DeliveryMinute.destination_id)
    ):
        if number in names:
            delivered[names[number]], failed[names[number]] = good, bad
    yield gauge(
        "relay_destination_delivered_recently",
        "Deliveries that succeeded in the last 5 minutes.",
        bounded(delivered),
        "destination",
    )
    yield gauge(
        "relay_destination_failed_recently",
        "Deliveries that became a failed delivery in the last 5 minutes.",
        bounded(failed),
        "destination",
    )


def queues(connection: Connection, names: Mapping[int, str], now: datetime) -> Iterator[Metric]:
    """How many deliveries wait for each destination, and for how long."""
    found = {number: Queue() for number in names}
    for number, is_active, pending, due_at in connection.execute(
        select(
            Destination.id,
            Destination.state == DestinationState.ACTIVE,
            pending_count(MOST),
            first_due(),
        ).where(Destination.id.in_(names))
    ):
        late_s = (now - due_at).total_seconds() if is_active and due_at else 0.0
        found[number] = Queue(min(pending, MOST), max(0.0, late_s))
    yield gauge(
        "relay_oldest_due_seconds",
        "How late the oldest due delivery is.",
        {"": max((queue.late_s for queue in found.values()), default=0.0)},
    )
    yield gauge(
        "relay_destination_pending",
        "Pending deliveries.",
        bounded({name: found[number].pending for number, name in names.items()}),
        "destination",
    )
    yield gauge(
        "relay_destination_oldest_due_seconds",
        "How late the oldest due delivery of a destination is.",
        bounded({name: found[number].late_s for number, name in names.items()}, max),
        "destination",
    )


def by_state(connection: Connection) -> Mapping[str, float]:
    """Those that are not delivered are counted up to MOST; the rest of the table is delivered."""
    rest = [state for state in State if state is not State.DELIVERED]
    counts = {
        state.value: float(
            count_up_to(
                connection,
                select(Delivery.id).where(
                    Delivery.state == state.value, is_unfinished(), is_to_shown()
                ),
            )
        )
        for state in rest
    }
    # canaries are few, and deleted within seconds
    canaries = count_up_to(connection, select(Delivery.id).where(~is_to_shown()))
    rows = database.row_count(connection, Delivery.__table__)
    delivered = rows - canaries - sum(counts.values())
    return counts | {State.DELIVERED.value: max(0.0, delivered)}


def count_up_to(connection: Connection, wanted: Select[Any]) -> int:
    """How many rows ``wanted`` has, at most MOST."""
    return min(connection.scalar(select(counted(wanted, MOST))) or 0, MOST)
