"""Reading what HubSpot answers: every part may be missing, or be something else than documented."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from relay.transport.request import Reply


def body_of(reply: Reply) -> dict[str, Any]:
    """The answer as an object."""
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def object_at(found: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The object of that name."""
    value = found.get(name)
    return value if isinstance(value, dict) else {}


def texts(value: Any) -> list[str]:
    """One text or several, as a list."""
    return [str(one) for one in (value if isinstance(value, list) else [value]) if one]
