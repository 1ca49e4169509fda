"""The data of an order or a refund in the forms that other services expect.  Pure: standard library only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from relay.mapping.people import name_in, split_name
from relay.mapping.printing import plain_text

PAID = ("processing", "completed")
CANCELLED = ("cancelled", "refunded", "failed")
STATUSES = {
    "pending": "Pending payment",  # i18n: keep
    "on-hold": "On hold",  # i18n: keep
    "checkout-draft": "Draft",
    "auto-draft": "Draft",
}
STREET = ("address_1", "address_2")
# The names that other senders use for the parts of an address.
OTHER_NAMES = {
    "address_1": ("street", "address", "line1", "address1"),
    "address_2": ("line2", "address2"),
    "postcode": ("zip", "postal_code", "zipcode"),
    "state": ("region", "province", "county"),
    "city": ("town",),
    "country": ("country_code",),
}
COUNTRIES_WITH_STATE_BEFORE_POSTCODE = frozenset("AU BR CA MX US".split())


def text(data: Mapping[str, Any], *names: str) -> str:
    """The first of these members that is not empty, as text."""
    return next((found for name in names if (found := plain_text(data.get(name)).strip())), "")


def _object(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = data.get(name)
    return found if isinstance(found, Mapping) else {}


def customer(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The customer; WordPress sends an empty one as a list."""
    return _object(data, "customer")


def number(data: Mapping[str, Any]) -> str:
    """The order number; of a refund, that of its order."""
    return text(data, "order_number", "number")


def status(data: Mapping[str, Any]) -> str:
    """The status without WooCommerce's prefix; of a refund, that of its order."""
    return text(data, "order_status", "status").lower().removeprefix("wc-")


def status_words(data: Mapping[str, Any]) -> str:
    """The status in words, such as ``On hold``."""
    found = status(data)
    return STATUSES.get(found) or found.replace("-", " ").replace("_", " ").capitalize()


def by_status(data: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    """The value of ``options`` for the status: ``paid``, ``cancelled``, else ``other``."""
    found = status(data)
    group = "paid" if found in PAID else "cancelled" if found in CANCELLED else "other"
    return str(options.get(group) or "")


def total_with_currency(data: Mapping[str, Any]) -> str:
    return " ".join(filter(None, (text(data, "total", "order_total"), text(data, "currency"))))


# ---- the customer -------------------------------------------------------------------------------


def name_parts(person: Mapping[str, Any]) -> tuple[str, str]:
    """The first and the last name as given; a whole name is split only if there are no parts."""
    given = _given(person)
    return given if any(given) else split_name(name_in(person.get("name")))


def _given(person: Mapping[str, Any]) -> tuple[str, str]:
    return text(person, "first_name"), text(person, "last_name")


def _parts(data: Mapping[str, Any]) -> tuple[str, str]:
    for found in (address(data, "billing"), address(data, "shipping")):
        if not any(_given(customer(data))) and any(_given(found)):
            return _given(found)
    return name_parts(customer(data))


def first_name(data: Mapping[str, Any]) -> str:
    return _parts(data)[0]


def last_name(data: Mapping[str, Any]) -> str:
    return _parts(data)[1]


def full_name(data: Mapping[str, Any]) -> str:
    return text(customer(data), "name") or " ".join(filter(None, _parts(data)))


def email(data: Mapping[str, Any]) -> str:
    return text(customer(data), "email") or text(address(data, "billing"), "email")


def phone(data: Mapping[str, Any]) -> str:
    return text(customer(data), "phone") or text(address(data, "billing"), "phone")


def company(data: Mapping[str, Any]) -> str:
    return text(customer(data), "company") or text(address(data, "billing"), "company")


# ---- addresses ----------------------------------------------------------------------------------


def address(data: Mapping[str, Any], which: str) -> Mapping[str, Any]:
    """The ``billing`` or ``shipping`` address, in the customer or in the order."""
    return _object(customer(data), which) or _object(data, which)


def part(data: Mapping[str, Any], which: str, name: str) -> str:
    """One part of an address, such as ``city``; an address without it has ""."""
    return text(address(data, which), name, *OTHER_NAMES.get(name, ()))


def street(data: Mapping[str, Any], which: str) -> str:
    return ", ".join(filter(None, (part(data, which, name) for name in STREET)))


def address_text(data: Mapping[str, Any], which: str) -> str:
    """An address, one line for each part as on a letter."""
    postcode, city, state, country = (
        part(data, which, name) for name in ("postcode", "city", "state", "country")
    )
    if country.upper() in COUNTRIES_WITH_STATE_BEFORE_POSTCODE:
        place = ", ".join(filter(None, (city, " ".join(filter(None, (state, postcode))))))
        lines = [place]
    else:
        lines = [" ".join(filter(None, (postcode, city))), state]
    # the customer's own name is known; that of a recipient is part of the address
    recipient = " ".join(_given(address(data, which))) if which == "shipping" else ""
    lines = [
        recipient.strip(),
        text(address(data, which), "company"),
        *(part(data, which, name) for name in STREET),
        *lines,
        country,
    ]
    return "\n".join(filter(None, lines))


# ---- the items ----------------------------------------------------------------------------------


def _items(data: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    found = data.get("items")
    yield from (
        (item for item in found if isinstance(item, Mapping)) if isinstance(found, list) else ()
    )


def _item(item: Mapping[str, Any]) -> str:
    name, quantity = text(item, "name", "title", "sku") or "Item", text(item, "quantity", "qty")
    options = ", ".join(_options(item, name))
    name = f"{name} ({options})" if options else name
    return f"{quantity} × {name}" if quantity else name


def _options(item: Mapping[str, Any], name: str) -> Iterator[str]:
    """The options of an item, such as an engraving, without those that its name has."""
    for label, value in _object(item, "options").items():
        chosen = plain_text(value).strip()
        if chosen and chosen.lower() not in name.lower():
            yield f"{label}: {chosen}"


def items_text(data: Mapping[str, Any], separator: str = "\n") -> str:
    """The items, such as ``2 × Green tea``."""
    left_out = data.get("items_left_out")
    more = [f"and {left_out} more"] if isinstance(left_out, int) and left_out > 0 else []
    return separator.join([*map(_item, _items(data)), *more])


def item_count(data: Mapping[str, Any]) -> int | str | None:
    """How many items the order has, by their quantities; None without items."""
    count: Decimal = Decimal(0)
    found = list(_items(data))
    for item in found:
        try:
            count += Decimal(text(item, "quantity", "qty") or "1")
        except InvalidOperation:
            count += 1
    if not found or not count.is_finite():
        return None
    return int(count) if count == count.to_integral_value() else plain_text(count)


# ---- the order ----------------------------------------------------------------------------------


def total_after_refunds(data: Mapping[str, Any]) -> str:
    """The order's total minus all refunds, with their digits; empty if one of them is no number."""
    try:
        total, refunded = (Decimal(text(data, name)) for name in ("order_total", "total_refunded"))
        return plain_text(total - refunded)
    except InvalidOperation:
        return ""


def deal_name(data: Mapping[str, Any], site_name: str) -> str:
    """Such as ``Order 1042 from Tea Shop``."""
    name = f"Order {number(data)}".strip()  # i18n: keep
    return f"{name} from {site_name}" if site_name else name  # i18n: keep
