"""The status of a destination, and whether its deliveries may be sent.

Pure: standard library only; the time is an argument.  ``relay.delivery.gate`` has the same rules as
SQL (``is_open``, ``is_removed``); a test compares both.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from relay.i18n import _
from relay.rules.circuit import RAMP_S, Circuit, CircuitState
from relay.rules.lifecycle import Held
from relay.rules.states import SubscriptionState

# Begins the reason of a hold because a vault does not answer or does not give a secret.
WAITS_FOR_SECRET = "Waiting for a secret: "  # noqa: S105 - i18n: keep


class Status(StrEnum):
    """What a destination does now."""

    ACTIVE = "active"
    RECOVERING = "recovering"  # the circuit has just closed, calls are slowed down
    PROBING = "probing"  # one call tests whether it answers again
    CIRCUIT_OPEN = "circuit_open"
    HELD = "held"  # it asked to wait, or a quota is used up
    PAUSED = "paused"
    REMOVED = "removed"


class SendPermission(StrEnum):
    """Whether a delivery may be sent."""

    NOW = "now"
    LATER = "later"
    NEVER = "never"  # it is discarded


SENDING = frozenset({Status.ACTIVE, Status.RECOVERING, Status.PROBING})


@dataclass(frozen=True)
class DestinationStatus:
    """``reason`` is a sentence or empty; ``until`` is when the status ends by itself, if it does."""

    status: Status
    reason: str = ""
    until: datetime | None = None

    @property
    def may_send(self) -> SendPermission:
        if self.status in SENDING:
            return SendPermission.NOW
        return SendPermission.NEVER if self.status is Status.REMOVED else SendPermission.LATER

    def hold(self, now: datetime) -> Held | None:
        """Why nothing may be sent now and for how long; None if deliveries may be sent."""
        if self.status in SENDING:
            return None
        wait_s = (self.until - now).total_seconds() if self.until else 0.0
        reason = self.reason
        if self.status is Status.PAUSED:
            reason = " ".join([_("The destination is paused."), reason]).strip()
        return Held(self.status.value, reason, wait_s)


def destination_status(
    row: Any, now: datetime, circuit: Circuit | None = None
) -> DestinationStatus:
    """The status of a destination from its row.  ``circuit`` replaces the one in the row's columns.

    The first rule that applies wins: what a person decided comes before what the destination asked
    for, and that before what its failures mean.
    """
    if row.state == SubscriptionState.CLOSED:
        return DestinationStatus(Status.REMOVED, _("The destination was removed."))
    if row.state == SubscriptionState.PAUSED:
        return DestinationStatus(Status.PAUSED, row.paused_reason)
    if row.held_until is not None and row.held_until > now:
        return DestinationStatus(Status.HELD, row.held_reason, row.held_until)
    stage, since, until, reason = (
        (circuit.stage, circuit.since, circuit.until, circuit.reason)
        if circuit is not None
        else (row.circuit, row.circuit_since, row.circuit_until, row.circuit_reason)
    )
    if stage == CircuitState.OPEN and until is not None and until > now:
        return DestinationStatus(Status.CIRCUIT_OPEN, reason, until)
    if stage != CircuitState.CLOSED:
        return DestinationStatus(Status.PROBING, reason)
    if since is not None and (now - since).total_seconds() < RAMP_S:
        return DestinationStatus(Status.RECOVERING)
    return DestinationStatus(Status.ACTIVE)


def may_send(status: DestinationStatus, subscription_state: str) -> SendPermission:
    """Whether a delivery of a subscription in this state may be sent to this destination."""
    if subscription_state == SubscriptionState.CLOSED:
        return SendPermission.NEVER
    if subscription_state == SubscriptionState.PAUSED and status.may_send is SendPermission.NOW:
        return SendPermission.LATER
    return status.may_send
