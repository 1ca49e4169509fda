"""The rule ``site_clock``: the clock of a site differs from Relay's.

Two things show it: requests that were rejected for their time, and a daily report that was made
later than Relay received it.  Anyone can send a request with a wrong time, so a rejection counts only
until the site's next accepted event.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from relay.i18n import N_, _
from relay.models import Event, Rejection
from relay.rules.alerts import Reading, ReadingLevel
from relay.services.alerts.readings import Context, ObservedSite

RULE = "site_clock"
REASON = "clock_off"
# what ingest writes: "The request's time was 412 s ahead of Relay's clock"
DIFFERENCE = re.compile(r"was (\d+) s (ahead of|behind) Relay's clock")
WITHIN = timedelta(hours=3)  # the plugin sends one event an hour while its requests are rejected
REPORT_COUNTS = timedelta(hours=26)  # until the next daily report
ADVICE = N_(
    "Synchronize the clock of the site's server with NTP, or ask the host to. Then send a test event from the plugin: it "
    "shows the difference."
)


@dataclass(frozen=True)
class ClockDifference:
    """``seconds`` are positive if the site's clock is ahead; ``at`` is when that was seen."""

    seconds: float
    at: datetime
    is_rejected: bool


def read(
    context: Context, sites: Mapping[int, ObservedSite], reports: Sequence[Any]
) -> Iterator[Reading]:
    """One reading per site with a wrong clock, in at most two statements.  ``reports`` are the newest."""
    found = _from_reports(context, reports) | _from_rejections(context)
    for source_id, difference in found.items():
        if source_id in sites and abs(difference.seconds) >= context.thresholds[RULE]:
            yield _reading(sites[source_id], difference)


def _from_reports(context: Context, reports: Sequence[Any]) -> dict[int, ClockDifference]:
    """Reports are sent after they are made, so only a clock that is ahead shows."""
    return {
        one.source_id: ClockDifference(
            (one.until - one.taken_at).total_seconds(), one.taken_at, is_rejected=False
        )
        for one in reports
        if one.taken_at >= context.now - REPORT_COUNTS
    }


def _from_rejections(context: Context) -> dict[int, ClockDifference]:
    """The newest rejection of each site, if the site sent no event since that was accepted."""
    newest = (
        select(func.max(Rejection.id).label("id"))
        .where(
            Rejection.last_at >= context.now - WITHIN,
            Rejection.reason == REASON,
            Rejection.source_id.is_not(None),
        )
        .group_by(Rejection.source_id)
        .subquery()
    )
    last_event = (
        select(func.max(Event.received_at))
        .where(Event.source_id == Rejection.source_id)
        .correlate(Rejection)
        .scalar_subquery()
    )
    found = {}
    for row in context.connection.execute(
        select(
            Rejection.source_id, Rejection.sentence, Rejection.last_at, last_event.label("event_at")
        ).join(newest, newest.c.id == Rejection.id)
    ):
        match = DIFFERENCE.search(row.sentence)
        if match and (row.event_at is None or row.event_at < row.last_at):
            seconds = float(match[1]) * (1 if match[2] == "ahead of" else -1)
            found[row.source_id] = ClockDifference(seconds, row.last_at, is_rejected=True)
    return found


def _reading(site: ObservedSite, difference: ClockDifference) -> Reading:
    seconds = abs(difference.seconds)
    outcome = (
        _("Relay rejects its requests, and the events wait on the site.")
        if difference.is_rejected
        else _(
            "Its requests are rejected when the difference grows beyond RELAY_SIGNATURE_WINDOW_S."
        )
    )
    said = {"name": site.name, "seconds": f"{seconds:.0f}"}
    clock = (
        _("The clock of %(name)s is %(seconds)s s ahead of Relay's.", **said)
        if difference.seconds > 0
        else _("The clock of %(name)s is %(seconds)s s behind Relay's.", **said)
    )
    return Reading(
        RULE,
        site.subject,
        ReadingLevel.FIRING,
        value=seconds,
        sentence=f"{clock} {outcome}",
        advice=ADVICE,
        path=site.path,
    )
