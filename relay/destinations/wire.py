"""What every call carries, and the body that plain receivers get."""

from __future__ import annotations

import json

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
    """The event as JSON, the same bytes on every attempt."""
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
    if message.ai:
        body["ai"] = message.ai
    if message.is_test:
        body["test"] = True
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
