"""Days and times in words, in the language of the reader."""

from __future__ import annotations

from datetime import date, datetime

from relay.i18n import language


def in_words(at: date | datetime, pattern: str) -> str:
    """``at``, in its own zone, in a pattern of Unicode: ``d MMMM y`` is "24 November 2026"."""
    from babel.dates import format_date, format_datetime  # here: most commands print no such date

    if isinstance(at, datetime):
        return format_datetime(at, pattern, tzinfo=at.tzinfo, locale=language())
    return format_date(at, pattern, locale=language())
