"""The ledger's nightly check: counts each closed day in a second way, and opens alerts for
differences.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import Connection, func, select

from relay import database
from relay.errors import Invalid
from relay.i18n import N_
from relay.models import Alert, Intake, LedgerCheck, db, db_now
from relay.observability.logging import log
from relay.services.alerts import state as alerts
from relay.services.ledger.labels import day_words, figure
from relay.services.ledger.model import DAY, Books, LedgerLine, Period
from relay.services.ledger.reading import names_in, read, snapshot
from relay.services.settings import retention as retention_settings

KIND = "ledger.books"
AT = time(2)  # UTC: long enough after midnight for the deliveries of the day before to settle
MOST_DAYS = 62  # the check goes back no further, whatever RELAY_RETENTION_DAYS is
ADVICE = N_(
    "Relay never deletes an event without archiving its counts. Find out whether the database was restored from a backup "
    "or changed by hand, then write the cause in the note."
)
UNROUTED_ADVICE = N_(
    "A worker routes events within seconds. Run flask doctor to check that one is running."
)


@dataclass(frozen=True)
class Gap:
    """A source and day with a difference, and a sentence that describes it."""

    source_id: int
    day: date
    sentence: str
    advice: str = ADVICE


@dataclass(frozen=True)
class CheckResult:
    """The result of checking a day."""

    day: date
    lines: int
    gaps: list[Gap]


def gaps_in(books: Books, until: date | None = None) -> list[Gap]:
    """The differences.  Events of days before ``until`` must have been routed by now."""
    merged: dict[tuple[int, date], list[LedgerLine]] = {}
    for (source_id, day, _), line in books.by_type.items():
        merged.setdefault((source_id, day), []).append(line)
    found = []
    for (source_id, day), lines in sorted(merged.items()):
        closed = until is not None and day < until
        why = list(_sentences(lines, closed))
        if why:
            advice = ADVICE if len(why) > 1 or "routed" not in why[0] else UNROUTED_ADVICE
            found.append(Gap(source_id, day, " ".join(why), advice))
    return found


def _sentences(lines: list[LedgerLine], closed: bool) -> Iterator[str]:
    lost = sum(max(0, line.received - line.events) for line in lines)
    strange = sum(max(0, line.events - line.received) for line in lines)
    if lost:
        yield _of_two(
            sum(line.received for line in lines),
            lost,
            N_("%(count)s event was received, and %(missing)s is missing."),
            N_("%(count)s events were received, and %(missing)s is missing."),
            N_("%(count)s events were received, and %(missing)s are missing."),
        )
    if strange:
        text = (
            N_("%(count)s event is stored that ingest did not count.")
            if strange == 1
            else N_("%(count)s events are stored that ingest did not count.")
        )
        yield text % {"count": figure(strange)}
    gone = sum(max(0, line.wanted - line.total.wanted) for line in lines)
    extra = sum(max(0, line.total.wanted - line.wanted) for line in lines)
    if gone:
        yield _of_two(
            sum(line.wanted for line in lines),
            gone,
            N_("%(count)s delivery was created, and %(missing)s is missing."),
            N_("%(count)s deliveries were created, and %(missing)s is missing."),
            N_("%(count)s deliveries were created, and %(missing)s are missing."),
        )
    if extra:
        text = (
            N_("%(count)s delivery is stored that the router did not create.")
            if extra == 1
            else N_("%(count)s deliveries are stored that the router did not create.")
        )
        yield text % {"count": figure(extra)}
    unrouted = sum(line.unrouted for line in lines)
    if closed and unrouted:
        text = (
            N_("%(count)s event was accepted but never routed.")
            if unrouted == 1
            else N_("%(count)s events were accepted but never routed.")
        )
        yield text % {"count": figure(unrouted)}


def _of_two(count: int, missing: int, one: str, one_of_many: str, many: str) -> str:
    """The text for ``missing`` of ``count``.  It is stored with an alert, so it is English."""
    text = one if count == 1 else one_of_many if missing == 1 else many
    return text % {"count": figure(count), "missing": figure(missing)}


def check_day(day: date) -> CheckResult:
    """Check a closed day; open, update or resolve its alerts.  Raises Invalid for an open day."""
    with snapshot() as connection:
        today = database.now(connection).date()
        if day >= today:
            why = f"{day} is not over yet. A day is checked when it is over (UTC)."  # i18n: keep
            raise Invalid({"day": [why]})
        books = read(connection, Period(day, day))
        sites = names_in(connection).sites
    gaps = gaps_in(books, today)
    for gap in gaps:
        site = sites[gap.source_id]
        if site.is_removed:
            continue  # no one can act on it any more
        alerts.raise_alert(
            KIND,
            subject_of(site.slug, day),
            f"{site.name}, {day_words(day)}: {gap.sentence}",  # i18n: keep
            gap.advice,
            f"/ledger?source={site.slug}&since={day}&until={day}",
        )
    wrong = {gap.source_id for gap in gaps}
    for source_id, site in sites.items():
        if source_id not in wrong:
            alerts.resolve(KIND, subject_of(site.slug, day))
    _note(day, len(gaps))
    db.session.commit()
    return CheckResult(day, len(books.lines()), gaps)


def subject_of(slug: str, day: date) -> str:
    return f"{slug} {day}"  # i18n: keep


def _note(day: date, gaps: int) -> None:
    row = database.upsert(db.session, LedgerCheck).values(day=day, gaps=gaps, checked_at=db_now())
    db.session.execute(
        row.on_conflict_do_update(
            index_elements=["day"], set_={"gaps": gaps, "checked_at": db_now()}
        )
    )


def days_to_check(connection: Connection) -> list[date]:
    """Closed days with rows or with an open alert; the newest first."""
    today = database.now(connection).date()
    kept = timedelta(days=min(retention_settings.days(connection).retention_days, MOST_DAYS))
    first = connection.scalar(select(func.min(Intake.day)))
    first = max(first, today - kept - DAY) if first is not None else today
    days = {today - DAY * n for n in range(1, (today - first).days + 1)}
    for subject in connection.scalars(
        select(Alert.subject).where(Alert.rule == KIND, Alert.resolved_at.is_(None))
    ):
        days.add(date.fromisoformat(subject.rpartition(" ")[2]))
    return sorted(days, reverse=True)


def check_next(at: time = AT) -> date | None:
    """Check one day that was not checked since ``at`` tonight.  -> the day, or None

    One at a time, so that the scheduler's other work never waits for long.
    """
    with snapshot() as connection:
        now = database.now(connection)
        since = datetime.combine(now.date(), at, now.tzinfo)
        if now < since:
            return None
        done = connection.scalars(select(LedgerCheck.day).where(LedgerCheck.checked_at >= since))
        fresh = set(done)
        left = [day for day in days_to_check(connection) if day not in fresh]
    if not left:
        return None
    checked = check_day(left[0])
    log(
        "ledger.checked",
        level="warning" if checked.gaps else "info",
        day=str(checked.day),
        gaps=len(checked.gaps),
    )
    return checked.day


def check_all() -> list[CheckResult]:
    """Check every day that ``check_next`` would check."""
    with snapshot() as connection:
        days = days_to_check(connection)
    return [check_day(day) for day in days]


def last_check(connection: Connection) -> datetime | None:
    """When a day was last checked."""
    return connection.scalar(select(func.max(LedgerCheck.checked_at)))
