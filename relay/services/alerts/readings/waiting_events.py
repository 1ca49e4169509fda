"""The rule ``plugin_outbox``: events wait on a site, according to its newest daily report.

``services.ledger.site_reports`` compares the other counts of a report, for the ledger.  Dropped
events are no problem: a person deleted them, or a comment became spam.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from relay.event_types import INTERNAL_TYPES
from relay.i18n import N_
from relay.models import Intake
from relay.rules.alerts import Reading, ReadingLevel
from relay.services.alerts.readings import Context, ObservedSite, counted, day_of
from relay.services.ledger.labels import of_type

RULE = "plugin_outbox"
# the plugin retries at least once an hour, give or take 20 %, when WP-Cron runs: every 15 minutes
UNDERWAY = timedelta(minutes=90)
SHOWN_TYPES = 3
ADVICE = N_(
    "Open the Events tab under Settings → Relay on the site: it lists the waiting events with the "
    "last response. Correct what it names, then resend them there."
)


def read(
    context: Context, sites: Mapping[int, ObservedSite], reports: Sequence[Any]
) -> Iterator[Reading]:
    """One reading per site with waiting events, in one statement.  ``reports`` are the newest."""
    waiting = [
        one
        for one in reports
        if any(_waiting(one).values()) and context.now - one.until >= UNDERWAY
    ]
    received = _received_after(context, waiting)
    for report in waiting:
        left = {
            event_type: count - received.get((report.source_id, event_type), 0)
            for event_type, count in _waiting(report).items()
        }
        left = {event_type: count for event_type, count in left.items() if count > 0}
        total = sum(left.values())
        if total >= context.thresholds[RULE]:
            yield _reading(sites[report.source_id], report, left)


def _waiting(report: Any) -> dict[str, int]:
    return {
        event_type: int(counts.get("waiting", 0))
        for event_type, counts in report.counts.items()
        if event_type not in INTERNAL_TYPES
    }


def _received_after(context: Context, reports: Sequence[Any]) -> dict[tuple[int, str], int]:
    """By site and type: how many events were received after its report was made.

    ``later`` of a report is what came between the end of its day and the report.
    """
    if not reports:
        return {}
    by_source = {one.source_id: one for one in reports}
    found: dict[tuple[int, str], int] = {}
    for row in context.connection.execute(
        select(
            Intake.source_id,
            Intake.event_type,
            Intake.day,
            func.sum(Intake.received).label("number"),
        )
        .where(Intake.source_id.in_(list(by_source)), Intake.day > min(one.day for one in reports))
        .group_by(Intake.source_id, Intake.event_type, Intake.day)
    ):
        if row.day > by_source[row.source_id].day:
            key = row.source_id, row.event_type
            found[key] = found.get(key, 0) + int(row.number)
    return {
        (source_id, event_type): count
        - int(by_source[source_id].counts.get(event_type, {}).get("later", 0))
        for (source_id, event_type), count in found.items()
    }


def _reading(site: ObservedSite, report: Any, left: Mapping[str, int]) -> Reading:
    total = sum(left.values())
    most = sorted(left.items(), key=lambda one: (-one[1], one[0]))
    parts = [of_type(event_type, count) for event_type, count in most[:SHOWN_TYPES]]
    others = total - sum(count for _, count in most[:SHOWN_TYPES])
    if others:
        parts.append(counted(others, N_("%(count)s other event"), N_("%(count)s other events")))
    *first, last = parts
    what = f"{', '.join(first)} and {last}" if first else last  # i18n: keep
    said = (
        N_(
            "%(what)s waits on %(name)s, as it reported at %(hour)s UTC on %(day)s, and did not arrive since."
        )
        if total == 1
        else N_(
            "%(what)s wait on %(name)s, as it reported at %(hour)s UTC on %(day)s, and did not arrive since."
        )
    )
    return Reading(
        RULE,
        site.subject,
        ReadingLevel.FIRING,
        value=float(total),
        sentence=said
        % {
            "what": what,
            "name": site.name,
            "hour": f"{report.until:%H:%M}",
            "day": day_of(report.until),
        },
        advice=ADVICE,
        path=site.path,
        count=total,
        since=report.until,
    )
