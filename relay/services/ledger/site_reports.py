"""The sites' own counts, from their daily reports, compared with ours.

A report states for one UTC day and event type how many events were *fired* (recorded on the site),
*sent* and *dropped* (withdrawn or deleted there) on that day, and how many *wait* there at the
time of the report.  It is made some minutes after midnight, while new events occur, and a day's
last events reach us after midnight.  So the numbers of a single day need not be equal on both
sides.  Over several days without a gap, two bounds hold for the number of events that are missing:

- at least: all fired, less dropped, less received until the report, less waiting there;
- at most: all fired, less dropped, less received until the day's end.

``missing`` rises only by the first and falls only by the second.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from relay.database import READ_ONLY
from relay.event_types import REPORT, read_empty_objects
from relay.i18n import N_
from relay.models import Event, Intake, SiteReport, Source, db
from relay.observability.logging import log
from relay.rules.states import SourceState
from relay.services.alerts import state as alerts
from relay.services.ledger.labels import day_words, of_type
from relay.services.ledger.model import DAY, Period

KIND = "ledger.site"
BATCH = 100
CLOCKS_APART = timedelta(minutes=5)  # tolerated difference of the site's clock
LONGEST_RUN = 60  # days; the site stores its own counts for as long
ADVICE = N_(
    "Check the Events tab of the plugin on the site. Find out whether the site's database was restored "
    "or cleaned up. Add the missing data to your services by hand, then write the cause in the note."
)


@dataclass(frozen=True)
class ReportDay:
    """Both sides' numbers of one day and event type; ``later`` came here before the report was made."""

    fired: int
    dropped: int
    received: int
    later: int
    waiting: int


@dataclass(frozen=True)
class MissingEvents:
    """How many of one event type are missing after one day."""

    event_type: str
    day: date
    missing: int


def take() -> int:
    """Store new reports and check their sites.  -> how many.  Running it twice changes nothing."""
    unread = (
        select(Event.id, Event.source_id, Event.payload, Event.received_at)
        .where(
            Event.event_type == REPORT,
            ~select(SiteReport.id).where(SiteReport.event_pk == Event.id).exists(),
        )
        .order_by(Event.id)
        .limit(BATCH)
    )
    with db.engine.connect().execution_options(**READ_ONLY) as connection:
        found = connection.execute(unread).all()
    for row in found:
        data = read_empty_objects(json.loads(row.payload))["data"]
        report = SiteReport(
            event_pk=row.id,
            source_id=row.source_id,
            day=date.fromisoformat(data["day"]),
            until=datetime.fromisoformat(data["until"]).astimezone(UTC),
            counts=data["counts"],
            plugin=data["plugin"],
        )
        later = _received_after(report, row.received_at)
        for event_type, counts in report.counts.items():
            counts["later"] = later.get(event_type, 0)
        db.session.add(report)
        log("report.taken", source=row.source_id, day=data["day"])
    for source_id in sorted({row.source_id for row in found}):
        db.session.flush()
        judge(source_id)
    if found:
        db.session.commit()
    return len(found)


def _received_after(report: SiteReport, came_at: datetime) -> dict[str, int]:
    """What we received after the reported day until the report was made, by event type."""
    begin = Period(report.day, report.day).end
    rows = db.session.execute(
        select(Event.event_type, func.count())
        .where(
            Event.source_id == report.source_id,
            Event.received_at >= begin,
            Event.received_at <= min(came_at, report.until + CLOCKS_APART),
        )
        .group_by(Event.event_type)
    )
    return {row.event_type: row[1] for row in rows}


def newest(source_ids: Iterable[int]) -> dict[int, list[SiteReport]]:
    """By source: the reports of the last days without a hole, oldest first, the latest of each day."""
    order = (SiteReport.day.desc(), SiteReport.until.desc())
    numbered = (
        select(
            SiteReport.id,
            func.row_number()
            .over(partition_by=SiteReport.source_id, order_by=order)
            .label("number"),
        )
        .where(SiteReport.source_id.in_(source_ids))
        .subquery()
    )
    latest_first: dict[int, list[SiteReport]] = {}
    for report in db.session.scalars(
        select(SiteReport)
        .join(numbered, numbered.c.id == SiteReport.id)
        .where(numbered.c.number <= 4 * LONGEST_RUN)
        .order_by(*order)
    ):
        latest_first.setdefault(report.source_id, []).append(report)
    return {source_id: _run_of(reports) for source_id, reports in latest_first.items()}


def _run_of(rows: Iterable[SiteReport]) -> list[SiteReport]:
    """Of reports, the latest first: those without a hole, oldest first."""
    run: list[SiteReport] = []
    for report in rows:
        if run and report.day == run[-1].day:
            continue
        if len(run) == LONGEST_RUN or (run and report.day != run[-1].day - DAY):
            break
        run.append(report)
    return run[::-1]


def standings(source_ids: Iterable[int]) -> dict[int, list[MissingEvents]]:
    """By source: what is missing after each day of its run of reports, by event type."""
    runs = newest(source_ids)
    if not runs:
        return {}
    first, last = (
        min(run[0].day for run in runs.values()),
        max(run[-1].day for run in runs.values()),
    )
    received = _received_a_day(runs, Period(first, last))
    return {source_id: _standings(run, received[source_id]) for source_id, run in runs.items()}


def _standings(
    run: Sequence[SiteReport], received: Mapping[tuple[str, date], int]
) -> list[MissingEvents]:
    found = []
    for event_type in sorted({one for report in run for one in report.counts}):
        days = []
        for report in run:
            counts = report.counts.get(event_type, {})
            fired, dropped, waiting, later = (
                counts.get(name, 0) for name in ("fired", "dropped", "waiting", "later")
            )
            came = received.get((event_type, report.day), 0)
            days.append(ReportDay(fired, dropped, came, later, waiting))
        for report, missing in zip(run, missing_after(days), strict=True):
            found.append(MissingEvents(event_type, report.day, missing))
    return found


def missing_after(days: Iterable[ReportDay]) -> list[int]:
    """How many are surely missing after each of these days, which follow one another."""
    expected = missing = 0
    found = []
    for day in days:
        expected += day.fired - day.dropped - day.received
        # An event that the site dropped between midnight and its report was counted as missing then.
        # It is among the drops of this day, so no more than these are taken back.
        missing = max(missing - day.dropped, expected - day.later - day.waiting)
        missing = max(0, min(missing, expected))
        found.append(missing)
    return found


def _received_a_day(
    source_ids: Iterable[int], period: Period
) -> dict[int, dict[tuple[str, date], int]]:
    """By source: how many events of each type and day were received."""
    key = (Intake.source_id, Intake.event_type, Intake.day)
    rows = db.session.execute(
        select(*key, func.sum(Intake.received))
        .where(Intake.source_id.in_(source_ids), Intake.day.between(period.first, period.last))
        .group_by(*key)
    )
    found: dict[int, dict[tuple[str, date], int]] = defaultdict(dict)
    for source_id, event_type, day, count in rows:
        found[source_id][event_type, day] = int(count)
    return found


def missing_of(standings: Iterable[MissingEvents]) -> dict[tuple[str, date], int]:
    """By event type and day: what is still missing, at the day on which it went missing."""
    found: dict[tuple[str, date], int] = {}
    before: dict[str, int] = {}
    for one in standings:
        more = one.missing - before.get(one.event_type, 0)
        before[one.event_type] = one.missing
        if more > 0:
            found[one.event_type, one.day] = more
        else:
            _take_back(found, one.event_type, -more)
    return found


def _take_back(found: dict[tuple[str, date], int], event_type: str, count: int) -> None:
    """Remove as many as were received later, the newest first."""
    for key in sorted((key for key in found if key[0] == event_type), reverse=True):
        less = min(found[key], count)
        found[key], count = found[key] - less, count - less
        if not found[key]:
            del found[key]


def judge(source_id: int) -> None:
    """Open, update or resolve the alerts of a site, by event type.  Joins the running transaction."""
    source = db.session.get_one(Source, source_id)
    if source.state == SourceState.CLOSED:
        return  # no one can act on it any more
    run = standings([source_id]).get(source_id, [])
    missing = missing_of(run)
    for event_type in sorted({one.event_type for one in run}):
        days = sorted(day for kind, day in missing if kind == event_type)
        subject = f"{source.slug} {event_type}"  # i18n: keep
        if not days:
            alerts.resolve(KIND, subject)
            continue
        count = sum(missing[event_type, day] for day in days)
        text = (
            N_("%(events)s was counted on %(site)s up to %(day)s but never arrived here.")
            if count == 1
            else N_("%(events)s were counted on %(site)s up to %(day)s but never arrived here.")
        )
        values = {
            "events": of_type(event_type, count),
            "site": source.name,
            "day": day_words(days[-1]),
        }
        alerts.raise_alert(
            KIND,
            subject,
            text % values,
            ADVICE,
            f"/ledger?source={source.slug}&since={days[0]}&until={days[-1]}",
        )


def missing_now(source_ids: Iterable[int]) -> dict[int, dict[tuple[str, date], int]]:
    """By source: what is missing as far as it has reported, by event type and day."""
    return {
        source_id: missing_of(found) for source_id, found in standings(list(source_ids)).items()
    }


def reporting(period: Period) -> set[int]:
    """The sources that reported any day of a period."""
    return set(
        db.session.scalars(
            select(SiteReport.source_id)
            .where(SiteReport.day.between(period.first, period.last))
            .distinct()
        )
    )


def latest(source_ids: Iterable[int], period: Period) -> dict[tuple[int, date], dict[str, Any]]:
    """The counts of the newest report of each source and day in a period."""
    rows = db.session.scalars(
        select(SiteReport)
        .where(
            SiteReport.source_id.in_(source_ids),
            SiteReport.day.between(period.first, period.last),
        )
        .order_by(SiteReport.until)
    )
    return {(row.source_id, row.day): row.counts for row in rows}
