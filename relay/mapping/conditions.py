"""Which events a subscription wants.  Pure: the standard library only."""

from __future__ import annotations

from collections.abc import Iterable

# What sites say to Relay itself.  Taken and kept as any event, never delivered, in no list of events.
INTERNAL_TYPES = frozenset({"relay.report", "relay.erase"})


def matches_type(patterns: Iterable[str], event_type: str) -> bool:
    """Whether a type is one of ``patterns``: ``*``, ``order.created`` or ``order.*``.

    The types that Relay keeps for itself match no pattern, whatever it says.
    """
    return event_type not in INTERNAL_TYPES and any(
        pattern in ("*", event_type)
        or (pattern.endswith(".*") and event_type.startswith(pattern[:-1]))
        for pattern in patterns
    )
