"""What the alert rules about failed deliveries see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import case, func, select

from relay.i18n import N_, _
from relay.models import DeadLetter, Delivery, DeliveryMinute, Destination
from relay.models.destination import is_in_use
from relay.rules.alerts import Reading, ReadingLevel
from relay.rules.failure_rate import (
    LONG_MINUTES,
    LOW_VOLUME_MINUTES,
    SHORT_MINUTES,
    WIDE_MINUTES,
    FailureCount,
    FailureWindows,
)
from relay.rules.states import DeadLetterState, Severity
from relay.services.alerts.readings import Context, counted, duration
from relay.services.deliveries import UNRESOLVED

READ_RULES = ("failure_rate", "failure_rate_overall", "failed_delivery")
ADVICE = N_(
    "Open the failed deliveries: each cause there says whose side it is on and what to do. Fix the "
    "cause, then send the failed deliveries again."
)


@dataclass(frozen=True)
class _Sums:
    """The finished deliveries of each window."""

    short: FailureCount
    low_volume: FailureCount
    wide: FailureCount
    long: FailureCount

    def with_events(self, events: int = 0) -> FailureWindows:
        return FailureWindows(self.short, self.low_volume, self.wide, self.long, events)


def read(context: Context, destinations: Sequence[Any]) -> Iterator[Reading]:
    """``destinations`` are rows with ``id`` and ``name`` of those that were not removed."""
    names = {row.id: row.name for row in destinations}
    sums = {one: sums for one, sums in _sums(context).items() if one in names}
    total = _total(sums.values())
    few = [one for one, windows in sums.items() if windows.with_events().needs_events]
    events = _events(context, few) if few else {}
    for destination_id, windows in sums.items():
        yield _rate(
            context,
            "failure_rate",
            f"destination:{destination_id}",
            windows.with_events(events.get(destination_id, 0)),
            names[destination_id],
            f"/dead-letters?destination={destination_id}",
        )
    if sums:
        seen = total.with_events()
        if seen.needs_events:
            seen = total.with_events(_events_overall(context))
        yield _rate(context, "failure_rate_overall", "", seen, "", "/dead-letters")
    yield from _failed(context, names)


# ---- the failure rate ----------------------------------------------------------------------------


def _sums(context: Context) -> dict[int, _Sums]:
    """By destination, from whole minutes: the present one and those before it."""
    minute = context.now.replace(second=0, microsecond=0)
    columns = []
    for minutes in (SHORT_MINUTES, LOW_VOLUME_MINUTES, WIDE_MINUTES, LONG_MINUTES):
        is_within = DeliveryMinute.minute > minute - timedelta(minutes=minutes)
        finished = DeliveryMinute.delivered + DeliveryMinute.failed
        columns += [
            func.sum(case((is_within, value), else_=0))
            for value in (finished, DeliveryMinute.failed)
        ]
    rows = context.connection.execute(
        select(DeliveryMinute.destination_id, *columns)
        .where(DeliveryMinute.minute > minute - timedelta(minutes=LONG_MINUTES))
        .group_by(DeliveryMinute.destination_id)
    )
    return {
        one: _Sums(*(FailureCount(int(sums[n]), int(sums[n + 1])) for n in range(0, len(sums), 2)))
        for one, *sums in rows
    }


def _total(all_sums: Iterable[_Sums]) -> _Sums:
    found = list(all_sums)

    def add(counts: list[FailureCount]) -> FailureCount:
        return FailureCount(sum(one.finished for one in counts), sum(one.failed for one in counts))

    return _Sums(
        add([one.short for one in found]),
        add([one.low_volume for one in found]),
        add([one.wide for one in found]),
        add([one.long for one in found]),
    )


def _recent(context: Context) -> Any:
    return DeadLetter.created_at > context.now - timedelta(minutes=LOW_VOLUME_MINUTES)


def _events(context: Context, ids: Sequence[int]) -> dict[int, int]:
    """How many events the deliveries belong to that failed lately, by destination."""
    rows = context.connection.execute(
        select(DeadLetter.destination_id, func.count(Delivery.event_pk.distinct()))
        .join(Delivery, Delivery.id == DeadLetter.delivery_id)
        .where(DeadLetter.destination_id.in_(ids), _recent(context))
        .group_by(DeadLetter.destination_id)
    )
    return {row[0]: row[1] for row in rows}


def _events_overall(context: Context) -> int:
    found: int | None = context.connection.scalar(
        select(func.count(Delivery.event_pk.distinct()))
        .select_from(DeadLetter)
        .join(Delivery, Delivery.id == DeadLetter.delivery_id)
        .where(_recent(context))
    )
    return found or 0


def _rate(
    context: Context, rule: str, subject: str, windows: FailureWindows, name: str, path: str
) -> Reading:
    """``name`` is that of the destination, empty for all."""
    threshold = context.thresholds[rule]
    if windows.is_low_volume_failure(threshold):
        count, value = windows.low_volume, windows.low_volume.percent
        said = {
            "failed": str(count.failed),
            "what": counted(count.finished, N_("%(count)s delivery"), N_("%(count)s deliveries")),
            "name": name,
            "minutes": str(LOW_VOLUME_MINUTES),
            "events": str(windows.events),
        }
        sentence = (
            _(
                "%(failed)s of %(what)s to %(name)s failed in the last %(minutes)s minutes. They belong to "
                "%(events)s events.",
                **said,
            )
            if name
            else _(
                "%(failed)s of %(what)s to all destinations failed in the last %(minutes)s minutes. They "
                "belong to %(events)s events.",
                **said,
            )
        )
    else:
        count, value = windows.short, windows.short.percent
        said = {
            "failed": f"{count.failed:,}",
            "finished": f"{count.finished:,}",
            "name": name,
            "minutes": str(SHORT_MINUTES),
            "percent": f"{value:.1f}",
            "hour_percent": f"{windows.long.percent:.1f}",
            "threshold": f"{threshold:g}",
        }
        sentence = (
            _(
                "%(failed)s of %(finished)s deliveries to %(name)s failed in the last %(minutes)s minutes "
                "(%(percent)s %%), and %(hour_percent)s %% in the last hour. The threshold is "
                "%(threshold)s %%.",
                **said,
            )
            if name
            else _(
                "%(failed)s of %(finished)s deliveries to all destinations failed in the last %(minutes)s "
                "minutes (%(percent)s %%), and %(hour_percent)s %% in the last hour. The threshold is "
                "%(threshold)s %%.",
                **said,
            )
        )
    level = windows.level(threshold)
    return Reading(rule, subject, level, value, sentence, ADVICE, path, count.failed)


# ---- failed deliveries ---------------------------------------------------------------------------


def _failed(context: Context, names: dict[int, str]) -> Iterator[Reading]:
    """A notice at first.  A warning once a failed delivery that no one acknowledged is old enough."""
    is_new = DeadLetter.created_at > context.now - timedelta(hours=1)
    is_unseen = DeadLetter.state == DeadLetterState.OPEN
    rows = context.connection.execute(
        select(
            DeadLetter.destination_id,
            func.count(),
            func.sum(case((is_new, 1), else_=0)),
            func.min(DeadLetter.created_at),
            func.max(DeadLetter.created_at),
            func.min(case((is_unseen, DeadLetter.created_at))),
        )
        .join(Destination, Destination.id == DeadLetter.destination_id)
        .where(
            DeadLetter.state.in_(UNRESOLVED),
            is_in_use(),
        )
        .group_by(DeadLetter.destination_id)
    )
    limit = timedelta(minutes=context.thresholds["failed_delivery"])
    for destination_id, count, new, oldest, newest, unseen in rows:
        if destination_id not in names:
            continue
        is_old = unseen is not None and context.now - unseen >= limit
        yield Reading(
            "failed_delivery",
            f"destination:{destination_id}",
            ReadingLevel.FIRING,
            count,
            _failed_sentence(names[destination_id], count, int(new), oldest, context),
            ADVICE,
            f"/dead-letters?destination={destination_id}",
            count,
            oldest,
            Severity.WARNING if is_old else Severity.NOTICE,
            newest,
        )


def _failed_sentence(name: str, count: int, new: int, oldest: Any, context: Context) -> str:
    age = duration((context.now - oldest).total_seconds())
    if count == 1:
        return _(
            "A delivery to %(name)s failed %(time)s ago, and Relay does not retry it.",
            name=name,
            time=age,
        )
    return _(
        "%(count)s deliveries to %(name)s failed and Relay does not retry them: the "
        "oldest %(time)s ago, %(new)s in the last hour.",
        count=f"{count:,}",
        name=name,
        time=age,
        new=f"{new:,}",
    )
