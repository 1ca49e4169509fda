"""Turns a message into HubSpot records: a contact, a deal, or both."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from relay import exact_json
from relay.destinations.base import Message
from relay.destinations.kinds.hubspot import money
from relay.destinations.kinds.hubspot.account import ORDER_KEY, label_of, type_of
from relay.destinations.kinds.hubspot.batches import Record
from relay.errors import Undeliverable
from relay.i18n import N_, _
from relay.rules.notes import NOTHING_SENT, SHORTENED, Note

CONTACT = N_("the customer's contact")
TEST_EMAIL = "relay-test@example.com"
MAX_VALUE = 65_536  # https://knowledge.hubspot.com/properties/property-field-types-in-hubspot
LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
DOMAIN = re.compile(r"([^\s@.,;<>]+\.)+([^\W\d_]{2,63}|xn--[A-Za-z0-9-]+)")


@dataclass(frozen=True)
class RecordPair:
    """The records of one message, and what was left out of them.

    Without any record, the event type is not for HubSpot and ``notes`` say so.
    """

    contact: Record | None
    deal: Record | None
    notes: tuple[Note, ...] = ()


def records_of(
    message: Message, account: Mapping[str, Any], other_currency: str = money.HOLD
) -> RecordPair:
    """The records of a message.  ``other_currency`` is that setting of the destination.

    Raises Undeliverable if a value is missing or does not fit that HubSpot needs.
    """
    contact, contact_notes = properties(message, account, "contact", "contacts")
    deal, deal_notes = properties(message, account, "deal", "deals")
    if not contact and not deal:
        return RecordPair(None, None, (not_mapped(message),))
    email = contact.get("email", "").strip()
    if not deal:
        check_email(message, email)
    if message.is_test:
        mark_as_test(contact, "firstname")
        mark_as_test(deal, "dealname")
        if email:  # a test must not change a real contact
            email = contact["email"] = TEST_EMAIL
    notes = (*contact_notes, *deal_notes)
    if contact and not is_about_order(message) and (missing := missing_in(deal)):
        notes = (*contact_notes, *without_deal(message, missing))
        deal = {}
        check_email(message, email)
    if deal and contact and not is_accepted(email):
        notes = (*deal_notes, *without_contact(message, email))
        email = ""
    return RecordPair(
        Record(message, email, contact, frozenset({"email"})) if email else None,
        deal_record(message, account, deal, other_currency) if deal else None,
        notes,
    )


def not_mapped(message: Message) -> Note:
    """The note of an event of a type that has no mapping.

    Raises Undeliverable if the type has one and it yields nothing: then something is wrong.
    """
    if message.has_mapping:
        raise Undeliverable(
            "nothing_to_write",
            _(
                "No field that is mapped for %(type)s has a value, so there is nothing "
                "to write. Map at least the e-mail address, or remove this event type from "
                "the subscription.",
                type=message.event_type,
            ),
        )
    return Note(
        "",
        message.event_type,
        _(
            "no field of %(type)s is mapped to HubSpot. To write it, map its fields; else remove this event "
            "type from the subscription.",
            type=message.event_type,
        ),
        NOTHING_SENT,
    )


def check_email(message: Message, email: str) -> None:
    """Raises Undeliverable if a contact alone has no address that HubSpot accepts."""
    if not email:
        raise Undeliverable(
            "no_email",
            _(
                "This event has no e-mail address, which HubSpot needs for a contact. Map another field to "
                "the e-mail address, or add a condition that only lets events with an address pass."
            ),
            "email",
        )
    if not is_accepted(email):
        raise Undeliverable(
            "bad_value",
            _(
                "HubSpot does not accept the e-mail address “%(email)s”. Check its spelling, "
                "or map another field to it.",
                email=email,
            ),
            "email",
        )


def is_accepted(email: str) -> bool:
    """Whether HubSpot accepts an address as far as Relay can tell: it also checks the domain's end.

    Source: https://legacydocs.hubspot.com/docs/faq/how-does-hubspot-validate-email-addresses
    """
    local, _at, domain = email.rpartition("@")
    return bool(LOCAL_PART.fullmatch(local) and DOMAIN.fullmatch(domain))


def is_about_order(message: Message) -> bool:
    return message.event_type.startswith("order.") or message.event_type == money.REFUNDED


def missing_in(deal: Mapping[str, str]) -> list[str]:
    """The labels of what a deal needs and does not have; none without a deal."""
    needed = {"dealname": _("Deal name"), "dealstage": _("Deal stage")}
    return [label for name, label in needed.items() if deal and name not in deal]


def without_deal(message: Message, missing: list[str]) -> tuple[Note, ...]:
    """The note that a contact was written without the deal, which lacks a field."""
    reason = _(
        "HubSpot needs %(missing)s for a deal. Map them, or remove the deal's fields",
        missing=f" {_(money.AND)} ".join(missing),
    )
    return (Note("deal", N_("the deal"), reason),)


def without_contact(message: Message, email: str) -> tuple[Note, ...]:
    """The note that an order has no contact."""
    reason = _("HubSpot does not accept the e-mail address “%(email)s”", email=email)
    if not email:
        reason = _("the order has no e-mail address, which identifies a contact in HubSpot")
        if any(note.field == "contact.email" for note in message.notes):
            reason = _("HubSpot identifies a contact by its e-mail address")
    return (Note("contact", CONTACT, reason),)


def deal_record(
    message: Message, account: Mapping[str, Any], deal: dict[str, str], other_currency: str
) -> Record:
    """The deal of a message, without an amount in another currency.  Raises Undeliverable."""
    key = order_key(message)
    amount = money.amount_of(message, account, deal, other_currency)
    kept = {name: value for name, value in deal.items() if name not in money.FIELDS}
    return Record(
        message,
        key,
        {**kept, **amount.properties, ORDER_KEY: key},
        frozenset({ORDER_KEY, "dealname", "dealstage", *amount.required}),
        together=frozenset(money.FIELDS),
        notes=amount.notes,
    )


def mark_as_test(properties: dict[str, str], name: str) -> None:
    """Put TEST before the name, so that people recognize a test in HubSpot."""
    if properties:
        properties[name] = f"TEST {properties.get(name, '')}".strip()


def order_key(message: Message) -> str:
    """The unique value of a deal: the site and its order, or the site and the event."""
    url = urlsplit(message.site_url)
    site = (url.netloc + url.path.rstrip("/")).lower()
    refund_of = message.data.get("order_id") if message.event_type == money.REFUNDED else None
    order_id = message.data.get("id") if message.event_type.startswith("order.") else refund_of
    if order_id is not None and not message.is_test:
        return f"{site}:{order_id}"
    return f"{site}:event:{message.event_id}"


def properties(
    message: Message, account: Mapping[str, Any], prefix: str, object_type: str
) -> tuple[dict[str, str], list[Note]]:
    """The mapped fields of one object, as HubSpot takes them: all values as text."""
    found, notes = {}, []
    for target, value in message.mapped.items():
        group, _dot, name = target.partition(".")
        if group != prefix or not name:
            continue
        text = as_text(value, type_of(account, object_type, name))
        if text:
            found[name] = shortened(text)
        if found.get(name, text) != text:
            reason = _("HubSpot takes at most %(most)s characters", most=f"{MAX_VALUE:,}")
            label = label_of(account, object_type, name)
            notes.append(Note(target, label, reason, SHORTENED))
    return found, notes


def shortened(text: str) -> str:
    """The text up to HubSpot's limit, counted as Java counts: an emoji is two characters."""
    if len(text) <= MAX_VALUE // 2:
        return text
    return text.encode("utf-16-le")[: MAX_VALUE * 2].decode("utf-16-le", "ignore")


def as_text(value: Any, type_: str) -> str:
    """A value as HubSpot takes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ";".join(_texts(value, type_))
    if isinstance(value, Mapping):
        return exact_json.dumps(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, float):
        return f"{Decimal(repr(value)):f}"
    text = str(value).strip()
    if type_ == "yes_no":
        return {"yes": "true", "1": "true", "on": "true", "no": "false", "0": "false"}.get(
            text.lower(), text.lower()
        )
    return as_date(text, type_) if type_ in ("date", "day") else text


def _texts(values: list[Any] | tuple[Any, ...], type_: str) -> Iterator[str]:
    return (as_text(item, type_) for item in values)


def as_date(text: str, type_: str) -> str:
    """A day, or an ISO 8601 timestamp with an offset; for a property of type date only the day."""
    try:
        if type_ == "day" or len(text) == len("2026-03-01"):
            return date.fromisoformat(text[:10]).isoformat()
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return moment.isoformat(timespec="seconds") if moment.tzinfo else f"{moment.isoformat()}+00:00"
