"""The stored body of an event."""

from __future__ import annotations

from typing import Any

from relay import exact_json
from relay.event_types import read_empty_objects


def parse_payload(payload: str) -> dict[str, Any]:
    """The body of an event; it was validated when it was received.  Its decimals keep their digits."""
    return read_empty_objects(exact_json.loads(payload))
