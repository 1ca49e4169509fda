"""The rule ``silent_site``: a site sends no events of a type although it usually does.

``relay.rules.rhythm`` decides, from the counts in ``event_hour``.  The rhythm of a site and type is
computed once after each of its silences began and kept in memory, so an evaluation normally reads
the milestone and nothing else.  Events are looked up only for sites that seem to be silent.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, and_, func, or_, select

from relay.event_types import INTERNAL_TYPES, TEST, event_type_of, family_of
from relay.i18n import N_, _
from relay.models import Event, EventHour
from relay.rules.alerts import Reading, ReadingLevel
from relay.rules.rhythm import Rhythm, Silence, SimpleRhythm, hour_of, rhythm_of, start_of
from relay.services.alerts.event_hours import HOUR, KEPT, counted_until
from relay.services.alerts.readings import Context, ObservedSite, counted, day_of

RULE = "silent_site"
BEHIND = timedelta(hours=3)  # if the counts are older, nothing is decided
AT_ONCE = 50  # rhythms and last events that one evaluation reads
NO_RHYTHM = INTERNAL_TYPES | {TEST}  # a person sends test events
CHECKS = {
    "lead": N_("Fill in the form on the site: if no lead arrives, check the form plugin."),
    "order": N_("Place a test order: if none arrives, check the shop and its checkout."),
    "comment": N_("Write a comment: if none arrives, check whether comments are closed."),
    "user": N_("Register a test user: if none arrives, check whether registration is open."),
}
SEND_TEST = N_(
    "Choose Send a test event under Settings → Relay on the site. It shows the step that fails."
)
IF_MEANT = N_("If the site is not meant to send any, acknowledge this alert.")
OTHER_CHECK = N_("Then check what makes these events on the site.")


class SiteType(NamedTuple):
    source_id: int
    event_type: str


@dataclass(frozen=True)
class LastEvent:
    """When it was received, and the time zone of the site if the event names it."""

    at: datetime
    zone: ZoneInfo | None = None


@dataclass
class KnownRhythms:
    """What is kept between evaluations; hours are those since the epoch.

    ``last_hours`` are the newest hours with events up to ``counted``.  A rhythm and a last event
    belong to that hour and are read again when it changes.
    """

    counted: datetime | None = None
    last_hours: dict[SiteType, int] = field(default_factory=dict)
    rhythms: dict[SiteType, tuple[int, Rhythm | SimpleRhythm | None]] = field(default_factory=dict)
    last_events: dict[SiteType, tuple[int, LastEvent]] = field(default_factory=dict)


_known: WeakKeyDictionary[Engine, KnownRhythms] = WeakKeyDictionary()


def read(context: Context, sites: Mapping[int, ObservedSite]) -> Iterator[Reading]:
    """One reading per silent site and type, in at most six statements.

    A site and type of which nothing can be decided yet is in between, so that an open alert stays.
    """
    known = _known.setdefault(context.connection.engine, KnownRhythms())
    counted = counted_until(context.connection)
    if counted is None:
        return
    _read_last_hours(context, known, counted)
    quiet = [
        key
        for key, hour in known.last_hours.items()
        if key.source_id in sites
        and key.event_type not in NO_RHYTHM
        and hour_of(context.now) - hour >= 2
        and start_of(hour) > context.now - KEPT
    ]
    if context.now - counted > BEHIND:
        yield from (_undecided(context, sites, key) for key in quiet)
        return
    _read_rhythms(context, known, quiet)
    silent = [key for key in quiet if _judge(context, known, key) is not None]
    again = _sending_again(context, counted, silent)
    silent = [key for key in silent if key not in again]
    _read_last_events(context, known, silent)
    for key in quiet:
        if known.rhythms.get(key, (None,))[0] != known.last_hours[key]:
            yield _undecided(context, sites, key)
    for key in silent:
        silence = _judge(context, known, key)
        if silence is not None:
            yield _reading(context, sites[key.source_id], known, key, silence)


def _undecided(context: Context, sites: Mapping[int, ObservedSite], key: SiteType) -> Reading:
    subject = f"{sites[key.source_id].subject}:{key.event_type}"
    return Reading(RULE, subject, ReadingLevel.BETWEEN)


def _read_last_hours(context: Context, known: KnownRhythms, counted: datetime) -> None:
    """The hours that were counted since the last evaluation."""
    if known.counted == counted:
        return
    wanted = select(EventHour.source_id, EventHour.event_type, func.max(EventHour.hour).label("at"))
    if known.counted is not None and known.counted < counted:
        wanted = wanted.where(EventHour.hour >= known.counted)
    for row in context.connection.execute(
        wanted.group_by(EventHour.source_id, EventHour.event_type)
    ):
        known.last_hours[SiteType(row.source_id, row.event_type)] = hour_of(row.at)
    known.counted = counted


def _read_rhythms(context: Context, known: KnownRhythms, keys: Sequence[SiteType]) -> None:
    """The rhythms that are not known yet, some at a time: one takes a few milliseconds."""
    wanted = [key for key in keys if known.rhythms.get(key, (None,))[0] != known.last_hours[key]]
    wanted = wanted[:AT_ONCE]
    if not wanted:
        return
    counts: dict[SiteType, dict[int, int]] = defaultdict(dict)
    one_of_them = or_(
        *(
            and_(EventHour.source_id == key.source_id, EventHour.event_type == key.event_type)
            for key in wanted
        )
    )
    for row in context.connection.execute(
        select(EventHour.source_id, EventHour.event_type, EventHour.hour, EventHour.events).where(
            one_of_them
        )
    ):
        counts[SiteType(row.source_id, row.event_type)][hour_of(row.hour)] = row.events
    for key in wanted:
        known.rhythms[key] = known.last_hours[key], rhythm_of(counts[key])


def _judge(context: Context, known: KnownRhythms, key: SiteType) -> Silence | None:
    """The silence, if it is one.

    Until the time of the last event is read, it counts as the start of its hour.
    """
    last_hour = known.last_hours[key]
    hour, rhythm = known.rhythms.get(key, (None, None))
    if hour != last_hour or rhythm is None:
        return None
    hour, last = known.last_events.get(key, (None, None))
    at = last.at if hour == last_hour and last is not None else start_of(last_hour)
    silence = rhythm.judge(at, context.now, context.thresholds[RULE])
    return silence if silence.is_silent else None


def _sending_again(
    context: Context, counted: datetime, silent: Sequence[SiteType]
) -> set[SiteType]:
    """Those with an event in the hours that are not counted yet."""
    if not silent:
        return set()
    found = context.connection.execute(
        select(Event.source_id, Event.event_type)
        .where(
            Event.source_id.in_({key.source_id for key in silent}),
            Event.event_type.in_({key.event_type for key in silent}),
            Event.received_at >= counted,
        )
        .distinct()
    )
    return {SiteType(row.source_id, row.event_type) for row in found}


def _read_last_events(context: Context, known: KnownRhythms, silent: Sequence[SiteType]) -> None:
    """The newest event in its last hour.  If it is no longer stored, the middle of that hour counts."""
    wanted = [
        key for key in silent if known.last_events.get(key, (None,))[0] != known.last_hours[key]
    ][:AT_ONCE]
    if not wanted:
        return
    in_its_hour = or_(
        *(
            and_(
                Event.source_id == key.source_id,
                Event.event_type == key.event_type,
                Event.received_at >= start_of(known.last_hours[key]),
                Event.received_at < start_of(known.last_hours[key]) + HOUR,
            )
            for key in wanted
        )
    )
    newest = {
        SiteType(row.source_id, row.event_type): row
        for row in context.connection.execute(
            select(
                Event.source_id,
                Event.event_type,
                func.max(Event.received_at).label("at"),
                func.max(Event.id).label("id"),
            )
            .where(in_its_hour)
            .group_by(Event.source_id, Event.event_type)
        )
    }
    ids = [row.id for row in newest.values()]
    payloads = {
        row.id: row.payload
        for row in context.connection.execute(
            select(Event.id, Event.payload).where(Event.id.in_(ids))
        )
    }
    for key in wanted:
        hour, row = known.last_hours[key], newest.get(key)
        last = (
            LastEvent(start_of(hour) + HOUR / 2)
            if row is None
            else LastEvent(row.at, zone_in(payloads.get(row.id, "")))
        )
        known.last_events[key] = hour, last


def zone_in(payload: str) -> ZoneInfo | None:
    """The time zone that an event names, such as Europe/Vienna; None for an offset or anything else."""
    try:
        return ZoneInfo(json.loads(payload)["timezone"])
    except (ValueError, KeyError, TypeError, OSError):
        return None


def _reading(
    context: Context, site: ObservedSite, known: KnownRhythms, key: SiteType, silence: Silence
) -> Reading:
    last = known.last_events.get(key, (0, LastEvent(start_of(known.last_hours[key]))))[1]
    kind = event_type_of(key.event_type)
    count = round(silence.expected)
    usual = (
        counted(
            count,
            N_("About %(count)s was to be expected since then, at these times of the week."),
            N_("About %(count)s were to be expected since then, at these times of the week."),
        )
        if silence.usual_gap is None
        else _usual_gap(silence.usual_gap)
    )
    return Reading(
        RULE,
        f"{site.subject}:{key.event_type}",
        ReadingLevel.FIRING,
        value=silence.expected,
        sentence=" ".join(
            (
                _(
                    "%(name)s has sent no %(thing)s since %(time)s.",
                    name=site.name,
                    thing=kind.plural,
                    time=_time(last, context.now),
                ),
                usual,
            )
        ),
        advice=" ".join((SEND_TEST, CHECKS.get(family_of(key.event_type), OTHER_CHECK), IF_MEANT)),
        path=site.path,
        count=max(1, count),
        since=last.at,
    )


# By how many days ago: in the time zone of the site, and in UTC.
TIMES = {
    0: (N_("%(hour)s today (%(zone)s)"), N_("%(hour)s UTC today")),
    1: (N_("%(hour)s yesterday (%(zone)s)"), N_("%(hour)s UTC yesterday")),
}
OTHER_TIMES = (N_("%(hour)s on %(day)s (%(zone)s)"), N_("%(hour)s UTC on %(day)s"))


def _time(last: LastEvent, now: datetime) -> str:
    """``10:12 today (Europe/Vienna)``, ``10:12 UTC yesterday`` or ``10:12 UTC on 24 November``."""
    zone = last.zone or UTC
    at, today = last.at.astimezone(zone), now.astimezone(zone).date()
    said = {"hour": f"{at:%H:%M}", "day": day_of(at), "zone": last.zone.key if last.zone else ""}
    in_zone, in_utc = TIMES.get((today - at.date()).days, OTHER_TIMES)
    return (in_zone if last.zone else in_utc) % said


def _usual_gap(gap: timedelta) -> str:
    hours = round(gap / HOUR)
    if hours < 2:
        return N_("Usually one arrives every hour.")
    if hours < 48:
        return N_("Usually one arrives every %(count)s hours.") % {"count": hours}
    return N_("Usually one arrives every %(count)s days.") % {"count": round(hours / 24)}
