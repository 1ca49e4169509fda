"""What the overview lists under "Needs attention": open alerts, and what no alert reports yet.

Each problem is one line.  A destination that is paused or not responding has its line at once, and
the alert takes its place; failed deliveries are listed by cause instead of by their alert.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import url_for

from relay.dashboard import dead_letter_filter, throttling
from relay.dashboard.filters import number
from relay.i18n import _, ngettext
from relay.models import Alert, Destination, Source
from relay.rules.states import Severity
from relay.rules.status import Status
from relay.services.alerts import listing
from relay.services.alerts.wording import parts_of
from relay.services.dead_letters.causes import Cause

SILENT = timedelta(days=7)
MOST_ALERTS = 8
MOST_SITES = 3
# a destination with an open alert of these rules has no line of its own
DOWN = ("destination_paused", "circuit_open")
# alerts that a listed cause of failed deliveries stands for
FAILURES = ("failed_delivery", "failure_rate")


@dataclass(frozen=True)
class AttentionLine:
    """One line of the list.  ``last_event_at`` is appended for a site that stopped sending."""

    severity: Severity
    since: datetime
    href: str
    headline: str
    text: str
    last_event_at: datetime | None = None


@dataclass(frozen=True)
class AttentionList:
    """``more`` alerts are not listed; ``seen`` ones are acknowledged or snoozed."""

    lines: Sequence[AttentionLine]
    more: int
    seen: int


def attention_list(
    alerts: Sequence[Alert],
    destinations: Sequence[Destination],
    causes: Sequence[Cause],
    sites: Sequence[tuple[Source, datetime | None]],
    watched: Collection[str],
    now: datetime,
) -> AttentionList:
    """The lines, most severe first.

    ``alerts`` are all open ones, ``causes`` those to list.  ``sites`` come with the time of their last event; ``watched`` are
    the slugs of those that the rule about silent sites evaluates.
    """
    fresh = [one for one in alerts if listing.needs_attention(one, now)]
    by_cause = _severity_by_cause(fresh, causes)
    own = [one for one in fresh if not (one.rule in FAILURES and one.subject in by_cause)]
    lines = [
        *(_alert_line(one) for one in own[:MOST_ALERTS]),
        *_destination_lines(alerts, destinations, now),
        *(_cause_line(one, by_cause) for one in causes),
        *_site_lines(sites, watched, now),
    ]
    lines.sort(key=lambda line: (-line.severity.rank, line.since))
    seen = sum(1 for one in alerts if not (one.covered_by or one in fresh))
    return AttentionList(lines, len(own[MOST_ALERTS:]), seen)


def _severity_by_cause(fresh: Sequence[Alert], causes: Sequence[Cause]) -> Mapping[str, Severity]:
    """The severity of each listed cause's destination, by subject: that of the alert, if there is one."""
    found = {f"destination:{cause.destination.id}": Severity.NOTICE for cause in causes}
    for alert in fresh:
        if alert.rule in FAILURES and alert.subject in found:
            found[alert.subject] = max(found[alert.subject], alert.severity, key=lambda s: s.rank)
    return found


def _alert_line(alert: Alert) -> AttentionLine:
    return AttentionLine(
        alert.severity,
        alert.since or alert.opened_at,
        alert.path or url_for("alerts.detail", alert_id=alert.id),
        alert.sentence,
        alert.advice,
    )


def _destination_lines(
    alerts: Sequence[Alert], destinations: Sequence[Destination], now: datetime
) -> list[AttentionLine]:
    """Destinations that are paused or not responding and that no alert reports."""
    reported = {one.subject for one in alerts if one.rule in DOWN}
    lines = []
    for one in destinations:
        if f"destination:{one.id}" in reported:
            continue
        href = url_for("destinations.detail", destination_id=one.id)
        status = throttling.status_of(one, now)
        if status == Status.PAUSED:
            waits = _("Its deliveries wait until you resume it.")
            text = f"{one.paused_reason} {waits}".strip()  # i18n: keep
            headline = _("%(name)s is paused.", name=one.name)
            lines.append(AttentionLine(Severity.NOTICE, now, href, headline, text))
        elif status in (Status.CIRCUIT_OPEN, Status.PROBING):
            since = one.circuit_since or now
            headline = _("%(name)s is not responding.", name=one.name)
            lines.append(
                AttentionLine(Severity.CRITICAL, since, href, headline, one.circuit_reason)
            )
    return lines


def _cause_line(cause: Cause, severities: Mapping[str, Severity]) -> AttentionLine:
    address = dead_letter_filter.address(cause.selection, upto=None)
    return AttentionLine(
        severities[f"destination:{cause.destination.id}"],
        cause.first_at,
        url_for("dead_letters.list_page", **address),
        cause.advice.headline,
        ngettext(
            "%(num)s failed delivery.",
            "%(num)s failed deliveries.",
            cause.count,
            num=number(cause.count),
        ),
    )


def _site_lines(
    sites: Sequence[tuple[Source, datetime | None]], watched: Collection[str], now: datetime
) -> list[AttentionLine]:
    """Sites that never sent an event, and silent ones that the rule about silent sites does not evaluate."""
    silent = [
        (site, at)
        for site, at in sites
        if at is None or (at < now - SILENT and site.slug not in watched)
    ]
    return [_site_line(site, at) for site, at in silent[:MOST_SITES]]


def _site_line(site: Source, last_event_at: datetime | None) -> AttentionLine:
    if last_event_at is None:
        return AttentionLine(
            Severity.NOTICE,
            site.created_at,
            url_for("sources.waiting", slug=site.slug),
            _("%(site)s has not sent an event yet.", site=site.name),
            _("View the connection status."),
        )
    return AttentionLine(
        Severity.NOTICE,
        last_event_at,
        url_for("sources.detail", slug=site.slug),
        _("%(site)s has stopped sending.", site=site.name),
        _("Send a test event from the plugin on the site."),
        last_event_at,
    )


def slugs_of(subjects: Collection[str]) -> set[str]:
    """The sites of these subjects."""
    return {parts_of(subject).key for subject in subjects}
