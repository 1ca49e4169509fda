"""The person that an event is from: who wrote, ordered or registered.  Pure.

Nothing is validated here.  Who sends something to the address checks it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relay.event_types import family_of
from relay.mapping import lead_fields, order_fields
from relay.mapping.order_fields import text
from relay.mapping.people import name_in


def writer_of(event_type: str, data: Any) -> tuple[str, str]:
    """The name and the e-mail address; each can be empty."""
    if not isinstance(data, Mapping):
        return "", ""
    family = family_of(event_type)
    if family == "comment":
        return name_in(data.get("author")), text(data, "author_email")
    if family == "lead":
        return lead_fields.full_name(data), lead_fields.email(data)
    if customer_email := order_fields.email(data):
        return order_fields.full_name(data), customer_email
    return name_in(data.get("name")), text(data, "email")
