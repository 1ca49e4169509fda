"""How a list of an event is shown in a text field.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relay.i18n import N_
from relay.mapping.printing import plain_text

LINES, NAMES, COUNT, FIRST = "lines", "names", "count", "first"
STYLES = {
    LINES: N_("One per line"),
    NAMES: N_("Names only"),
    COUNT: N_("The number of items"),
    FIRST: N_("The first item"),
}
NAME_KEYS = ("name", "title", "label", "sku", "code", "id")
QUANTITY_KEYS = ("quantity", "qty")


def show_list(value: Any, style: str) -> Any:
    """``value`` in one of STYLES; a value that is no list stays as it is, and an empty list is empty."""
    if not isinstance(value, list) or style not in STYLES:
        return value
    items = [item for item in value if item not in (None, "", [], {})]
    if not items:
        return None
    if style == COUNT:
        return len(items)
    if style == FIRST:
        return items[0] if not isinstance(items[0], Mapping | list) else _line(items[0])
    if style == NAMES:
        return ", ".join(filter(None, map(_name, items)))
    return "\n".join(filter(None, map(_line, items)))


def _name(item: Any) -> str:
    if not isinstance(item, Mapping):
        return _line(item)
    found = next((item[key] for key in NAME_KEYS if plain_text(item.get(key)).strip()), None)
    return _line(item) if found is None else plain_text(found).strip()


def _line(item: Any) -> str:
    """One item on one line: ``2 × Green tea``, or its values with commas between them."""
    if isinstance(item, Mapping):
        quantity = next((item[key] for key in QUANTITY_KEYS if item.get(key)), None)
        if quantity is not None and any(plain_text(item.get(key)).strip() for key in NAME_KEYS):
            return f"{plain_text(quantity)} × {_name(item)}"
        return ", ".join(filter(None, map(_line, item.values())))
    if isinstance(item, list):
        return ", ".join(filter(None, map(_line, item)))
    return " ".join(plain_text(item).split())
