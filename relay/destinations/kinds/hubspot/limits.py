"""HubSpot's quotas: calls per day, which reset at the account's midnight, and calls in ten seconds.

Source: https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime
from typing import Any
from zoneinfo import ZoneInfo

from relay.destinations.base import ReportedQuota
from relay.i18n import N_
from relay.transport.request import Reply

INTERVAL_S = 10.0
HEADER = "X-HubSpot-RateLimit-"


def zone_of(account: Mapping[str, Any]) -> tzinfo:
    """The account's time zone, by its name or else by its offset; UTC if neither is known."""
    name, offset = account.get("time_zone"), account.get("utc_offset_ms")
    if isinstance(name, str) and name:
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            pass
    if isinstance(offset, int) and abs(offset) < 86_400_000:
        return timezone(timedelta(milliseconds=offset))
    return UTC


def next_midnight(now: datetime, zone: tzinfo) -> datetime:
    """The start of the next day in ``zone``."""
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time.min, zone).astimezone(UTC)


def time_of(reply: Reply) -> datetime:
    """The time of a response, by its Date header."""
    try:
        found = parsedate_to_datetime(reply.header("Date") or "")
    except (ValueError, TypeError, IndexError):
        return datetime.now(UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def number(reply: Reply, name: str) -> int | None:
    text = (reply.header(HEADER + name) or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


def interval_s(reply: Reply) -> float:
    """The length of the short interval in seconds."""
    found = number(reply, "Interval-Milliseconds")
    return found / 1000 if found else INTERVAL_S


def until_midnight_s(reply: Reply, account: Mapping[str, Any]) -> float:
    """Seconds until the quota of the day resets."""
    now = time_of(reply)
    return (next_midnight(now, zone_of(account)) - now).total_seconds()


def quotas_of(reply: Reply, account: Mapping[str, Any]) -> tuple[ReportedQuota, ...]:
    """The quotas in a response's headers.  Not every response has those of the day."""
    now, found = time_of(reply), []
    limit, left = number(reply, "Daily"), number(reply, "Daily-Remaining")
    if limit is not None and left is not None:
        midnight = next_midnight(now, zone_of(account))
        found.append(ReportedQuota("day", N_("calls a day"), limit, left, midnight))
    limit, left = number(reply, "Max"), number(reply, "Remaining")
    if limit is not None and left is not None:
        window = interval_s(reply)
        label = N_("calls in %(seconds)s s") % {"seconds": f"{window:.0f}"}
        found.append(ReportedQuota("interval", label, limit, left, now + timedelta(seconds=window)))
    return tuple(found)
