"""The ledger: what became of every event, day by day, and whether it adds up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask import Blueprint, Response, request, url_for

from relay.dashboard import exports, guard, htmx
from relay.dashboard.events import day
from relay.errors import NotFound
from relay.services import alerts
from relay.services.ledger import check as ledger_check
from relay.services.ledger import summary as ledger_summary
from relay.services.ledger.model import DAY, Books, LedgerDestination, LedgerLine, Period
from relay.services.ledger.reading import Names, names_in, now_in, read, snapshot

blueprint = Blueprint("ledger", __name__, url_prefix="/ledger")
SHOWN_DAYS, MOST_DAYS = 7, 62
EARLIEST = date(2000, 1, 1)
HEADER = (
    *("day", "site", "received", "repeats", "refused", "routed", "not routed yet", "for nobody"),
    *("deliveries", "delivered", "waiting", "dead", "discarded", "adds up"),
)


@dataclass(frozen=True)
class LedgerView:
    """What is shown: the books of a period, of one site or of all, as of ``now``."""

    now: datetime
    period: Period
    source_id: int | None
    books: Books
    names: Names
    gaps: list[ledger_check.Gap]
    checked_at: datetime | None

    @property
    def wrong(self) -> set[tuple[int, date]]:
        return {(gap.source_id, gap.day) for gap in self.gaps}

    @property
    def query(self) -> dict[str, Any]:
        """Its address."""
        chosen = {} if self.source_id is None else {"source": self.names.sites[self.source_id].slug}
        return {"since": self.period.first, "until": self.period.last, **chosen}


def look() -> LedgerView:
    """What the address bar asks for.  Raises NotFound for a site that there is not."""
    with snapshot() as connection:
        now, names = now_in(connection), names_in(connection)
        period, source_id = asked_period(now.date()), asked_site(names)
        books = read(connection, period, source_id)
        gaps = ledger_check.gaps_in(books, now.date())
        checked_at = ledger_check.last_check(connection)
        return LedgerView(now, period, source_id, books, names, gaps, checked_at)


def asked_period(today: date) -> Period:
    """At most 62 days; nonsense is the last 7."""
    since, until = day("since"), day("until")
    last = max(EARLIEST, min(until.date() if until else today, today))
    first = since.date() if since else last - DAY * (SHOWN_DAYS - 1)
    return Period(max(min(first, last), last - DAY * (MOST_DAYS - 1)), last)


def asked_site(names: Names) -> int | None:
    slug = request.args.get("source", "")
    found = next((number for number, site in names.sites.items() if site.slug == slug), None)
    if slug and found is None:
        raise NotFound(f"There is no source called {slug[:64]}.")
    return found


def in_all(lines: list[LedgerLine]) -> LedgerLine | None:
    """The sums over all lines."""
    if not lines:
        return None
    total = LedgerLine(0, lines[0].day)
    for line in lines:
        total.add(line)
    return total


@blueprint.get("")
@guard.requires("viewer")
def page() -> Response:
    seen = look()
    told = ledger_summary.facts(seen.books, seen.period, seen.names, seen.source_id)
    lines = seen.books.lines(told)
    return htmx.respond(
        "ledger/page.html",
        "ledger/_days.html",
        look=seen,
        lines=lines,
        total=in_all(lines),
        facts=told,
        alerts=alerts.open_alerts("ledger."),
        export=url_for("ledger.export", **seen.query),
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


def _cells(line: LedgerLine, seen: LedgerView) -> list[Any]:
    total = line.total
    return [
        *(line.day, seen.names.sites[line.source_id].name, line.received),
        *(line.duplicates, line.refused, line.routed, line.unrouted, line.unwanted),
        *(line.wanted, total.delivered, total.waiting, total.dead, total.discarded),
        "no" if (line.source_id, line.day) in seen.wrong else "yes",
    ]


def _places(line: LedgerLine, places: list[int]) -> list[int]:
    of = [line.places.get(to, LedgerDestination()) for to in places]
    return [number for place in of for number in (place.delivered, place.wanted)]
