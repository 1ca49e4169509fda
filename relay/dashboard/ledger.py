"""The ledger: what happened to every event, by day, and whether the numbers match."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from flask import Blueprint, Response, g, request, url_for

from relay import database
from relay.dashboard import exports, guard, htmx
from relay.errors import NotFound
from relay.i18n import _
from relay.services.alerts import state as alerts
from relay.services.ledger import check as ledger_check
from relay.services.ledger import summary as ledger_summary
from relay.services.ledger.model import DAY, Books, LedgerDestination, LedgerLine, Period
from relay.services.ledger.reading import Names, names_in, read_parts, snapshot

blueprint = Blueprint("ledger", __name__, url_prefix="/ledger")
SHOWN_DAYS, MAX_DAYS = 7, 62
EARLIEST = date(2000, 1, 1)
HEADER = (
    *("day", "site", "received", "duplicates", "rejected", "routed", "not routed yet"),
    *(
        "without a destination",
        "deliveries",
        "delivered",
        "pending",
        "failed",
        "discarded",
        "matches",
    ),
)


@dataclass(frozen=True)
class LedgerView:
    """The ledger of a period as of ``now``, of one site or of all."""

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
        """The arguments of its URL."""
        chosen = {} if self.source_id is None else {"source": self.names.sites[self.source_id].slug}
        return {"since": self.period.first, "until": self.period.last, **chosen}


def requested_view() -> LedgerView:
    """The ledger that the URL asks for.  Raises NotFound for an unknown site."""
    with snapshot(g.get("read_engine")) as connection:
        now, names = database.now(connection), names_in(connection)
        period, source_id = requested_period(now.date()), requested_site(names)
        books = read_parts(connection, period, source_id)
        gaps = ledger_check.gaps_in(books, now.date())
        checked_at = ledger_check.last_check(connection)
        return LedgerView(now, period, source_id, books, names, gaps, checked_at)


def day(name: str) -> datetime | None:
    """The first instant in UTC of a day in the URL; None if it is missing or invalid."""
    try:
        return datetime.fromisoformat(request.args.get(name, "")[:10]).replace(tzinfo=UTC)
    except ValueError:
        return None


def requested_period(today: date) -> Period:
    """The days in the URL, at most 62; by default, or for invalid days, the last 7."""
    since, until = day("since"), day("until")
    last = max(EARLIEST, min(until.date() if until else today, today))
    first = since.date() if since else last - DAY * (SHOWN_DAYS - 1)
    return Period(max(min(first, last), last - DAY * (MAX_DAYS - 1)), last)


def requested_site(names: Names) -> int | None:
    slug = request.args.get("source", "")
    found = next((number for number, site in names.sites.items() if site.slug == slug), None)
    if slug and found is None:
        raise NotFound(_("There is no site called %(slug)s.", slug=slug[:64]))
    return found


def sum_of(lines: list[LedgerLine]) -> LedgerLine | None:
    """The sums of all lines; None without lines."""
    if not lines:
        return None
    total = LedgerLine(0, lines[0].day)
    for line in lines:
        total.add(line)
    return total


@blueprint.get("")
@guard.requires("viewer", replica=True)
def page() -> Response:
    view = requested_view()
    facts = ledger_summary.facts(view.books, view.period, view.names, view.source_id)
    lines = view.books.lines(facts)
    return htmx.respond(
        "ledger/page.html",
        "ledger/_days.html",
        view=view,
        lines=lines,
        total=sum_of(lines),
        facts=facts,
        alerts=alerts.open_alerts("ledger."),
        export=url_for("ledger.export", **view.query),
    )


@blueprint.get("/ledger.csv")
@guard.requires("viewer", replica=True)
def export() -> Response:
    """The shown days as CSV, with two columns for each destination that got deliveries."""
    view = requested_view()
    lines = view.books.lines()
    ids = sorted({id for line in lines for id in line.places})
    rows = [[*_cells(line, view), *_destination_cells(line, ids)] for line in lines]
    more = [f"{view.names.places[id]}: {what}" for id in ids for what in ("delivered", "of")]
    name = f"relay-ledger-{view.period.first}-{view.period.last}.csv"
    return exports.csv_response(name, [*HEADER, *more], rows)


def _cells(line: LedgerLine, view: LedgerView) -> list[Any]:
    total = line.total
    return [
        *(line.day, view.names.sites[line.source_id].name, line.received),
        *(line.duplicates, line.refused, line.routed, line.unrouted, line.unwanted),
        *(line.wanted, total.delivered, total.waiting, total.dead, total.discarded),
        "no" if (line.source_id, line.day) in view.wrong else "yes",
    ]


def _destination_cells(line: LedgerLine, ids: list[int]) -> list[int]:
    counts = [line.places.get(id, LedgerDestination()) for id in ids]
    return [number for count in counts for number in (count.delivered, count.wanted)]
