"""The ledger: what became of every event, day by day, and whether it adds up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask import Blueprint, Response, request, url_for

from relay.dashboard import exports, guard, htmx
from relay.dashboard.events import day
from relay.models import Source
from relay.services import alerts, facts, ledger_check, sources
from relay.services.ledger import DAY, Books, Line, Period, Place
from relay.services.ledger_reading import Names, names_in, now_in, read, snapshot

blueprint = Blueprint("ledger", __name__, url_prefix="/ledger")
SHOWN_DAYS, MOST_DAYS = 7, 62
EARLIEST = date(2000, 1, 1)
HEADER = (
    *("day", "site", "received", "repeats", "refused", "routed", "not routed yet", "for nobody"),
    *("deliveries", "delivered", "waiting", "dead", "discarded", "adds up"),
)


@dataclass(frozen=True)
class Look:
    """What is shown: the books of a period, of one site or of all, as of ``now``."""

    now: datetime
    period: Period
    source: Source | None
    books: Books
    names: Names
    gaps: list[ledger_check.Gap]
    checked_at: datetime | None

    @property
    def wrong(self) -> set[tuple[int, date]]:
        return {(gap.source_id, gap.day) for gap in self.gaps}


def look() -> Look:
    """The address bar's period, at most 62 days; nonsense is the last 7."""
    slug = request.args.get("source", "")
    source = sources.find_source(slug) if slug else None
    since, until = day("since"), day("until")
    with snapshot() as connection:
        now = now_in(connection)
        last = max(EARLIEST, min(until.date() if until else now.date(), now.date()))
        first = since.date() if since else last - DAY * (SHOWN_DAYS - 1)
        period = Period(max(min(first, last), last - DAY * (MOST_DAYS - 1)), last)
        books = read(connection, period, source.id if source else None)
        gaps = ledger_check.gaps_in(books, now.date())
        checked_at = ledger_check.last_check(connection)
        return Look(now, period, source, books, names_in(connection), gaps, checked_at)


def in_all(lines: list[Line]) -> Line | None:
    """The sums over all lines."""
    if not lines:
        return None
    total = Line(0, lines[0].day)
    for line in lines:
        total.add(line)
    return total


@blueprint.get("")
@guard.requires("viewer")
def page() -> Response:
    seen = look()
    chosen: dict[str, Any] = {"source": seen.source.slug} if seen.source else {}
    only = seen.source.id if seen.source else None
    told = facts.facts(seen.books, seen.period, seen.names, only)
    lines = seen.books.lines(told)
    return htmx.respond(
        "ledger/page.html",
        "ledger/_days.html",
        look=seen,
        lines=lines,
        total=in_all(lines),
        facts=told,
        alerts=alerts.open_alerts("ledger."),
        export=url_for("ledger.export", since=seen.period.first, until=seen.period.last, **chosen),
    )


@blueprint.get("/ledger.csv")
@guard.requires("viewer")
def export() -> Response:
    """The shown days as a table, with a column for each destination that had any of them."""
    seen = look()
    lines = seen.books.lines()
    places = sorted({to for line in lines for to in line.places})
    rows = [[*_cells(line, seen), *_places(line, places)] for line in lines]
    more = [f"{seen.names.places[to]}: {what}" for to in places for what in ("delivered", "of")]
    name = f"relay-ledger-{seen.period.first}-{seen.period.last}.csv"
    return exports.csv_response(name, [*HEADER, *more], rows)


def _cells(line: Line, seen: Look) -> list[Any]:
    total = line.total
    return [
        *(line.day, seen.names.sites[line.source_id].name, line.received),
        *(line.duplicates, line.refused, line.routed, line.unrouted, line.unwanted),
        *(line.wanted, total.delivered, total.waiting, total.dead, total.discarded),
        "no" if (line.source_id, line.day) in seen.wrong else "yes",
    ]


def _places(line: Line, places: list[int]) -> list[int]:
    of = [line.places.get(to, Place()) for to in places]
    return [number for place in of for number in (place.delivered, place.wanted)]
