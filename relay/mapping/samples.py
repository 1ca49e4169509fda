"""One realistic event of every type that ships, for test-sends and previews."""

from __future__ import annotations

from typing import Any

AT = "2026-01-15T10:30:00Z"
ORDER: dict[str, Any] = {
    "id": 1042,
    "number": "1042",
    "status": "processing",
    "currency": "EUR",
    "total": "129.90",
    "customer": {"name": "Jane Example", "email": "jane@example.com"},
    "items": [
        {"name": "Blue teapot", "sku": "TEA-BLUE", "quantity": 1, "total": "89.90"},
        {"name": "Green tea, 100 g", "sku": "TEA-100", "quantity": 2, "total": "40.00"},
    ],
    "created_at": AT,
}
SAMPLES: dict[str, dict[str, Any]] = {
    "comment.created": {
        "id": 318,
        "post_id": 12,
        "author": "Jane Example",
        "author_email": "jane@example.com",
        "content": "Does the blue teapot come with a lid?",
        "created_at": AT,
        "post_title": "Our new teapots",
        "status": "approved",
        "parent": 0,
    },
    "order.created": ORDER,
    "order.status_changed": ORDER | {"status": "completed", "previous_status": "processing"},
    "lead.created": {
        "form": {"plugin": "contact-form-7", "id": 7, "title": "Contact"},
        "fields": {
            "Name": "Jane Example",
            "E-mail": "jane@example.com",
            "Message": "Please call me about a bulk order.",
        },
        "page_url": "https://shop.example.com/contact",
        "consent": True,
        "created_at": AT,
    },
    "user.registered": {
        "id": 77,
        "login": "jane",
        "email": "jane@example.com",
        "created_at": AT,
    },
    "relay.test": {"message": "This is a test event from Relay."},
}
