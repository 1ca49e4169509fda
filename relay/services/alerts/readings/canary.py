"""What the ``canary`` rule sees: the newest canary of each site with a result.

A failure of several sites in a row has one cause in Relay, so it is one reading of the whole
installation, and the readings of the sites then say nothing of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from sqlalchemy import and_, select

from relay.i18n import N_, _
from relay.models import CanaryRun, Delivery, Event, Source
from relay.rules.alerts import Reading, ReadingLevel
from relay.rules.lifecycle import State
from relay.rules.states import SourceState
from relay.services.alerts import canary
from relay.services.alerts.readings import Context

RULE = "canary"
READ_RULES = (RULE,)
SEVERAL = 2  # sites in a row
NOT_ACCEPTED = N_(
    "This is on Relay's side. Check that the web process runs, that the proxy in front of it passes "
    "requests on, and that RELAY_CANARY_URL or RELAY_PUBLIC_URL is right. flask doctor says why no "
    "event can be stored."
)
NOT_DELIVERED = N_(
    "This is on Relay's side. Check that the worker runs and that the broker (REDIS_URL) answers: run "
    "flask doctor, read the end of the worker's log and restart the worker. The deliveries of your "
    "destinations may be stuck in the same way."
)
STUCK = {
    State.PENDING: N_("not sent: no worker took it from the queue of its destination"),
    State.IN_FLIGHT: N_("not delivered: a worker took it and did not finish"),
}
SLOW = N_(
    "This is on Relay's side. Check the load of the database and of the worker; start another worker "
    "if the queue is long. If this time is normal here, raise the threshold of the rule."
)


@dataclass(frozen=True)
class CanaryResult:
    """``problem`` completes "The test event of <site> …"; empty if the canary was in time."""

    site: Any
    sent_at: datetime
    seconds: float
    problem: str = ""
    advice: str = ""


def read(context: Context) -> Iterator[Reading]:
    """A reading for each site with a recent canary, and one for the installation."""
    sites = context.connection.execute(
        select(Source.id, Source.slug, Source.name, and_(*canary.is_testable()).label("testable"))
        .where(
            Source.state == SourceState.ACTIVE,
            select(CanaryRun.id)
            .where(CanaryRun.source_id == Source.id, CanaryRun.sent_at > context.now - canary.KEPT)
            .exists(),
        )
        .order_by(Source.id)
    ).all()
    if not sites:
        return
    is_on = context.config.canary_minutes > 0
    tested = {site.id: site for site in sites if site.testable and is_on}
    results = list(_results(context, tested)) if tested else []
    failing = _failing_in_a_row(results)
    yield _of_all(failing)
    newest: dict[int, CanaryResult] = {}
    for result in results:
        newest.setdefault(result.site.id, result)
    for site in sites:
        if site.id not in tested:
            yield Reading(RULE, f"site:{site.slug}", ReadingLevel.CLEAR)
        else:
            yield _of_site(site, newest.get(site.id), is_covered=bool(failing))


def _results(context: Context, sites: dict[int, Any]) -> Iterator[CanaryResult]:
    """The canaries with a result, newest first.  One that is still on its way has none."""
    limit_s = context.thresholds[RULE]
    interval = timedelta(minutes=context.config.canary_minutes)
    since = context.now - 2 * interval - timedelta(seconds=2 * limit_s)
    rows = context.connection.execute(
        select(
            CanaryRun.__table__,
            Event.id.label("event_pk"),
            Event.routed_at,
            Delivery.state,
        )
        .outerjoin(
            Event,
            and_(
                Event.source_id == CanaryRun.source_id,
                Event.event_id == CanaryRun.event_id,
                Event.received_at > since,  # an index has the newest events, none has their ids
            ),
        )
        .outerjoin(Delivery, Delivery.event_pk == Event.id)
        .where(CanaryRun.sent_at > since)
        .order_by(CanaryRun.sent_at.desc(), CanaryRun.id.desc())
    )
    for row in rows:
        if row.source_id in sites:
            result = _result(row, sites[row.source_id], context.now, limit_s)
            if result is not None:
                yield result


def _result(row: Any, site: Any, now: datetime, limit_s: float) -> CanaryResult | None:
    seconds = ((row.arrived_at or now) - row.sent_at).total_seconds()
    if row.arrived_at is not None:
        if seconds <= limit_s:
            return CanaryResult(site, row.sent_at, seconds)
        problem = _(
            "took %(seconds)s seconds from Relay's endpoint to the internal inbox.",
            seconds=f"{seconds:.0f}",
        )
        return CanaryResult(site, row.sent_at, seconds, problem, SLOW)
    if row.error:
        problem = _("was not accepted: %(why)s.", why=row.error)
        return CanaryResult(site, row.sent_at, seconds, problem, NOT_ACCEPTED)
    if row.accepted_at is None or seconds <= limit_s:
        return None
    if row.event_pk is not None and row.routed_at is None:
        step = N_("not routed: no worker took it")
    elif row.state == State.DELIVERED:
        return None  # it arrived, which is recorded within seconds
    else:
        step = STUCK.get(row.state, N_("not delivered: no worker received it"))
    problem = _(
        "was accepted %(seconds)s seconds ago but %(what)s.", seconds=f"{seconds:.0f}", what=step
    )
    return CanaryResult(site, row.sent_at, seconds, problem, NOT_DELIVERED)


def _failing_in_a_row(results: Iterable[CanaryResult]) -> list[CanaryResult]:
    """The newest failure of each site since any canary was in time; empty for fewer than SEVERAL."""
    by_site: dict[int, CanaryResult] = {}
    for result in takewhile(lambda one: one.problem, results):
        by_site.setdefault(result.site.id, result)
    return list(by_site.values()) if len(by_site) >= SEVERAL else []


def _of_all(failing: list[CanaryResult]) -> Reading:
    if not failing:
        return Reading(RULE, "", ReadingLevel.CLEAR)
    last = failing[0]
    sentence = _(
        "The test events of %(count)s sites failed one after another. The last one, of %(name)s, %(what)s",
        count=len(failing),
        name=last.site.name,
        what=last.problem,
    )
    since = min(one.sent_at for one in failing)
    firing = ReadingLevel.FIRING
    return Reading(
        RULE, "", firing, last.seconds, sentence, last.advice, count=len(failing), since=since
    )


def _of_site(site: Any, result: CanaryResult | None, is_covered: bool) -> Reading:
    subject, path = f"site:{site.slug}", f"/sources/{site.slug}"
    if result is None or (result.problem and is_covered):
        return Reading(RULE, subject, ReadingLevel.BETWEEN)
    if not result.problem:
        return Reading(RULE, subject, ReadingLevel.CLEAR, result.seconds)
    return Reading(
        RULE,
        subject,
        ReadingLevel.FIRING,
        result.seconds,
        _("The test event of %(name)s %(what)s", name=site.name, what=result.problem),
        result.advice,
        path,
        since=result.sent_at,
    )
