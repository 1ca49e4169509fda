"""What the navigation shows on every page: how many failed deliveries need a person."""

from __future__ import annotations

from typing import Any

from flask import Flask, g

from relay.dashboard import htmx
from relay.services.dead_letters import actions as dead_letter_actions


def failed_count() -> int:
    """Unresolved failed deliveries, counted once per request."""
    if "failed_count" not in g:
        g.failed_count = dead_letter_actions.count_open()
    return g.failed_count  # type: ignore[no-any-return]


def remember_failed_count(count: int) -> None:
    """Reuse a count that a view has read already."""
    g.failed_count = count


def context() -> dict[str, Any]:
    """For whole pages of a signed-in person: a fragment has no navigation."""
    if g.get("person") is None or htmx.wants_fragment():
        return {}
    return {"failed_count": failed_count()}


def init_app(app: Flask) -> None:
    app.context_processor(context)
