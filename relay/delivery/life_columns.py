"""The columns of a delivery that store its life (``relay.rules.lifecycle``)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from relay.models import Delivery
from relay.rules.lifecycle import SETTLED, Life, State, Transition


def life_of(row: Any) -> Life:
    """A delivery, or a row with its columns, as the state machine sees it."""
    return Life(
        state=State(row.state),
        due_at=row.due_at,
        lease_until=row.lease_until,
        lease_token=row.lease_token,
        attempts=row.attempts,
        attempts_since_replay=row.attempts_since_replay,
        claims=row.claims,
        revived_from=State(row.revived_from) if row.revived_from else None,
    )


def columns_of(life: Life, now: datetime) -> dict[str, Any]:
    """The columns that store a life.  ``now`` is when it settled, if its state is final."""
    return {
        "state": life.state.value,
        "due_at": life.due_at,
        "lease_until": life.lease_until,
        "lease_token": life.lease_token,
        "attempts": life.attempts,
        "attempts_since_replay": life.attempts_since_replay,
        "claims": life.claims,
        "revived_from": life.revived_from.value if life.revived_from else None,
        "settled_at": now if life.state in SETTLED else None,
    }


def apply_transition(delivery: Delivery, outcome: Transition, now: datetime) -> None:
    """Write a transition to a loaded delivery."""
    for name, value in columns_of(outcome.life, now).items():
        setattr(delivery, name, value)
