"""The broker, the workers, and whether the scheduler does its work."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from relay import database
from relay.i18n import _
from relay.models import Lease, Milestone
from relay.observability import health
from relay.observability.health import Finding, error, ok, warning
from relay.services.operations.checks.database import reading
from relay.services.operations.checks.runner import isolated
from relay.services.operations.milestones import SCHEDULER

STUCK_S = 60.0  # it writes its mark every 10 s


def check(client: Any, usable: Future[bool]) -> Iterator[Finding]:
    """A broker that refuses writes has no heartbeats either, so it is the only one to blame."""
    broker = health.check_broker(client)
    yield from broker
    alive = None if health.is_broken(broker) else health.heartbeats(client)
    if alive is not None:
        yield health.heartbeat("worker", alive["worker"])
    schedulers = None if alive is None else alive[SCHEDULER]
    if schedulers != 0 and usable.result():
        yield from isolated(SCHEDULER, lambda: check_leader(schedulers))
    elif schedulers is not None:
        yield health.heartbeat(SCHEDULER, schedulers)


def check_leader(running: int | None) -> Iterator[Finding]:
    """The scheduler by its own mark in the database.  ``running`` is None if the broker cannot tell.

    A process that hangs in a statement still sends heartbeats.
    """
    with reading() as connection:
        now = database.now(connection)
        worked_at = connection.scalar(select(Milestone.at).where(Milestone.name == SCHEDULER))
        holder = connection.scalar(select(Lease.holder).where(Lease.name == SCHEDULER))
    if worked_at is None:  # it is starting, or none has run yet
        if running is not None:
            yield health.heartbeat(SCHEDULER, running)
        return
    idle_s = (now - worked_at).total_seconds()
    idle = timedelta(seconds=round(idle_s))
    if idle_s <= STUCK_S:
        yield ok(
            SCHEDULER,
            _(
                "%(holder)s leads and did its work %(max)s s ago.",
                holder=holder,
                max=f"{max(0.0, idle_s):.0f}",
            ),
        )
    elif running:
        yield error(
            SCHEDULER,
            _(
                "The scheduler %(holder)s runs but has done no work for %(idle)s, so retries and "
                "other due work do not start.",
                holder=holder,
                idle=idle,
            ),
            _(
                "Restart it. If it stops working again, read its log, and look for a long transaction in "
                "the database that blocks it."
            ),
        )
    else:
        yield warning(
            SCHEDULER,
            _(
                "No scheduler has done any work for %(idle)s, so retries and other due work do "
                "not start.",
                idle=idle,
            ),
            _("Start one: see Procfile."),
        )
