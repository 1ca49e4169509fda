"""Erases a person's data from an event.  Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

MARKER = "[erased]"
MIN_LENGTH = 4  # a shorter value is erased in its own field, but not searched for in other texts
# Fields without personal data.  Everything else is erased, so that an unknown field is not missed.
IMPERSONAL = frozenset(
    "id post_id product_id variation_id parent number sku quantity status previous_status currency "
    "total subtotal tax discount price post_title created_at updated_at plugin type entry_id order_id "
    "order_number order_status order_total amount total_refunded payment_method roles "
    "total_tax shipping_total discount_total discount_tax rate_percent shipping_method method_id "
    "payment_method_id paid_at created_via items_left_out rating product_name".split()
)
# Lists of an order that are no one's data.
LINES = ("tax_lines", "shipping_lines", "fee_lines", "coupon_lines")
IMPERSONAL_OBJECTS = frozenset(("items", "form", "types", *LINES))
# Objects with personal data in these: an engraving is an option of an item.
PERSONAL_OBJECTS = frozenset(("options",))


@dataclass(frozen=True)
class ErasedData:
    """``data`` without the person.

    ``is_about`` is true for an event about the person, and false for one that only mentions their
    address.  ``values`` are the erased texts.
    """

    data: Any
    is_about: bool
    values: frozenset[str] = field(repr=False)


def erase(data: Any, email: str) -> ErasedData | None:
    """``data`` without the person with the address ``email``; None if the address is not in it.

    If the address is a field's whole value, the event is about the person and all possibly personal
    data is erased.  If it is only part of a text, just the address is erased.
    """
    address = email.strip().lower()
    # not within a longer address, which is another person's
    whole = re.compile(rf"(?<![\w.+%'-]){re.escape(address)}(?![\w-]|\.\w)", re.IGNORECASE)
    texts = [text for text in strings(data) if whole.search(text)]
    if not texts:
        return None
    if not any(text.strip().lower() == address for text in texts):
        return ErasedData(_scrubbed(data, whole), False, frozenset({email}))
    erased: set[str] = {email}
    return ErasedData(_without(data, "", False, erased), True, frozenset(erased))


def erase_all(data: Any) -> ErasedData:
    """``data`` without anything that may be personal."""
    erased: set[str] = set()
    return ErasedData(_without(data, "", False, erased), True, frozenset(erased))


def scrub(tree: Any, values: set[str] | frozenset[str]) -> Any:
    """``tree`` with ``values`` replaced in all its texts, in any case.  Short values are ignored."""
    longest_first = sorted((v for v in values if len(v) >= MIN_LENGTH), key=len, reverse=True)
    if not longest_first:
        return tree
    return _scrubbed(tree, re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE))


def _scrubbed(tree: Any, pattern: re.Pattern[str]) -> Any:
    if isinstance(tree, str):
        return pattern.sub(MARKER, tree)
    if isinstance(tree, list):
        return [_scrubbed(inner, pattern) for inner in tree]
    if isinstance(tree, dict):
        return {
            pattern.sub(MARKER, name): _scrubbed(inner, pattern) for name, inner in tree.items()
        }
    return tree


def _without(tree: Any, name: str, impersonal: bool, erased: set[str]) -> Any:
    """``tree`` without possibly personal values, which are added to ``erased``."""
    if isinstance(tree, dict):
        return {
            key: _without(
                inner,
                key,
                key not in PERSONAL_OBJECTS and (impersonal or key in IMPERSONAL_OBJECTS),
                erased,
            )
            for key, inner in tree.items()
        }
    if isinstance(tree, list):
        return [_without(inner, name, impersonal, erased) for inner in tree]
    if impersonal or name in IMPERSONAL or tree is None or isinstance(tree, bool) or tree == "":
        return tree
    erased.add(str(tree))
    return MARKER


def strings(tree: Any) -> Iterator[str]:
    """All texts in a tree."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict | list):
        for inner in tree.values() if isinstance(tree, dict) else tree:
            yield from strings(inner)
