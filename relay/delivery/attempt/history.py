"""One call as a row of the history, and as the line and the figures that tell it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from relay.delivery.attempt.outcome import OUTCOMES
from relay.delivery.attempt.run import AttemptResult
from relay.delivery.claim import Claim
from relay.observability import metrics, tracing
from relay.observability.logging import log
from relay.rules.lifecycle import Accepted, Held

FINE = (OUTCOMES[Accepted], OUTCOMES[Held])


def attempt_row(one: Claim, called: AttemptResult, now: datetime) -> dict[str, Any]:
    """The history's row of one call; ``now`` is when it ended."""
    signal = called.signal
    return {
        "key": called.attempt_key,
        "delivery_id": one.delivery_id,
        "number": one.life.attempts + 1,
        "outcome": OUTCOMES[type(signal)],
        "code": getattr(signal, "code", ""),
        "sentence": getattr(signal, "sentence", ""),
        "status": called.status,
        "started_at": now,
        "elapsed_ms": round(called.elapsed_ms, 2),
        "request": called.request,
        "response": called.response,
        "ai": called.ai,
    }


def log_attempt(
    one: Claim,
    row: dict[str, Any],
    kind: str,
    destination_id: int,
    next_at: datetime | None,
) -> None:
    """One line, two figures and a span tell a whole attempt."""
    metrics.attempts.labels(kind, row["outcome"]).inc()
    metrics.attempt_seconds.labels(kind).observe(row["elapsed_ms"] / 1000)
    log(
        "attempt",
        correlation_id=one.event_id,
        request_id=row["key"],
        delivery=one.key,
        destination=destination_id,
        kind=kind,
        number=row["number"],
        outcome=row["outcome"],
        status=row["status"],
        code=row["code"] or None,
        ai=(row["ai"] or {}).get("outcome"),
        ms=row["elapsed_ms"],
        next_at=next_at.isoformat() if next_at else None,
    )
    facts = {"relay.kind": kind, "relay.outcome": row["outcome"], "relay.delivery": one.key}
    if row["status"]:
        facts["http.response.status_code"] = row["status"]
    tracing.attempted(
        one.event_id, row["key"], row["elapsed_ms"], row["outcome"] not in FINE, facts
    )
