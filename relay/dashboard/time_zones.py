"""The time zone of a request: the one that the person chose, else the browser's, else UTC.

A script writes the browser's zone into a cookie, so the server can write times and read days in it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import format_date, format_skeleton
from flask import Flask, g, has_request_context, request

from relay.i18n import N_, SOURCE, _, language

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


ZONES = frozenset((N_("CET"), N_("CEST")))  # short names that differ from language to language


def _zone_of(instant: datetime) -> str:
    name = instant.tzname() or "UTC"
    return _(name) if name in ZONES else name


def zone_name() -> str:
    """The short name of the zone today, such as ``CET``."""
    return _zone_of(datetime.now(current_zone()))


def day(instant: date) -> str:
    """``2026-11-27``; ``27.11.2026`` in German."""
    if language() == SOURCE:
        return instant.strftime("%Y-%m-%d")
    return format_date(instant, "medium", locale=language())


def day_and_time(instant: datetime, weekday: bool = False, clock: bool = True) -> str:
    """In its own zone: ``27 Nov 22:00``, with its weekday ``Fri 27 Nov 22:00``; ``27. Nov., 22:00`` in German."""
    if language() == SOURCE:
        return instant.strftime(f"{'%a ' * weekday}%d %b{' %H:%M' * clock}")
    day = format_skeleton("MMMEd" if weekday else "MMMd", instant, locale=language())
    return f"{day}{instant.strftime(', %H:%M') * clock}"


def exact(instant: datetime) -> str:
    """``2026-11-27 22:00:00 CET``"""
    local = instant.astimezone(current_zone())
    return f"{day(local)} {local.strftime('%H:%M:%S')} {_zone_of(local)}"


def exact_twice(instant: datetime) -> str:
    """In the zone of the request and in UTC: ``2026-11-27 22:00:00 CET (21:00:00 UTC)``"""
    local, utc = instant.astimezone(current_zone()), instant.astimezone(UTC)
    if local.tzname() == "UTC":
        return exact(instant)
    before = "" if local.date() == utc.date() else f"{day(utc)} "
    return f"{exact(instant)} ({before}{utc.strftime('%H:%M:%S')} UTC)"


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
    app.add_template_filter(day)
    app.add_template_filter(exact)
    app.add_template_filter(day, "written_day")
    app.add_template_filter(exact_twice)
    app.add_template_filter(for_input)
    app.add_template_global(zone_name)
