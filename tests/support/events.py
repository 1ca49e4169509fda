"""Events as a site sends them, each with an event id of its own."""

from __future__ import annotations

import secrets
from typing import Any

from relay.event_types import SAMPLE_ORDER

# The data of a small order.
SMALL_ORDER: dict[str, Any] = {
    "id": 1042,
    "number": "1042",
    "status": "processing",
    "currency": "EUR",
    "total": "129.90",
    "customer": {"name": "Jane Example", "email": "jane@example.com"},
    "items": [],
    "created_at": "2026-03-01T12:00:00+00:00",
}

# An event with values of every type, for conditions and operators.
VARIED_ORDER: dict[str, Any] = {
    "event": "order.created",
    "data": {
        "total": "129.90",
        "count": 3,
        "number": "007",
        "status": "Processing",
        "note": "  ",
        "nothing": None,
        "zero": 0,
        "consent": True,
        "refused": False,
        "created_at": "2026-03-01T23:30:00+00:00",
        "local_at": "2026-03-02T01:30:00+02:00",
        "day": "2026-03-01",
        "customer": {"country": "DE", "email": "Jane@Example.com", "phone": "0049 30 123"},
        "tags": ["VIP", "newsletter"],
        "items": [{"sku": "TEA-BLUE", "quantity": 2}, {"sku": "TEA-100", "quantity": 1}],
        "empty_list": [],
    },
}


def comment(**changes: Any) -> dict[str, Any]:
    """A ``comment.created`` as a site sends it, with an event id of its own."""
    event_id = f"evt-{secrets.token_hex(8)}"
    data = {
        "id": 7,
        "post_id": 42,
        "author": "Jane Doe",
        "content": "Grüße aus Köln 😀",
        "created_at": "2026-03-01T12:00:00+00:00",
    }
    event = {
        "event": "comment.created",
        "event_id": event_id,
        "site": "https://shop.example.com",
        "data": data,
    }
    return {**event, **changes}


def order(event_id: str | None = None, **data: Any) -> dict[str, Any]:
    """An ``order.created``; ``data`` changes fields of the sample order."""
    return comment(
        event="order.created",
        event_id=event_id or f"order-{secrets.token_hex(6)}",
        data=SAMPLE_ORDER | data,
    )


def lead(number: int = 1, email: str = "", **data: Any) -> dict[str, Any]:
    """A ``lead.created`` of person ``number``; ``data`` changes fields of it."""
    sample = {
        "form": {"plugin": "contact-form-7", "id": 7, "title": "Contact"},
        "fields": {
            "E-mail": email or f"person{number}@example.com",
            "Name": f"Person {number}",
        },
        "consent": True,
        "created_at": "2026-03-01T12:00:00+00:00",
    }
    return comment(event="lead.created", data=sample | data)
