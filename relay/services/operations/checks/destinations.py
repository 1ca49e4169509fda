"""Destinations that send nothing, or fail, or are late."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, or_, select

from relay import database
from relay.i18n import N_, _
from relay.models import AuditEntry, Delivery, DeliveryMinute, Destination, Subscription
from relay.models.destination import is_in_use
from relay.observability.health import Finding, Level, ok, warning
from relay.rules.lifecycle import State
from relay.rules.states import SubscriptionState
from relay.rules.status import SENDING, DestinationStatus, Status, destination_status
from relay.services.audit import RELAY
from relay.services.operations.checks.database import reading
from relay.services.operations.checks.runner import isolated

LATE_S = 60.0
RECENT = timedelta(hours=1)
FAILING_CALLS = 3  # failed calls in a row
SHOWN = 10  # findings of one check
PAUSED_BY_PERSON = "Paused by "  # the reason, if the person gave none (i18n: keep)
RESTORED = "Restored from a backup"  # i18n: keep
DASHBOARD = N_("open its page in the dashboard")

Row = Any  # of the destination table


def check() -> Iterator[Finding]:
    with reading() as connection:
        now = database.now(connection)
        rows = connection.execute(
            select(Destination.__table__).where(is_in_use()).order_by(Destination.name)
        ).all()
        statuses = {row.id: destination_status(row, now) for row in rows}
        pauses = paused_by_person(
            connection, [row for row in rows if statuses[row.id].status is Status.PAUSED]
        )
    yield from first_of(
        "destinations",
        [_standing(row, statuses[row.id], pauses) for row in rows],
        _("Every destination sends."),
    )
    sending = {row.id: row for row in rows if statuses[row.id].status in SENDING}
    yield from isolated("failing destinations", lambda: check_failing(sending, now))
    yield from isolated("deliveries", lambda: check_late(sending, now))


def first_of(check: str, found: Sequence[Finding | None], otherwise: str) -> Iterator[Finding]:
    """The first findings, and how many more there are; ``otherwise`` if no destination has one."""
    findings = [one for one in found if one is not None]
    findings.sort(key=lambda one: one.level is Level.OK)
    yield from findings[:SHOWN]
    if len(findings) > SHOWN:
        yield warning(
            check,
            _("%(num)s more destinations have the same.", num=len(findings) - SHOWN),
            _("Open Destinations."),
        )
    if not findings:
        yield ok(check, otherwise)


def paused_by_person(connection: Connection, rows: Sequence[Row]) -> set[int]:
    """The ids of those that a person paused; Relay or a restored backup paused the others.

    The newest entry in the audit log tells: Relay names a destination there by its number.  A
    destination that was renamed since has none; then the reason tells, if the person gave none.
    """
    if not rows:
        return set()
    labels = {row.id: (row.name, f"destination {row.id}") for row in rows}
    is_relay = AuditEntry.actor == RELAY.actor
    newest = {
        (label, bool(by_relay)): last
        for label, by_relay, last in connection.execute(
            select(AuditEntry.object_label, is_relay, func.max(AuditEntry.id))
            .where(
                AuditEntry.action == "destination.pause",
                or_(
                    AuditEntry.object_label.in_([name for name, _ in labels.values()]),
                    AuditEntry.object_label.in_([number for _, number in labels.values()]),
                ),
            )
            .group_by(AuditEntry.object_label, is_relay)
        )
    }
    found = set()
    for row in rows:
        name, number = labels[row.id]
        person, relay = newest.get((name, False), 0), newest.get((number, True), 0)
        if (person > relay and not row.paused_reason.startswith(RESTORED)) or (
            not person and not relay and row.paused_reason.startswith(PAUSED_BY_PERSON)
        ):
            found.add(row.id)
    return found


def _standing(row: Row, now_is: DestinationStatus, by_person: set[int]) -> Finding | None:
    """What keeps a destination from sending; None if nothing does."""
    reason = " ".join(now_is.reason.split()).rstrip(".")
    because = f": {_(reason)}" if reason else ""
    if now_is.status is Status.PAUSED and row.id in by_person:
        return ok(
            "paused destination",
            _(
                "A person paused %(name)s%(because)s; its deliveries wait.",
                name=row.name,
                because=because,
            ),
        )
    if now_is.status is Status.PAUSED:
        return warning(
            "paused destination",
            _(
                "Relay paused %(name)s%(because)s; its deliveries wait.",
                name=row.name,
                because=because,
            ),
            _(
                "Fix the stated reason, then resume it: flask destinations resume %(quoted)s",
                quoted=quoted(row.name),
            ),
            f"/destinations/{row.id}",
            _("Fix the stated reason, then resume it."),
        )
    if now_is.status in (Status.CIRCUIT_OPEN, Status.PROBING):
        return warning(
            "circuit breaker",
            _(
                "%(name)s is not responding, so its circuit breaker is open%(because)s.",
                name=row.name,
                because=because,
            ),
            _("Check that service. Relay retries by itself, then sends what waits."),
        )
    if now_is.status is Status.HELD:
        return ok(
            "destination on hold",
            _(
                "%(name)s is on hold until %(until)s UTC%(because)s.",
                name=row.name,
                until=f"{now_is.until:%Y-%m-%d %H:%M:%S}",
                because=because,
            ),
        )
    return None


def quoted(name: str) -> str:
    """A name as one word of a shell command."""
    return f'"{name}"' if " " in name else name


def check_failing(sending: dict[int, Row], now: datetime) -> Iterator[Finding]:
    """Destinations with failed deliveries in the last hour, or with newest calls that all failed."""
    with reading() as connection:
        recent = {
            row.destination_id: row
            for row in connection.execute(
                select(
                    DeliveryMinute.destination_id,
                    func.sum(DeliveryMinute.failed + DeliveryMinute.replays_failed).label("failed"),
                    func.sum(DeliveryMinute.delivered + DeliveryMinute.replays_delivered).label(
                        "delivered"
                    ),
                )
                .where(DeliveryMinute.minute > now - RECENT)
                .group_by(DeliveryMinute.destination_id)
            )
        }
    found = [_failing(row, recent.get(row.id)) for row in sending.values()]
    yield from first_of("failing destinations", found, _("No delivery failed in the last hour."))


def _failing(row: Row, counts: Any) -> Finding | None:
    if counts is not None and counts.failed:
        return warning(
            "failing destinations",
            _(
                "%(failed)s of %(all)s deliveries to %(name)s that were finished in the last "
                "hour failed.",
                failed=counts.failed,
                all=counts.failed + counts.delivered,
                name=row.name,
            ),
            _("See why: flask dead-letters list --group. Fix the cause, then replay them."),
            f"/dead-letters?destination={row.id}",
            _("See why, fix the cause, then resend them."),
        )
    if row.failures >= FAILING_CALLS:
        return warning(
            "failing destinations",
            _(
                "The last %(failures)s calls to %(name)s failed; Relay retries them.",
                failures=row.failures,
                name=row.name,
            ),
            _(
                "Check that service: %(dashboard)s, which shows the newest attempts.",
                dashboard=_(DASHBOARD),
            ),
            f"/destinations/{row.id}",
            _("Check that service. See the newest deliveries."),
        )
    return None


def check_late(sending: dict[int, Row], now: datetime) -> Iterator[Finding]:
    """For each destination that may send, how late its oldest due delivery is."""
    with reading() as connection:
        waiting = connection.execute(
            select(
                Delivery.destination_id,
                func.min(Delivery.due_at).label("oldest"),
                func.count().label("late"),
            )
            .join(Subscription, Subscription.id == Delivery.subscription_id)
            .where(
                Delivery.state == State.PENDING.value,
                Delivery.due_at < now - timedelta(seconds=LATE_S),
                Subscription.state == SubscriptionState.ACTIVE,
            )
            .group_by(Delivery.destination_id)
            .order_by(func.min(Delivery.due_at))
        ).all()
    found = [
        _late(sending[row.destination_id].name, row.late, now - row.oldest)
        for row in waiting
        if row.destination_id in sending
    ]
    yield from first_of("deliveries", found, _("No delivery is late."))


def _late(name: str, count: int, age: timedelta) -> Finding:
    by = timedelta(seconds=round(age.total_seconds()))
    what = _(
        "%(count)s deliveries to %(name)s are late, the oldest by %(by)s.",
        count=count,
        name=name,
        by=by,
    )
    return warning(
        "deliveries",
        what if count > 1 else _("A delivery to %(name)s is late by %(by)s.", name=name, by=by),
        _("Check that the worker and the scheduler run, and whether this destination is slow."),
    )
