"""A selection of dead letters from a URL or a form, and back into the arguments of a URL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from werkzeug.datastructures import MultiDict

from relay.dashboard import privacy
from relay.dashboard.numbers import row_number
from relay.dashboard.time_zones import end_of_day, start_of_day
from relay.errors import Invalid
from relay.i18n import _
from relay.services.dead_letters.selection import STATES, Selection

NAMES = ("code", "field", "source", "text", "state")  # the same in a URL and in a Selection


def selection(args: MultiDict[str, str]) -> Selection:
    """The selection that the arguments describe; invalid values do not restrict it."""
    ids = [] if args.get("which") == "all" else args.getlist("dead_letter", type=row_number)
    destination = args.get("destination", "")[:120]
    return Selection(
        ids=tuple(ids),
        subscription=int(args["subscription"]) if is_number(args.get("subscription", ""), 9) else 0,
        destination=int(destination) if is_number(destination, 9) else destination,
        code=args.get("code", "")[:40],
        field=args.get("field", "")[:120],
        event_type=args.get("type", "")[:64],
        source=args.get("source", "")[:64],
        text=args.get("text", "")[:200].replace("\x00", ""),
        state=args.get("state", "") if args.get("state") in STATES else "",
        since=instant(args.get("since", "")),
        until=instant(args.get("until", ""), last=True),
        upto=int(args["upto"]) if is_number(args.get("upto", ""), 18) else None,
        anywhere=not privacy.is_masked(),
    )


def is_number(text: str, max_digits: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= max_digits


def instant(text: str, last: bool = False) -> datetime | None:
    """A time in ISO 8601, or a day in the person's zone: its start, or its end if it is the ``last`` one."""
    if len(text) == 10:
        return end_of_day(text) if last else start_of_day(text)
    try:
        found = datetime.fromisoformat(text[:40])
    except ValueError:
        return None
    try:
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError as exc:
        sentence = _(
            "%(text)s is not a time that Relay can use. Use a date from 0001-01-02 to 9999-12-30.",
            text=text[:40],
        )
        raise Invalid({"until" if last else "since": [sentence]}) from exc


def address(chosen: Selection, **more: Any) -> dict[str, Any]:
    """The arguments for ``url_for`` or hidden fields that give this selection; empty ones are left out."""
    args: dict[str, Any] = {name: getattr(chosen, name) for name in NAMES}
    args |= {
        "dead_letter": list(chosen.ids),
        "destination": chosen.destination,
        "type": chosen.event_type,
        "subscription": chosen.subscription,
        "since": chosen.since and chosen.since.isoformat(),
        "until": chosen.until and chosen.until.isoformat(),
        "upto": chosen.upto,
    }
    return {name: value for name, value in (args | more).items() if value}
