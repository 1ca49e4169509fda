"""The headers of every call, and the JSON body of destinations without a format of their own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from relay.destinations.base import Message

USER_AGENT = "Relay/1.0"


def headers_of(message: Message) -> tuple[tuple[str, str], ...]:
    """The headers of every call: the client, the ids of attempt and event, the idempotency key."""
    return (
        ("User-Agent", USER_AGENT),
        ("X-Request-Id", message.attempt_key),
        ("X-Correlation-Id", message.event_id),
        ("Idempotency-Key", message.key),
        ("traceparent", message.traceparent),
    )


def body_of(message: Message) -> bytes:
    """The event as JSON, or the object of the mapping.  The same bytes on every attempt."""
    body = nested(message.mapped) if message.mapped else _event_of(message)
    if message.is_test:
        body["test"] = True
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Named values as one object.  ``customer.email`` goes into ``customer``; the last one wins."""
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


def _event_of(message: Message) -> dict[str, Any]:
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
