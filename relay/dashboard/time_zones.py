"""The time zone of a request: the one that the person chose, else the browser's, else UTC.

A script writes the browser's zone into a cookie, so the server can write times and read days in it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import Flask, g, has_request_context, request

COOKIE = "relay-zone"


def current_zone() -> ZoneInfo:
    if has_request_context():
        person = g.get("person")
        for name in (person.time_zone if person else "", request.cookies.get(COOKIE, "")[:64]):
            if found := _zone(name):
                return found
    return ZoneInfo("UTC")


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a name that this machine does not know
        return None


def zone_name() -> str:
    """The short name of the zone today, such as ``CET``."""
    return datetime.now(current_zone()).tzname() or "UTC"


def exact(instant: datetime) -> str:
    """``2026-11-27 22:00:00 CET``"""
    return instant.astimezone(current_zone()).strftime("%Y-%m-%d %H:%M:%S %Z")


def exact_twice(instant: datetime) -> str:
    """In the zone of the request and in UTC: ``2026-11-27 22:00:00 CET (21:00:00 UTC)``"""
    local, utc = exact(instant), instant.astimezone(UTC)
    if local.endswith(" UTC"):
        return local
    same_day = local[:10] == utc.strftime("%Y-%m-%d")
    return f"{local} ({utc.strftime('%H:%M:%S' if same_day else '%Y-%m-%d %H:%M:%S')} UTC)"


def instant(text: str) -> datetime:
    """A date and time, without an offset in the zone of the request, in UTC.  Raises ValueError, OverflowError."""
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=current_zone())).astimezone(UTC)


def for_input(at: datetime) -> str:
    """The value of a ``datetime-local`` field, which ``instant`` reads: ``2026-11-27T22:00``"""
    return at.astimezone(current_zone()).strftime("%Y-%m-%dT%H:%M")


def start_of_day(text: str) -> datetime | None:
    """The first instant of a day such as ``2026-11-27`` in the zone of the request; None if it is no day."""
    return _midnight(text)


def end_of_day(text: str) -> datetime | None:
    """The first instant after a day; None if it is no day, or the last that Python knows."""
    return _midnight(text, days_later=1)


def _midnight(text: str, days_later: int = 0) -> datetime | None:
    try:
        day = datetime.fromisoformat(text[:10]) + timedelta(days=days_later)
        return day.replace(tzinfo=current_zone()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def init_app(app: Flask) -> None:
    app.add_template_filter(exact)
    app.add_template_filter(exact_twice)
    app.add_template_filter(for_input)
    app.add_template_global(zone_name)
