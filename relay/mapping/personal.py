"""Which values of an event are personal, and how one is shown without saying what it is.  Pure.

A field is personal unless it is known not to be, so that a field of a custom event is not missed.  A
value that looks like an e-mail address or a phone number is personal anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from relay.mapping.people import email_in
from relay.mapping.person import IMPERSONAL, LINES, MARKER

DOTS = "•••"
MAX_SCANNED = 20_000  # characters of one text in which addresses are looked for
# Each repetition is bounded: a visitor writes the texts, and an unbounded search takes their square.
EMAIL = re.compile(r"[\w.+%'-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
ENCODED_EMAIL = re.compile(r"[\w.+%'-]{1,64}%40[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}", re.IGNORECASE)
PHONE = re.compile(r"(?<![\w.,/:-])(?:\+|00|0|\(0)[\d\s()/.-]{5,24}\d(?![\w:])")
PHONE_VALUE = re.compile(r"[+(]?\d[\d\s()/.-]{5,28}")
NAME_KEYS = frozenset(
    """name author fullname firstname lastname yourname surname forename givenname familyname vorname
    nachname nom prenom nombre apellido displayname username login nickname contactname company""".split()
)
PHONE_KEYS = frozenset("phone tel telephone telefon mobile handy fax phonenumber whatsapp".split())
# Beside those of ``person.IMPERSONAL``, which an erasure keeps too.
PLAIN = IMPERSONAL | frozenset(
    "is_full remaining_total sent_by timezone day until counts fired sent waiting dropped permanent "
    "deleted_at billing_period billing_interval next_payment_at".split()
)
STOCK = (
    "sku regular_price sale_price stock_status stock_quantity low_stock_amount categories page_url"
)
# Objects, and the data of families of events, with a closed list of members that are no one's data;
# their other members are personal.
PLAIN_MEMBERS = {
    "product": PLAIN | frozenset(f"name {STOCK}".split()),
    "coupon": PLAIN | frozenset("code discount_type expires_at usage_count usage_limit".split()),
    "post": PLAIN | frozenset("title excerpt categories page_url".split()),
    "items": PLAIN | {"name"},
    "form": frozenset({"plugin", "id", "title"}),
    **dict.fromkeys(LINES, PLAIN | {"name", "code"}),
    "options": frozenset(),  # of an item: a label can be any word
}
ROLES = {
    "email": "email",
    "tel": "phone",
    "name": "name",
    "first_name": "name",
    "last_name": "name",
    "company": "name",
}


def mask_email(address: str) -> str:
    """``j•••@e•••.com`` for ``jane@example.com``."""
    local, _, host = address.rpartition("@")
    name, dot, top = host.rpartition(".")
    return f"{local[:1]}{DOTS}@{name[:1]}{DOTS}{dot}{top}" if name else f"{local[:1]}{DOTS}@{DOTS}"


def mask_name(name: str) -> str:
    """``J••• D•••`` for ``Jane Doe``; at most four words."""
    return " ".join(f"{word[:1]}{DOTS}" for word in name.split()[:4]) or DOTS


def mask_phone(number: str) -> str:
    """``••• 42``: the last two digits."""
    digits = re.sub(r"\D", "", number)
    return f"{DOTS} {digits[-2:]}" if len(digits) >= 5 else DOTS


def mask_value(value: Any, role: str = "") -> Any:
    """One personal value.  ``role``: email, phone, name, or empty for any other."""
    if value is None or isinstance(value, bool) or value == "":
        return value
    text = str(value)
    if text == MARKER or DOTS in text:
        return value
    plain = text.strip()
    if address := email_in(plain):
        return mask_email(address)
    if role == "phone" or is_phone(plain):
        return mask_phone(plain)
    return mask_name(plain) if role == "name" else DOTS


def is_phone(text: str) -> bool:
    """Whether a whole value may be a phone number: at least seven digits, and nothing but a number."""
    digits = sum(character.isdigit() for character in text)
    return digits >= 7 and PHONE_VALUE.fullmatch(text) is not None


def mask_patterns(text: str) -> str:
    """``text`` with what looks like an e-mail address or a phone number masked."""
    if "@" in text:
        text = EMAIL.sub(lambda found: mask_email(found[0]), text)
    if "%40" in text:
        text = ENCODED_EMAIL.sub(DOTS, text)
    return PHONE.sub(
        lambda found: mask_phone(found[0]) if _digits(found[0]) >= 7 else found[0], text
    )


def _digits(text: str) -> int:
    return sum(character.isdigit() for character in text)


def role_of(key: str, type_: Any = None) -> str:
    """What a field is by the type that the site sent for it, or by its name."""
    if isinstance(type_, str) and type_ in ROLES:
        return ROLES[type_]
    plain = re.sub(r"[\W_]+", "", key).lower()
    for role, keys in (("name", NAME_KEYS), ("phone", PHONE_KEYS)):
        if plain in keys or (
            len(plain) > 6
            and plain.startswith(("billing", "shipping"))
            and any(plain.endswith(one) for one in keys)
        ):
            return role
    return "email" if "email" in plain else ""


def is_plain(key: str, parent: str) -> bool:
    """Whether a field of ``parent`` is known to contain no one's data."""
    return key in PLAIN_MEMBERS.get(parent, PLAIN)


def emails_in(tree: Any) -> list[str]:
    """Every e-mail address in the texts of a tree, in lower case, each once, at most 100."""
    found: dict[str, None] = {}
    for text in _texts(tree):
        if "@" not in text:
            continue
        if whole := email_in(text):
            found[whole.lower()] = None
        for match in EMAIL.finditer(text[:MAX_SCANNED]):
            found[match[0].strip(".'").lower()] = None
        if len(found) >= 100:
            break
    return list(found)[:100]


def _texts(tree: Any) -> Iterator[str]:
    todo = [tree]
    while todo:
        one = todo.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, Mapping):
            todo += reversed([*one.keys(), *one.values()])
        elif isinstance(one, list):
            todo += reversed(one)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)
