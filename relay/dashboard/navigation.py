"""What the navigation shows on every page: how many failed deliveries and alerts need attention."""

from __future__ import annotations

from typing import Any

from flask import Flask, g

from relay.dashboard import htmx
from relay.services import overview


def failed_count() -> int:
    """Unresolved failed deliveries, counted once per request."""
    return _counts()[0]


def alert_count() -> int:
    """Open alerts that need attention, counted once per request."""
    return _counts()[1]


def _counts() -> tuple[int, int]:
    if "navigation_counts" not in g:
        g.navigation_counts = overview.load_counts()
    return g.navigation_counts  # type: ignore[no-any-return]


def remember_counts(failed: int, alerts: int) -> None:
    """Reuse counts that a view has read already."""
    g.navigation_counts = failed, alerts


def context() -> dict[str, Any]:
    """For whole pages of a signed-in person: a fragment has no navigation."""
    if g.get("person") is None or htmx.wants_fragment():
        return {}
    return {"failed_count": failed_count(), "alert_count": alert_count()}


def init_app(app: Flask) -> None:
    app.context_processor(context)
