"""``flask ledger …``"""

from __future__ import annotations

import sys
from datetime import date, datetime, timedelta
from typing import Any

import click

from relay.cli.output import command, show, show_list
from relay.models import Alert
from relay.services import alerts
from relay.services.ledger import check as ledger_check
from relay.services.ledger import summary as ledger_summary
from relay.services.ledger.model import LedgerLine, Period
from relay.services.ledger.reading import Names, names_in, now_in, read, snapshot
from relay.services.sources import settings as source_settings


class DayParam(click.DateTime):
    """A day of this millennium: those at the ends of the calendar have no neighbours."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        found = super().convert(value, param, ctx)
        if not 2000 <= found.year < 3000:
            self.fail(f"{value} is no day between 2000 and 2999.", param, ctx)
        return found


DAY = DayParam(["%Y-%m-%d"])


@click.group("ledger")
def group() -> None:
    """What became of every event, day by day (UTC)."""


def as_dict(line: LedgerLine, names: Names, told: list[str], adds_up: bool) -> dict[str, Any]:
    total = line.total
    return {
        "day": line.day.isoformat(),
        "source": names.sites[line.source_id].slug,
        "received": line.received,
        "duplicates": line.duplicates,
        "refused": line.refused,
        "routed": line.routed,
        "unrouted": line.unrouted,
        "unwanted": line.unwanted,
        "deliveries": line.wanted,
        "delivered": total.delivered,
        "waiting": total.waiting,
        "dead": total.dead,
        "discarded": total.discarded,
        "destinations": [
            {"name": names.places[to], "delivered": place.delivered, "of": place.wanted}
            for to, place in sorted(line.places.items())
        ],
        "adds_up": adds_up,
        "facts": told,
    }


def alert_of(alert: Alert) -> dict[str, Any]:
    return {"kind": alert.kind, "sentence": alert.sentence, "seen_by": alert.acknowledged_by}


@command(group, "show")
@click.option("--source", default="", help="Only this site.")
@click.option("--day", type=DAY, help="Only this day; the last 7 by default.")
def show_(source: str, day: datetime | None, as_json: bool) -> None:
    """Show the numbers of each site and day, the newest first."""
    only = source_settings.find_source(source).id if source else None
    with snapshot() as connection:
        today = now_in(connection).date()
        period = Period(day.date(), day.date()) if day else Period(today - timedelta(days=6), today)
        books, names = read(connection, period, only), names_in(connection)
    wrong = {(gap.source_id, gap.day) for gap in ledger_check.gaps_in(books, today)}
    told = ledger_summary.facts(books, period, names, only)
    items = []
    for line in books.lines(told):
        key = (line.source_id, line.day)
        items.append(as_dict(line, names, told.get(key, []), key not in wrong))
    columns = ("day", "source", "received", "duplicates", "refused", "delivered", "waiting", "dead")
    show_list(items, len(items), as_json, *columns, "adds_up")


@command(group, "check")
@click.option("--day", type=DAY, help="A day that is over; every kept one by default.")
def check(day: datetime | None, as_json: bool) -> None:
    """Count every closed day again; exit 1 where something does not add up."""
    days: list[date] = [day.date()] if day else []
    done = [ledger_check.check_day(one) for one in days] or ledger_check.check_all()
    gaps = [gap for one in done for gap in one.gaps]
    told = [alert_of(one) for one in alerts.open_alerts("ledger.site")]
    with snapshot() as connection:
        sites = names_in(connection).sites
    found = [
        {"day": gap.day.isoformat(), "source": sites[gap.source_id].slug, "gap": gap.sentence}
        for gap in gaps
    ]
    lines = [f"{one['day']} {one['source']}: {one['gap']}" for one in found]
    lines += [one["sentence"] for one in told]
    if not lines:
        lines = [f"{len(done)} days were counted again: everything adds up."]
    report = {"ok": not gaps, "days": len(done), "gaps": found, "sites": told}
    show(report, as_json, "\n".join(lines))
    if gaps:
        sys.exit(1)
