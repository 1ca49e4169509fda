"""How the ledger writes days and counts, for pages, alerts and the command line."""

from __future__ import annotations

from datetime import date

from relay.event_types import event_type_of


def day_words(day: date) -> str:
    """``24 November 2026``."""
    return f"{day.day} {day:%B %Y}"


def figure(count: int) -> str:
    """With a thin space between thousands."""
    return f"{count:,}".replace(",", "\u202f")


def counted(count: int, one: str, many: str = "") -> str:
    """``1 event``, ``3 events``."""
    return f"{figure(count)} {one if count == 1 else many or one + 's'}"


def of_type(event_type: str, count: int) -> str:
    """``142 orders``."""
    return f"{figure(count)} {event_type_of(event_type).noun(count)}"
