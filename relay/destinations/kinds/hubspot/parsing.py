"""Reads HubSpot's JSON safely: any part can be missing or have another type than documented."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from relay.transport.request import Reply


def body_of(reply: Reply) -> dict[str, Any]:
    """The response's JSON object; empty if it has none."""
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects in a list; none if ``value`` is not a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def object_at(outer: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The object under ``name``; empty if there is none."""
    value = outer.get(name)
    return value if isinstance(value, dict) else {}


def texts(value: Any) -> list[str]:
    """One text or a list of texts, as a list."""
    return [str(item) for item in (value if isinstance(value, list) else [value]) if item]
