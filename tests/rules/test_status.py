"""The status of a destination, as a table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from relay.rules.circuit import RAMP_S, Circuit, CircuitState
from relay.rules.lifecycle import Held
from relay.rules.status import (
    SendPermission,
    Status,
    destination_status,
    may_send,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER, BEFORE = NOW + timedelta(minutes=1), NOW - timedelta(minutes=1)


def row(**columns: Any) -> Any:
    """A destination's row."""
    defaults: dict[str, Any] = {
        "state": "active",
        "paused_reason": "",
        "held_until": None,
        "held_reason": "",
        "circuit": "closed",
        "circuit_since": None,
        "circuit_until": None,
        "circuit_reason": "",
    }
    return SimpleNamespace(**defaults | columns)


OPEN: dict[str, Any] = {"circuit": "open", "circuit_until": LATER}
HELD: dict[str, Any] = {"held_until": LATER}


@pytest.mark.parametrize(
    ("columns", "status"),
    [
        ({}, Status.ACTIVE),
        ({"state": "paused"}, Status.PAUSED),
        ({"state": "closed"}, Status.REMOVED),
        (HELD, Status.HELD),
        ({"held_until": NOW}, Status.ACTIVE),
        ({"held_until": BEFORE}, Status.ACTIVE),
        (OPEN, Status.CIRCUIT_OPEN),
        ({"circuit": "open", "circuit_until": NOW}, Status.PROBING),
        ({"circuit": "open"}, Status.PROBING),
        ({"circuit": "probing"}, Status.PROBING),
        ({"circuit_since": NOW}, Status.RECOVERING),
        ({"circuit_since": NOW - timedelta(seconds=RAMP_S)}, Status.ACTIVE),
        # the first rule that applies wins
        ({"state": "closed"} | HELD | OPEN, Status.REMOVED),
        ({"state": "paused"} | HELD | OPEN, Status.PAUSED),
        (HELD | OPEN, Status.HELD),
        (HELD | {"circuit": "probing"}, Status.HELD),
    ],
)
def test_the_status_follows_from_the_row(columns: dict[str, Any], status: Status) -> None:
    assert destination_status(row(**columns), NOW).status is status


def test_a_destination_that_is_probed_says_why() -> None:
    probed = row(circuit="probing", circuit_reason="It was down.")
    assert destination_status(probed, NOW).reason == "It was down."


def test_a_newer_circuit_replaces_the_one_in_the_row() -> None:
    circuit = Circuit(CircuitState.OPEN, NOW, LATER, "It is down.")
    status = destination_status(row(), NOW, circuit)
    assert (status.status, status.reason, status.until) == (
        Status.CIRCUIT_OPEN,
        "It is down.",
        LATER,
    )


@pytest.mark.parametrize(
    ("columns", "hold"),
    [
        ({}, None),
        ({"circuit": "probing"}, None),
        ({"circuit_since": NOW}, None),
        ({"state": "paused"}, Held("paused", "The destination is paused.")),
        (
            {"state": "paused", "paused_reason": "It moved."},
            Held("paused", "The destination is paused. It moved."),
        ),
        ({"state": "closed"}, Held("removed", "The destination was removed.")),
        (HELD | {"held_reason": "Used up."}, Held("held", "Used up.", 60.0)),
        (OPEN | {"circuit_reason": "Down."}, Held("circuit_open", "Down.", 60.0)),
    ],
)
def test_a_hold_says_why_and_for_how_long(columns: dict[str, Any], hold: Held | None) -> None:
    assert destination_status(row(**columns), NOW).hold(NOW) == hold


@pytest.mark.parametrize(
    ("columns", "subscription", "permission"),
    [
        ({}, "active", SendPermission.NOW),
        ({}, "paused", SendPermission.LATER),
        ({}, "closed", SendPermission.NEVER),
        ({"state": "paused"}, "active", SendPermission.LATER),
        ({"state": "paused"}, "closed", SendPermission.NEVER),
        (OPEN, "active", SendPermission.LATER),
        (HELD, "paused", SendPermission.LATER),
        ({"state": "closed"}, "active", SendPermission.NEVER),
        ({"state": "closed"}, "paused", SendPermission.NEVER),
    ],
)
def test_what_is_removed_is_never_sent_and_what_is_paused_later(
    columns: dict[str, Any], subscription: str, permission: SendPermission
) -> None:
    assert may_send(destination_status(row(**columns), NOW), subscription) is permission
