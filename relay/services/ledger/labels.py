"""How the ledger says things: days, counts with their nouns.  For pages, alerts and the command line."""

from __future__ import annotations

from datetime import date

NOUNS = {
    "comment.created": ("comment", "comments"),
    "order.created": ("order", "orders"),
    "order.status_changed": ("order change", "order changes"),
    "lead.created": ("lead", "leads"),
    "user.registered": ("new user", "new users"),
    "relay.test": ("test event", "test events"),
}


def day_words(day: date) -> str:
    """``24 November 2026``."""
    return f"{day.day} {day:%B %Y}"


def figure(count: int) -> str:
    """With a thin space between thousands."""
    return f"{count:,}".replace(",", "\u202f")


def counted(count: int, one: str, many: str = "") -> str:
    """``1 event``, ``3 events``."""
    return f"{figure(count)} {one if count == 1 else many or one + 's'}"


def noun(event_type: str, count: int) -> str:
    """What an event type is called when it is counted: ``order``, ``orders``."""
    one, many = NOUNS.get(event_type, (f"event {event_type}", f"events {event_type}"))
    return one if count == 1 else many


def of_type(event_type: str, count: int) -> str:
    """``142 orders``."""
    return f"{figure(count)} {noun(event_type, count)}"
