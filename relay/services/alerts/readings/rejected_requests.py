"""The rule ``rejected_requests``: Relay rejects more requests of a site than usual."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import timedelta

from sqlalchemy import func, select

from relay.i18n import N_, _
from relay.models import Rejection
from relay.rules.alerts import Reading, ReadingLevel
from relay.services.alerts.readings import Context, ObservedSite, counted
from relay.services.ledger.labels import figure

RULE = "rejected_requests"
WINDOW = timedelta(minutes=15)
USUAL = timedelta(days=3)  # before the window
TIMES_USUAL = 3.0
OURS = 500  # and up: Relay could not store the event; other rules report that
ADVICE = N_("The site's page lists its rejected requests with their reasons.")


def read(context: Context, sites: Mapping[int, ObservedSite]) -> Iterator[Reading]:
    """One reading per site with rejected requests in the window, in at most three statements."""
    begin = context.now - WINDOW
    reasons: dict[int, Counter[str]] = defaultdict(Counter)
    newest: dict[tuple[int, str], int] = {}
    for row in context.connection.execute(
        select(
            Rejection.source_id,
            Rejection.reason,
            func.sum(Rejection.count).label("number"),
            func.max(Rejection.id).label("id"),
        )
        .where(
            Rejection.last_at >= begin, Rejection.source_id.is_not(None), Rejection.status < OURS
        )
        .group_by(Rejection.source_id, Rejection.reason)
    ):
        if row.source_id in sites:
            reasons[row.source_id][row.reason] = int(row.number)
            newest[row.source_id, row.reason] = row.id
    threshold = context.thresholds[RULE]
    many = {source_id for source_id, found in reasons.items() if found.total() >= threshold}
    usual = _usual(context, many)
    unusual = {one for one in many if reasons[one].total() >= TIMES_USUAL * usual.get(one, 0.0)}
    top = {one: reasons[one].most_common(1)[0][0] for one in unusual}
    sentences = _sentences(context, {newest[one, reason] for one, reason in top.items()})
    for source_id, found in reasons.items():
        site, total = sites[source_id], found.total()
        if source_id not in unusual:
            level = ReadingLevel.BETWEEN if total >= threshold / 2 else ReadingLevel.CLEAR
            yield Reading(RULE, site.subject, level, value=float(total))
            continue
        happened, advice = split_sentence(sentences[newest[source_id, top[source_id]]])
        share = found[top[source_id]]
        of_these = (
            _("All for this reason: %(why)s", why=happened)
            if share == total
            else _("%(share)s for this reason: %(why)s", share=figure(share), why=happened)
        )
        requests = counted(total, N_("%(count)s request"), N_("%(count)s requests"))
        yield Reading(
            RULE,
            site.subject,
            ReadingLevel.FIRING,
            value=float(total),
            sentence=f"{_rejected(requests, site.name, usual.get(source_id, 0.0))} {of_these}",
            advice=f"{advice} {ADVICE}".strip(),
            path=f"{site.path}#rejections",
            count=total,
        )


def _rejected(requests: str, name: str, usual: float) -> str:
    if usual < 0.05:
        return _(
            "Relay rejected %(what)s of %(name)s in 15 minutes; none are usual.",
            what=requests,
            name=name,
        )
    return _(
        "Relay rejected %(what)s of %(name)s in 15 minutes; about %(usual)s are usual.",
        what=requests,
        name=name,
        usual=f"{usual:.1f}" if usual < 10 else figure(round(usual)),
    )


def _usual(context: Context, source_ids: set[int]) -> dict[int, float]:
    """By site: the mean number of rejected requests in 15 minutes, over the last days."""
    if not source_ids:
        return {}
    end = context.now - WINDOW
    rows = context.connection.execute(
        select(Rejection.source_id, func.sum(Rejection.count).label("number"))
        .where(
            Rejection.source_id.in_(source_ids),
            Rejection.last_at >= end - USUAL,
            Rejection.last_at < end,
            Rejection.status < OURS,
        )
        .group_by(Rejection.source_id)
    )
    return {row.source_id: int(row.number) * (WINDOW / USUAL) for row in rows}


def _sentences(context: Context, ids: set[int]) -> dict[int, str]:
    if not ids:
        return {}
    rows = context.connection.execute(
        select(Rejection.id, Rejection.sentence).where(Rejection.id.in_(ids))
    )
    return {row.id: row.sentence for row in rows}


def split_sentence(text: str) -> tuple[str, str]:
    """What happened, and what to do: the first sentence of a rejection and the others."""
    happened, end, advice = text.partition(". ")
    return (f"{happened}.", advice) if end else (text, "")
