"""Prints the values of an event as people write them.  Pure: standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

MAX_EXPONENT = 60  # a larger number keeps its exponent, so that no text becomes very long


def plain_text(value: Any) -> str:
    """A value as text: ``yes``, ``A, B``, ``0.00001``; nothing for None.

    The members of an object are ``name: value``; the objects of a list are separated by semicolons.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float | Decimal):
        return _number(value)
    if isinstance(value, Mapping):
        members = (
            (str(name).replace("_", " "), plain_text(inner)) for name, inner in value.items()
        )
        return ", ".join(f"{name}: {text}" for name, text in members if text)
    if isinstance(value, list | tuple):
        separator = "; " if any(isinstance(inner, Mapping) for inner in value) else ", "
        return separator.join(filter(None, map(plain_text, value)))
    return str(value)


def _number(value: float | Decimal) -> str:
    """The digits without an exponent; a float has the fewest digits that identify it."""
    number = value if isinstance(value, Decimal) else Decimal(repr(value))
    if not number.is_finite() or abs(number.adjusted()) > MAX_EXPONENT:
        return str(value)
    return format(number, "f")
