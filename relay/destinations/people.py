"""The person that an event is from: who wrote, ordered or registered.  Pure.

Forms are the hard case: the site says which field is an e-mail address (``data.types``); without that,
the first field that holds nothing but an address counts, one that is called so before others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from relay.destinations.base import Message

MAIL_WORDS = re.compile(r"\b(e-?mail|mail|correo|courriel|posta|epost|e-post)\b", re.IGNORECASE)
ADDRESS = re.compile(r"[^@]*@[^@]+")


def contacts_of(message: Message) -> Iterator[tuple[str, str]]:
    """What may be the person's name and e-mail address, the most likely first.  Nothing is validated."""
    data = message.data if isinstance(message.data, Mapping) else {}
    customer, billing = _inner(data, "customer"), _inner(data, "billing")
    name = _text(data, "author") or _text(data, "name") or _text(customer, "name")
    parts = (_text(customer, "first_name"), _text(customer, "last_name"))
    name = name or " ".join(filter(None, parts))
    for fields, key in ((data, "author_email"), (customer, "email"), (billing, "email")):
        if address := _text(fields, key):
            yield name, address
    yield from (("", address) for address in _form_addresses(data))
    if address := _text(data, "email"):
        yield name, address


def _form_addresses(data: Mapping[str, Any]) -> Iterator[str]:
    fields, types = _inner(data, "fields"), _inner(data, "types")
    values = {label: _text(fields, label) for label in fields}
    yield from (value for label, value in values.items() if types.get(label) == "email" and value)
    untyped = {label: value for label, value in values.items() if label not in types}
    untyped = {label: value for label, value in untyped.items() if ADDRESS.fullmatch(value)}
    yield from (value for label, value in untyped.items() if MAIL_WORDS.search(label))
    yield from untyped.values()


def _inner(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = data.get(name)
    return found if isinstance(found, Mapping) else {}


def _text(data: Mapping[str, Any], name: str) -> str:
    found = data.get(name)
    return found.strip() if isinstance(found, str) else ""
