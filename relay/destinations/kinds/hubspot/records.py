"""What one message is in HubSpot: a contact, a deal, both, or a form's submission."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from relay.destinations.base import Message
from relay.destinations.kinds.hubspot.account import ORDER_KEY, type_of
from relay.destinations.kinds.hubspot.batches import Record
from relay.errors import Undeliverable

TEST_EMAIL = "relay-test@example.com"
LONGEST = 65_000  # of one value, by HubSpot's own limit of 65,536


@dataclass(frozen=True)
class Parts:
    """What a message is made of there.  Either may be missing, not both."""

    contact: Record | None
    deal: Record | None


def parts_of(message: Message, account: Mapping[str, Any]) -> Parts:
    """Raises Undeliverable where nothing can be written."""
    contact = properties(message, account, "contact", "contacts")
    deal = properties(message, account, "deal", "deals")
    if not contact and not deal:
        raise Undeliverable(
            "nothing_to_write",
            f"Nothing of {message.event_type} is mapped to a field of HubSpot. Connect at least the "
            "e-mail address in the mapping, or take this kind of event off the destination.",
        )
    email = contact.get("email", "").strip()
    if not email and not deal:
        raise Undeliverable(
            "no_email",
            "This event has no e-mail address, and HubSpot knows its contacts by it. Map another "
            "field to it, or let only events with an address come here.",
            "email",
        )
    if message.is_test:
        mark(contact, "firstname")
        mark(deal, "dealname")
        if email:  # never a real person's contact
            email = contact["email"] = TEST_EMAIL
    if deal:
        deal[ORDER_KEY] = order_key(message)
    return Parts(
        Record(message, email, contact) if email else None,
        Record(message, deal[ORDER_KEY], deal) if deal else None,
    )


def mark(properties: dict[str, str], name: str) -> None:
    """A person's test-send says so where they will see it."""
    if properties:
        properties[name] = f"TEST {properties.get(name, '')}".strip()


def order_key(message: Message) -> str:
    """What a deal is known by, the same on every attempt: the site and its order, else the event."""
    site = urlsplit(message.site_url)
    place = (site.netloc + site.path.rstrip("/")).lower()
    number = message.data.get("id")
    if message.event_type.startswith("order.") and number is not None and not message.is_test:
        return f"{place}:{number}"
    return f"{place}:event:{message.event_id}"


def properties(
    message: Message, account: Mapping[str, Any], prefix: str, object_type: str
) -> dict[str, str]:
    """The mapped fields of one object, as HubSpot takes them: all values are text."""
    found = {}
    for target, value in message.mapped.items():
        group, _, name = target.partition(".")
        if group == prefix and name:
            text = as_text(value, type_of(account, object_type, name))
            if text:
                found[name] = text
    return found


def as_text(value: Any, kind: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ";".join(as_text(one, kind) for one in value)[:LONGEST]
    if isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False)[:LONGEST]
    text = str(value).strip()[:LONGEST]
    if kind == "yes_no":
        return {"yes": "true", "1": "true", "on": "true", "no": "false", "0": "false"}.get(
            text.lower(), text.lower()
        )
    return as_date(text, kind) if kind in ("date", "day") else text


def as_date(text: str, kind: str) -> str:
    """An instant by ISO 8601, or its day, which is all that a date without a time takes."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return moment.date().isoformat() if kind == "day" else moment.isoformat()
