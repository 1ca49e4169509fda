"""Health checks: ``doctor`` checks everything, ``/readyz`` whether an event could be committed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any

from flask import current_app
from sqlalchemy import Connection, func, select

from config import Config
from relay import database
from relay.models import DeadLetter, Delivery, Destination
from relay.observability import health
from relay.observability.health import Finding, Level
from relay.rules.lifecycle import State
from relay.rules.states import DeadLetterState, DestinationState
from relay.rules.status import Status, destination_status
from relay.services.deliveries import oldest_due
from relay.services.operations.checks import (
    alerting,
    destinations,
    files,
    network,
    processes,
    references,
)
from relay.services.operations.checks import database as stored
from relay.services.operations.checks.database import reading
from relay.services.operations.checks.runner import isolated, run_groups

BUDGET_S = 8.0
CIRCUIT_GAUGE = {Status.PAUSED: 2, Status.HELD: 1, Status.CIRCUIT_OPEN: 1}
NEEDED = ("database", "migrations", "encryption key", "events")  # by /readyz


def diagnose(
    is_offline: bool = False, clock_url: str = "", budget_s: float = BUDGET_S
) -> list[Finding]:
    """Every check, problems first, within ``budget_s`` seconds.  Never raises.

    ``is_offline``: without calls.  ``clock_url``: the server to compare the clock with, instead of
    that of RELAY_CLOCK_URL.
    """
    config: Config = current_app.extensions["relay_config"]
    usable: Future[bool] = Future()

    def if_usable(check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
        if usable.result():
            yield from check()

    groups = {
        "Database": partial(stored.check, usable),
        "Broker and processes": partial(processes.check, _client(), usable),
        "Destinations": partial(if_usable, destinations.check),
        "Secrets": partial(if_usable, references.check),
        "Alerts and backups": partial(if_usable, alerting.check),
        "Files and disk": partial(files.check, config),
        "Network": partial(network.check, config, is_offline, clock_url or config.clock_url),
    }
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    return run_groups(app, groups, budget_s)


def readiness() -> tuple[list[str], list[str]]:
    """-> why an event could not be committed now (empty if it could), and other problems."""
    findings = stored.check_tables()
    if all(one.level is not Level.ERROR for one in findings):
        findings += isolated("encryption key", stored.check_secrets)
    findings += stored.check_events()
    reasons = [one for one in findings if one.level is Level.ERROR and one.check in NEEDED]
    findings += [*health.check_broker(_client()), *health.check_heartbeats(_client())]
    warnings = [one for one in findings if one.level is not Level.OK and one not in reasons]
    return (
        [f"{one.check}: {one.sentence}" for one in reasons],
        [f"{one.check}: {one.sentence}" for one in warnings],
    )


def _client() -> Any:
    return current_app.extensions["relay_broker"].broker.client


def oldest_due_s(connection: Connection) -> float:
    """How late the oldest due delivery is that can be sent, in seconds; 0 when none is due."""
    now = database.now(connection)
    due = connection.scalar(oldest_due())
    return max(0.0, (now - due).total_seconds()) if due else 0.0


def gauges() -> tuple[dict[str, int], float, int, dict[str, int]]:
    """Deliveries by state, oldest due in seconds, open dead letters, circuit by destination.

    A circuit is 0 closed, 1 open or held, 2 paused.  Raises SQLAlchemyError.
    """
    with reading() as connection:
        counts = dict.fromkeys((state.value for state in State), 0)
        for state, number in connection.execute(
            select(Delivery.state, func.count()).group_by(Delivery.state)
        ):
            counts[state] = number
        letters = connection.scalar(
            select(func.count())
            .select_from(DeadLetter)
            .where(DeadLetter.state != DeadLetterState.RESOLVED)
        )
        now = database.now(connection)
        circuits = {
            row.name: CIRCUIT_GAUGE.get(destination_status(row, now).status, 0)
            for row in connection.execute(
                select(Destination.__table__).where(Destination.state != DestinationState.CLOSED)
            )
        }
        return counts, oldest_due_s(connection), letters or 0, circuits
