"""Which events a subscription wants.  Pure: the standard library only."""

from __future__ import annotations

from collections.abc import Iterable

# Kept for Relay itself: no destination gets them, whatever it wants.
INTERNAL = frozenset(("relay.erase",))


def matches_type(patterns: Iterable[str], event_type: str) -> bool:
    """Whether a type is one of ``patterns``: ``*``, ``order.created`` or ``order.*``."""
    return event_type not in INTERNAL and any(
        pattern in ("*", event_type)
        or (pattern.endswith(".*") and event_type.startswith(pattern[:-1]))
        for pattern in patterns
    )
