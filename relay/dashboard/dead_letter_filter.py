"""Which dead letters a page means: from the address bar or a form, and back into an address."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from werkzeug.datastructures import MultiDict

from relay.services.dead_letters.selection import STATES, Selection

WORDS = ("code", "field", "source", "text", "state")  # names of both an address and a Selection


def selection(args: MultiDict[str, str]) -> Selection:
    """Nonsense in an address chooses nothing in particular."""
    ticked = [] if args.get("which") == "all" else args.getlist("letter", type=int)
    to = args.get("destination", "")[:120]
    return Selection(
        ids=tuple(ticked),
        destination=int(to) if is_number(to, 9) else to,
        code=args.get("code", "")[:40],
        field=args.get("field", "")[:120],
        event_type=args.get("type", "")[:64],
        source=args.get("source", "")[:64],
        text=args.get("text", "")[:200].replace("\x00", ""),
        state=args.get("state", "") if args.get("state") in STATES else "",
        since=instant(args.get("since", "")),
        until=instant(args.get("until", ""), last=True),
        upto=int(args["upto"]) if is_number(args.get("upto", ""), 18) else None,
    )


def is_number(text: str, longest: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= longest


def instant(text: str, last: bool = False) -> datetime | None:
    """A time in ISO 8601, or a day in UTC: its begin, or its end where it is the ``last`` one."""
    try:
        found = datetime.fromisoformat(text[:40])
        found = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        return found + timedelta(days=1) if last and len(text) == 10 else found
    except (ValueError, OverflowError):
        return None


def address(chosen: Selection, **more: Any) -> dict[str, Any]:
    """What ``url_for`` or hidden fields need to say the same again; without what is not said."""
    said: dict[str, Any] = {name: getattr(chosen, name) for name in WORDS}
    said |= {
        "letter": list(chosen.ids),
        "destination": chosen.destination,
        "type": chosen.event_type,
        "since": chosen.since and chosen.since.isoformat(),
        "until": chosen.until and chosen.until.isoformat(),
        "upto": chosen.upto,
    }
    return {name: value for name, value in (said | more).items() if value}
