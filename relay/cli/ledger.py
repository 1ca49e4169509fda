"""``flask ledger …``"""

from __future__ import annotations

import sys
from datetime import date, datetime, timedelta
from typing import Any

import click

from relay import database
from relay.cli.output import command, show, show_list
from relay.models import Alert
from relay.services.alerts import state as alerts
from relay.services.ledger import check as ledger_check
from relay.services.ledger import summary as ledger_summary
from relay.services.ledger.model import LedgerLine, Period
from relay.services.ledger.reading import Names, names_in, read, snapshot
from relay.services.sources import settings as source_settings


class DayParam(click.DateTime):
    """A day from 2000 to 2999, so that the day before and after it exist."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        found = super().convert(value, param, ctx)
        if not 2000 <= found.year < 3000:
            self.fail(f"{value} is not a day between 2000 and 2999.", param, ctx)
        return found


DAY = DayParam(["%Y-%m-%d"])


@click.group("ledger")
def group() -> None:
    """Show and check the daily counts of events (UTC)."""


def as_dict(line: LedgerLine, names: Names, facts: list[str], adds_up: bool) -> dict[str, Any]:
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
        "facts": facts,
    }


def alert_of(alert: Alert) -> dict[str, Any]:
    return {"kind": alert.rule, "sentence": alert.sentence, "seen_by": alert.acknowledged_by}


@command(group, "show", "ledger show --source shop --day 2026-03-01")
@click.option("--source", default="", help="Only this site (slug).")
@click.option("--day", type=DAY, help="Only this day; default: the last 7 days.")
def show_(source: str, day: datetime | None, as_json: bool) -> None:
    """Show the counts of each site and day, newest first."""
    only = source_settings.find_source(source).id if source else None
    with snapshot() as connection:
        today = database.now(connection).date()
        period = Period(day.date(), day.date()) if day else Period(today - timedelta(days=6), today)
        books, names = read(connection, period, only), names_in(connection)
    with_gap = {(gap.source_id, gap.day) for gap in ledger_check.gaps_in(books, today)}
    facts = ledger_summary.facts(books, period, names, only)
    items = []
    for line in books.lines(facts):
        key = (line.source_id, line.day)
        items.append(as_dict(line, names, facts.get(key, []), key not in with_gap))
    columns = ("day", "source", "received", "duplicates", "refused", "delivered", "waiting", "dead")
    show_list(items, len(items), as_json, *columns, "adds_up")


@command(group, "check", "ledger check --day 2026-03-01")
@click.option("--day", type=DAY, help="Only this past day; default: all stored days.")
def check(day: datetime | None, as_json: bool) -> None:
    """Count every past day again and compare.  Exits with 1 if the numbers do not agree."""
    days: list[date] = [day.date()] if day else []
    checked = [ledger_check.check_day(day_) for day_ in days] or ledger_check.check_all()
    gaps = [gap for result in checked for gap in result.gaps]
    site_alerts = [alert_of(alert) for alert in alerts.open_alerts("ledger.site")]
    with snapshot() as connection:
        sites = names_in(connection).sites
    found = [
        {"day": gap.day.isoformat(), "source": sites[gap.source_id].slug, "gap": gap.sentence}
        for gap in gaps
    ]
    lines = [f"{gap['day']} {gap['source']}: {gap['gap']}" for gap in found]
    lines += [alert["sentence"] for alert in site_alerts]
    if not lines:
        lines = [f"Checked {len(checked)} days: all numbers agree."]
    report = {"ok": not gaps, "days": len(checked), "gaps": found, "sites": site_alerts}
    show(report, as_json, "\n".join(lines))
    if gaps:
        sys.exit(1)
