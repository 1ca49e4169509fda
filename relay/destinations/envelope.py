"""What every call carries, and the body that plain receivers get."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from relay.destinations.base import Message

USER_AGENT = "Relay/1.0"


def headers_of(message: Message) -> tuple[tuple[str, str], ...]:
    """The headers of the contract: who calls, about which event, under which key."""
    return (
        ("User-Agent", USER_AGENT),
        ("X-Request-Id", message.attempt_key),
        ("X-Correlation-Id", message.event_id),
        ("Idempotency-Key", message.key),
        ("traceparent", message.traceparent),
    )


def body_of(message: Message) -> bytes:
    """The event as JSON, or the object that a mapping made; the same bytes on every attempt."""
    body = nested(message.mapped) if message.mapped else _whole(message)
    if message.is_test:
        body["test"] = True
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Named values as one object: ``customer.email`` stands in ``customer``; the later one wins."""
    body: dict[str, Any] = {}
    for name, value in values.items():
        *outer, last = name.split(".")
        inner = body
        for part in outer:
            if not isinstance(inner.get(part), dict):
                inner[part] = {}
            inner = inner[part]
        inner[last] = value
    return body


def _whole(message: Message) -> dict[str, Any]:
    body = {
        "event": message.event_type,
        "event_id": message.event_id,
        "site": message.payload.get("site", message.site_url),
        "source": message.site_name,
        "received_at": message.received_at.isoformat(timespec="milliseconds").replace(
            "+00:00", "Z"
        ),
        "data": message.data,
    }
    return body | {"ai": message.ai} if message.ai else body
