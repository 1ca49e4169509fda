"""Turns a message into HubSpot records: a contact, a deal, or both."""

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
MAX_VALUE = 65_000  # characters of a value; HubSpot's limit is 65,536


@dataclass(frozen=True)
class RecordPair:
    """The records of one message.  At least one of them is set."""

    contact: Record | None
    deal: Record | None


def records_of(message: Message, account: Mapping[str, Any]) -> RecordPair:
    """The records of a message.  Raises Undeliverable if there is nothing to write."""
    contact = properties(message, account, "contact", "contacts")
    deal = properties(message, account, "deal", "deals")
    if not contact and not deal:
        raise Undeliverable(
            "nothing_to_write",
            f"No field of {message.event_type} is mapped to HubSpot. Map at least the e-mail address, "
            "or remove this event type from the subscription.",
        )
    email = contact.get("email", "").strip()
    if not email and not deal:
        raise Undeliverable(
            "no_email",
            "This event has no e-mail address, which HubSpot needs for a contact. Map another field to "
            "the e-mail address, or add a condition that only lets events with an address pass.",
            "email",
        )
    if message.is_test:
        mark_as_test(contact, "firstname")
        mark_as_test(deal, "dealname")
        if email:  # a test must not change a real contact
            email = contact["email"] = TEST_EMAIL
    if deal:
        deal[ORDER_KEY] = order_key(message)
    return RecordPair(
        Record(message, email, contact) if email else None,
        Record(message, deal[ORDER_KEY], deal) if deal else None,
    )


def mark_as_test(properties: dict[str, str], name: str) -> None:
    """Put TEST before the name, so that people recognize a test in HubSpot."""
    if properties:
        properties[name] = f"TEST {properties.get(name, '')}".strip()


def order_key(message: Message) -> str:
    """The unique value of a deal: the site and its order, or the site and the event."""
    url = urlsplit(message.site_url)
    site = (url.netloc + url.path.rstrip("/")).lower()
    order_id = message.data.get("id")
    if message.event_type.startswith("order.") and order_id is not None and not message.is_test:
        return f"{site}:{order_id}"
    return f"{site}:event:{message.event_id}"


def properties(
    message: Message, account: Mapping[str, Any], prefix: str, object_type: str
) -> dict[str, str]:
    """The mapped fields of one object.  HubSpot takes all values as text."""
    found = {}
    for target, value in message.mapped.items():
        group, _, name = target.partition(".")
        if group == prefix and name:
            text = as_text(value, type_of(account, object_type, name))
            if text:
                found[name] = text
    return found


def as_text(value: Any, type_: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ";".join(as_text(item, type_) for item in value)[:MAX_VALUE]
    if isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False)[:MAX_VALUE]
    text = str(value).strip()[:MAX_VALUE]
    if type_ == "yes_no":
        return {"yes": "true", "1": "true", "on": "true", "no": "false", "0": "false"}.get(
            text.lower(), text.lower()
        )
    return as_date(text, type_) if type_ in ("date", "day") else text


def as_date(text: str, type_: str) -> str:
    """An ISO 8601 timestamp; only its day for a property of type date."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return moment.date().isoformat() if type_ == "day" else moment.isoformat()
