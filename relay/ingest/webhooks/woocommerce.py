"""WooCommerce's own webhooks as events of Relay.  Pure: imports the standard library only.

The payload is the object as WooCommerce's REST API (v1 to v3) shows it, built when the webhook is sent;
of a deleted object it is only ``{"id": 7}``.  The signature is over the body alone: neither the time nor
the topic is signed.

Sources: WooCommerce 11.0.1, includes/class-wc-webhook.php and
includes/rest-api/Controllers/Version2/class-wc-rest-orders-v2-controller.php.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

PING = re.compile(rb"webhook_id=[0-9]{1,20}\Z")  # sent when a webhook is saved, without a signature
TOPIC = re.compile(r"[a-z0-9_.-]{1,100}\Z")
HOOK = "action."
DRAFTS = frozenset(("auto-draft", "checkout-draft"))
AMOUNT = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,8})?\Z")
ADDRESS = ("company", "address_1", "address_2", "city", "state", "postcode", "country")
MAX_LINES = 500
MAX_EXPONENT = 20  # 1e-999999999 is a short text and a number of a billion digits


class UnreadablePayload(Exception):
    """The payload is not what WooCommerce sends for its topic; ``str()`` says why."""


@dataclass(frozen=True)
class WebhookEvent:
    """An event, as ``event_type`` and ``data``.

    ``object_id`` is 0 for a hook.  ``revision`` is when the object was changed, in Unix seconds; None
    for a deleted one and for a hook.
    """

    event_type: str
    data: dict[str, Any]
    object_id: int
    revision: int | None


def event_of(topic: str, payload: Any) -> WebhookEvent | None:
    """The event of a webhook; None for a draft, which is no event yet.  Raises UnreadablePayload."""
    if not isinstance(payload, Mapping):
        raise UnreadablePayload("The payload is not an object.")
    if topic.startswith(HOOK) and isinstance(payload.get("action"), str):
        # a hook of WordPress, chosen under "Action": its name and its first argument, no object
        return WebhookEvent(f"x.woocommerce.{topic}"[:60], dict(payload), 0, None)
    number = payload.get("id")
    if isinstance(number, str) and number.isascii() and number.isdigit() and len(number) < 19:
        number = int(number)
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        # instead of the object, WooCommerce signs and sends the error of its REST API
        error = f" WooCommerce sent: {payload['message']}" if payload.get("message") else ""
        raise UnreadablePayload(f"The payload has no id.{error[:200]}")
    status = payload.get("status")
    if isinstance(status, list | Mapping):
        raise UnreadablePayload("status must be text.")
    if status in DRAFTS:
        return None
    changed = instant(payload, "date_modified") or instant(payload, "date_created")
    revision = None if changed is None else int(changed.timestamp())
    converter = CONVERTERS.get(topic)
    if converter is None:
        return WebhookEvent(f"x.woocommerce.{topic}"[:60], dict(payload), number, revision)
    return WebhookEvent(topic, converter(payload), number, revision)


def order(source: Mapping[str, Any]) -> dict[str, Any]:
    billing, shipping = objects(source, "billing"), objects(source, "shipping")
    refunds = lines(source, "refunds")
    names = text(billing.get("first_name")), text(billing.get("last_name"))
    customer = {
        "id": source.get("customer_id") or None,
        "first_name": names[0],
        "last_name": names[1],
        "name": " ".join(filter(None, names)),
        "company": text(billing.get("company")),
        "email": text(billing.get("email")),
        "phone": text(billing.get("phone")),
        "billing": address(billing),
        "shipping": address(shipping, ("first_name", "last_name", "phone")),
    }
    shipping_lines = [
        {
            "name": text(line.get("method_title")),
            "method_id": text(line.get("method_id")),
            "total": amount(line.get("total")),
            "total_tax": amount(line.get("total_tax")),
        }
        for line in lines(source, "shipping_lines")
    ]
    coupons = [
        {
            "code": text(line.get("code")),
            "discount": amount(line.get("discount")),
            "discount_tax": amount(line.get("discount_tax")),
        }
        for line in lines(source, "coupon_lines")
    ]
    status = text(source.get("status"))
    found = {
        "id": source["id"],
        "number": text(source.get("number")) or str(source["id"]),
        "status": status,
        "current_status": status,
        "currency": text(source.get("currency")),
        "total": amount(source.get("total")),
        "total_tax": amount(source.get("total_tax")),
        "shipping_total": amount(source.get("shipping_total")),
        "discount_total": amount(source.get("discount_total")),
        "created_via": text(source.get("created_via")),
        "customer_note": text(source.get("customer_note")),
        "payment_method": text(source.get("payment_method_title")),
        "payment_method_id": text(source.get("payment_method")),
        "shipping_method": ", ".join(filter(None, (line["name"] for line in shipping_lines))),
        "shipping_lines": shipping_lines,
        "fee_lines": [
            {
                "name": text(line.get("name")),
                "total": amount(line.get("total")),
                "total_tax": amount(line.get("total_tax")),
            }
            for line in lines(source, "fee_lines")
        ],
        "coupon_lines": coupons,
        "coupon_codes": [line["code"] for line in coupons],
        "created_at": written(instant(source, "date_created")),
        "updated_at": written(instant(source, "date_modified")),
        "paid_at": written(instant(source, "date_paid")),
    }
    if refunds:
        refunded = -sum((decimal(line.get("total")) for line in refunds), Decimal())
        found["total_refunded"] = f"{refunded:f}"
        found["remaining_total"] = f"{decimal(source.get('total')) - refunded:f}"
    items = [item(line) for line in lines(source, "line_items")]
    return filled(found) | {"customer": filled(customer), "items": items}


def item(line: Mapping[str, Any]) -> dict[str, Any]:
    options = {
        text(meta.get("display_key")): text(meta.get("display_value"))
        for meta in lines(line, "meta_data")
        if not str(meta.get("key", "_")).startswith("_")
        and isinstance(meta.get("display_value"), str | int | float)
    }
    return filled(
        {
            "name": text(line.get("name")),
            "sku": text(line.get("sku")),
            "product_id": line.get("product_id"),
            "variation_id": line.get("variation_id") or None,
            "quantity": line.get("quantity"),
            "total": amount(line.get("total")),
            "subtotal": amount(line.get("subtotal")),
            "total_tax": amount(line.get("total_tax")),
            "options": {key: value for key, value in options.items() if key and value},
        }
    )


def product(source: Mapping[str, Any]) -> dict[str, Any]:
    return filled(
        {
            "id": source["id"],
            "name": text(source.get("name")),
            "type": text(source.get("type")),
            "status": text(source.get("status")),
            "sku": text(source.get("sku")),
            "parent_id": source.get("parent_id") or None,
            "price": amount(source.get("price")),
            "regular_price": amount(source.get("regular_price")),
            "sale_price": amount(source.get("sale_price")),
            "stock_status": text(source.get("stock_status")),
            "stock_quantity": source.get("stock_quantity"),
            "categories": [text(one.get("name")) for one in lines(source, "categories")],
            "page_url": link(source.get("permalink")),
            "created_at": written(instant(source, "date_created")),
            "updated_at": written(instant(source, "date_modified")),
        }
    ) | {"name": text(source.get("name"))}


def customer(source: Mapping[str, Any]) -> dict[str, Any]:
    names = text(source.get("first_name")), text(source.get("last_name"))
    return filled(
        {
            "id": source["id"],
            "email": text(source.get("email")),
            "name": " ".join(filter(None, names)),
            "first_name": names[0],
            "last_name": names[1],
            "username": text(source.get("username")),
            "role": text(source.get("role")),
            "phone": text(objects(source, "billing").get("phone")),
            "billing": address(objects(source, "billing")),
            "shipping": address(objects(source, "shipping"), ("first_name", "last_name", "phone")),
            "created_at": written(instant(source, "date_created")),
            "updated_at": written(instant(source, "date_modified")),
        }
    )


def coupon(source: Mapping[str, Any]) -> dict[str, Any]:
    return filled(
        {
            "id": source["id"],
            "status": text(source.get("status")),
            "discount_type": text(source.get("discount_type")),
            "amount": amount(source.get("amount")),
            "description": text(source.get("description")),
            "usage_count": source.get("usage_count"),
            "usage_limit": source.get("usage_limit"),
            "expires_at": written(instant(source, "date_expires")),
            "created_at": written(instant(source, "date_created")),
            "updated_at": written(instant(source, "date_modified")),
        }
    ) | {"code": text(source.get("code"))}


def deleted_order(source: Mapping[str, Any]) -> dict[str, Any]:
    """WooCommerce says only which order it was."""
    return {"id": source["id"], "number": str(source["id"])}


def deleted_coupon(source: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": source["id"], "code": f"#{source['id']}"}


CONVERTERS = {
    "order.created": order,
    "order.updated": order,
    "order.restored": order,
    "order.deleted": deleted_order,
    "product.created": product,
    "product.updated": product,
    "customer.created": customer,
    "customer.updated": customer,
    "coupon.created": coupon,
    "coupon.updated": coupon,
    "coupon.deleted": deleted_coupon,
}


# ---- values --------------------------------------------------------------------------------------


def text(value: Any) -> str:
    """A text as people read it: names are stored encoded by the block checkout."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return html.unescape(str(value)).strip()


def amount(value: Any) -> str | None:
    """An amount as decimal text; None if it is none."""
    if isinstance(value, str) and AMOUNT.match(value):
        return value
    found = f"{decimal(value):f}" if isinstance(value, int | float) else ""
    return found if AMOUNT.match(found) else None


def decimal(value: Any) -> Decimal:
    """An amount as a number; 0 if it is none, or out of range."""
    try:
        found = Decimal(str(value)) if not isinstance(value, bool) else Decimal()
    except InvalidOperation:
        return Decimal()
    exponent = found.as_tuple().exponent
    if not isinstance(exponent, int) or abs(exponent) > MAX_EXPONENT or abs(found) >= 10**15:
        return Decimal()
    return found


def instant(source: Mapping[str, Any], name: str) -> datetime | None:
    """A time in UTC; v1 of the API has only the one without an offset, in the shop's time."""
    value = source.get(f"{name}_gmt")
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if found is None or not 2000 <= found.year < 3000:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")


def link(value: Any) -> str | None:
    fine = isinstance(value, str) and re.match(r"https?://\S{1,1000}\Z", value)
    return value if fine else None


def address(source: Mapping[str, Any], more: Iterable[str] = ()) -> dict[str, str]:
    return filled({name: text(source.get(name)) for name in (*more, *ADDRESS)})


def objects(source: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = source.get(name)
    return value if isinstance(value, Mapping) else {}


def lines(source: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = source.get(name)
    found = value if isinstance(value, list) else []
    return [one for one in found[:MAX_LINES] if isinstance(one, Mapping)]


def filled(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are not empty."""
    return {name: value for name, value in values.items() if value not in (None, "", [], {})}
