"""How the ledger writes days and counts, for pages, alerts and the command line: in the reader's language."""

from __future__ import annotations

from datetime import date

from relay.event_types import EVENT_TYPES
from relay.i18n import _, ngettext
from relay.local_dates import in_words


def day_words(day: date) -> str:
    """``24 November 2026``."""
    return in_words(day, _("d MMMM y"))


def figure(count: int) -> str:
    """With a thin space between thousands."""
    return f"{count:,}".replace(",", "\u202f")


def counted(count: int, one: str, many: str = "") -> str:
    """``1 event``, ``3 events``."""
    return f"{figure(count)} {one if count == 1 else many or one + 's'}"  # i18n: keep


def of_type(event_type: str, count: int) -> str:
    """``142 orders``."""
    found = EVENT_TYPES.get(event_type)
    if found is not None:
        return f"{figure(count)} {_(found.noun(count))}"  # i18n: keep
    return ngettext(
        "%(num)s %(type)s event",
        "%(num)s %(type)s events",
        count,
        num=figure(count),
        type=event_type,
    )
