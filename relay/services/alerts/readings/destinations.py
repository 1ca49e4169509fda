"""What the alert rules about destinations see: paused, not responding, late, and the parts in
``failures`` and ``limits``.

The number of statements does not depend on the number of destinations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from relay.delivery import gate
from relay.i18n import N_, _
from relay.models import AuditEntry, Delivery, Destination, Subscription
from relay.models.destination import is_in_use
from relay.rules.alerts import Reading, ReadingLevel
from relay.rules.circuit import CircuitState
from relay.rules.lifecycle import State
from relay.rules.states import DestinationState, SubscriptionState
from relay.rules.status import WAITS_FOR_SECRET
from relay.services.alerts.readings import Context, counted, duration, failures, limits

READ_RULES = (
    "destination_paused",
    "circuit_open",
    "secret_unavailable",
    "late_delivery",
    *failures.READ_RULES,
    *limits.READ_RULES,
)
LIVE = 0  # the priority of deliveries that are not part of a replay

PAUSED_ADVICE = N_(
    "Its deliveries wait until you resume it. Correct the cause at the service or in the settings of the "
    "destination, send a test, then resume it."
)
DOWN_ADVICE = N_(
    "The cause is at the service or on the network to it: check the service's status page and the URL in "
    "the settings. Nothing is lost: Relay tests the service at least twice per minute while something "
    "waits, and continues when it responds."
)


def wait_words(count: int) -> str:
    """``5 deliveries wait now.``"""
    return counted(count, N_("%(count)s delivery waits now."), N_("%(count)s deliveries wait now."))


def read(context: Context) -> Iterator[Reading]:
    """The readings of every destination that was not removed."""
    found = context.connection.execute(
        select(
            Destination.id,
            Destination.name,
            Destination.kind,
            Destination.config,
            Destination.state,
            Destination.paused_reason,
            Destination.circuit,
            Destination.circuit_since,
            Destination.circuit_reason,
            Destination.held_until,
            Destination.held_reason,
            Destination.fixed_at,
        ).where(is_in_use())
    ).all()
    yield from _paused(context, found)
    yield from _circuits(context, found)
    yield from _secrets(context, found)
    yield from _late(context, {row.id: row for row in found})
    yield from failures.read(context, found)
    yield from limits.read(context, found)


def _paused(context: Context, found: Sequence[Any]) -> Iterator[Reading]:
    """Pauses by Relay; a pause by a person is no problem."""
    paused = [row for row in found if row.state == DestinationState.PAUSED]
    if not paused:
        return
    by_relay = _pauses_by_relay(context, [row.id for row in paused])
    waiting = _count_pending(context, [row.id for row in paused])
    for row in paused:
        since, reason = by_relay.get(row.id, (None, None))
        if since is None or reason != row.paused_reason:
            continue
        waits = waiting.get(row.id, 0)
        yield Reading(
            "destination_paused",
            f"destination:{row.id}",
            ReadingLevel.FIRING,
            1.0,
            _(
                "Relay paused %(name)s, so nothing is sent to it: %(why)s",
                name=row.name,
                why=row.paused_reason,
            ),
            " ".join((_(PAUSED_ADVICE), wait_words(waits))),
            f"/destinations/{row.id}",
            waits,
            since,
        )


def _pauses_by_relay(context: Context, ids: list[int]) -> dict[int, tuple[datetime, str]]:
    """When and why Relay last paused each destination.

    It is the present pause if its reason is the one that the destination shows.
    """
    labels = {f"destination {one}": one for one in ids}
    newest = (
        select(func.max(AuditEntry.id))
        .where(
            AuditEntry.actor == "relay",
            AuditEntry.action == "destination.pause",
            AuditEntry.object_label.in_(labels),
        )
        .group_by(AuditEntry.object_label)
    )
    rows = context.connection.execute(
        select(AuditEntry.object_label, AuditEntry.at, AuditEntry.detail).where(
            AuditEntry.id.in_(newest)
        )
    )
    return {labels[label]: (at, detail.get("reason", "")) for label, at, detail in rows}


def _circuits(context: Context, found: Sequence[Any]) -> Iterator[Reading]:
    """A paused destination is not called, so its circuit says nothing."""
    broken = [
        row
        for row in found
        if row.circuit != CircuitState.CLOSED and row.state == DestinationState.ACTIVE
    ]
    waiting = _count_pending(context, [row.id for row in broken]) if broken else {}
    for row in broken:
        waits = waiting.get(row.id, 0)
        yield Reading(
            "circuit_open",
            f"destination:{row.id}",
            ReadingLevel.FIRING,
            1.0,
            _(
                "%(name)s does not respond. The last error: %(why)s",
                name=row.name,
                why=row.circuit_reason or N_("unknown."),
            ),
            " ".join((_(DOWN_ADVICE), wait_words(waits))),
            f"/destinations/{row.id}",
            waits,
            # circuit_since moves with every test call, so the problem began when it was first seen
        )


def _count_pending(context: Context, ids: list[int]) -> dict[int, int]:
    rows = context.connection.execute(
        select(Delivery.destination_id, func.count())
        .where(Delivery.destination_id.in_(ids), Delivery.state == State.PENDING.value)
        .group_by(Delivery.destination_id)
    )
    return {row[0]: row[1] for row in rows}


def _secrets(context: Context, found: Sequence[Any]) -> Iterator[Reading]:
    """Destinations that wait for a vault.  Each hold is short, so the last one ended not long ago."""
    for row in found:
        waits = (
            row.state == DestinationState.ACTIVE
            and row.held_reason.startswith(WAITS_FOR_SECRET)
            and row.held_until is not None
            and row.held_until > context.now - timedelta(seconds=60)
        )
        if waits:
            yield Reading(
                "secret_unavailable",
                f"destination:{row.id}",
                ReadingLevel.FIRING,
                1.0,
                " ".join(
                    (
                        _("Deliveries to %(name)s wait for a secret.", name=row.name),
                        row.held_reason.removeprefix(WAITS_FOR_SECRET),
                    )
                ),
                _(
                    "Nothing is lost, and no attempt is counted. Start or unseal the vault, or store the "
                    "secret there; Relay continues by itself."
                ),
                f"/destinations/{row.id}",
            )


def _late(context: Context, destinations: dict[int, Any]) -> Iterator[Reading]:
    """Deliveries that are due and may be sent.  Replays are slow on purpose and do not count."""
    threshold_s = context.thresholds["late_delivery"] * 60
    rows = context.connection.execute(
        select(Delivery.destination_id, func.min(Delivery.due_at), func.count())
        .join(Destination, Destination.id == Delivery.destination_id)
        .join(Subscription, Subscription.id == Delivery.subscription_id)
        .where(
            Delivery.state == State.PENDING.value,
            Delivery.priority == LIVE,
            Delivery.due_at <= context.now - timedelta(seconds=threshold_s / 2),
            Subscription.state == SubscriptionState.ACTIVE,
            gate.may_send_now(context.now),
        )
        .group_by(Delivery.destination_id)
    )
    for destination_id, due_at, count in rows:
        row = destinations.get(destination_id)
        if row is None:
            continue
        # They could not be sent before the last pause, hold or outage ended.
        since = max(filter(None, (due_at, row.fixed_at, row.circuit_since, row.held_until)))
        late_s = (context.now - since).total_seconds()
        if late_s < threshold_s / 2:
            continue
        yield Reading(
            "late_delivery",
            f"destination:{destination_id}",
            ReadingLevel.FIRING if late_s >= threshold_s else ReadingLevel.BETWEEN,
            late_s / 60,
            _(
                "%(what)s to %(name)s should have been sent already; the oldest has been due for %(time)s.",
                what=counted(count, N_("%(count)s delivery"), N_("%(count)s deliveries")),
                name=row.name,
                time=duration(late_s),
            ),
            _(
                "The cause is in Relay: either the workers have too much to send, or the rate limit of the "
                "destination is lower than what arrives. Nothing is lost. Check its rate limit and "
                "concurrency, and start more workers if several destinations are late."
            ),
            f"/destinations/{destination_id}",
            count,
            since,
        )
