"""What the alert rules about quotas and AI caps see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from relay.delivery.ai.budget import money
from relay.delivery.quotas import reading_of
from relay.destinations import KINDS
from relay.destinations.ai import AiKind
from relay.i18n import _
from relay.models import Quota, db
from relay.rules.alerts import Reading, ReadingLevel
from relay.rules.states import Severity
from relay.services.ai import spend
from relay.services.alerts.readings import Context
from relay.services.destinations import quotas

READ_RULES = ("quota_forecast", "ai_budget")
FORECAST_H = 48.0  # a quota that lasts longer counts as not running out
SHORT_WINDOW = timedelta(minutes=15)


def read(context: Context, destinations: Sequence[Any]) -> Iterator[Reading]:
    """``destinations`` are rows with ``id``, ``name`` and ``kind`` of those that were not removed."""
    yield from _quotas(context, {row.id: row.name for row in destinations})
    if any(isinstance(KINDS.get(row.kind), AiKind) for row in destinations):
        yield from _caps(context)


def _quotas(context: Context, names: dict[int, str]) -> Iterator[Reading]:
    first: dict[int, tuple[Any, datetime | None]] = {}  # the quota that is used up first
    for row in context.connection.execute(select(Quota.__table__)):
        if row.destination_id not in names:
            continue
        ends = reading_of(row).empties_at(context.now)
        # Of a quota that resets within minutes, a delivery waits no longer than that.
        if row.resets_at is not None and row.resets_at <= context.now + SHORT_WINDOW:
            ends = None
        known = first.get(row.destination_id, (None, None))[1]
        if row.destination_id not in first or (
            ends is not None and (known is None or ends < known)
        ):
            first[row.destination_id] = row, ends
    threshold = context.thresholds["quota_forecast"]
    for destination_id, (row, ends) in first.items():
        hours = (ends - context.now).total_seconds() / 3600 if ends else FORECAST_H
        if ends is None or hours > 1.5 * threshold:
            level = ReadingLevel.CLEAR
        else:
            level = ReadingLevel.FIRING if hours <= threshold else ReadingLevel.BETWEEN
        yield Reading(
            "quota_forecast",
            f"destination:{destination_id}",
            level,
            hours,
            " ".join(
                (
                    quotas.forecast(names[destination_id], ends, None, context.now),
                    _(
                        "%(remaining)s of %(limit)s are left (%(label)s).",
                        remaining=f"{row.remaining:,}",
                        limit=f"{row.limit:,}",
                        label=row.label,
                    ),
                )
            ),
            _(
                "Nothing is lost: deliveries wait until the quota resets. The account's plan sets the quota. "
                "To use less of it, lower the rate limit, select fewer events in the subscriptions, or find "
                "out what else uses the account."
            ),
            f"/destinations/{destination_id}",
            severity=Severity.CRITICAL if ends is not None and ends <= context.now else None,
        )


def _caps(context: Context) -> Iterator[Reading]:
    highest: dict[int, spend.Used] = {}
    for used in spend.caps():
        if used.most is None and used.most_calls is None:
            continue
        known = highest.get(used.href[0])
        if known is None or used.percent > known.percent:
            highest[used.href[0]] = used
    threshold = context.thresholds["ai_budget"]
    for destination_id, used in highest.items():
        is_met = used.percent >= min(threshold, 100.0)
        yield Reading(
            "ai_budget",
            f"destination:{destination_id}",
            ReadingLevel.FIRING if is_met else ReadingLevel.CLEAR,
            used.percent,
            _(
                "%(label)s (%(what)s) used %(percent)s %% of today's cap: %(amounts)s.",
                label=used.title,
                what=used.subtitle,
                percent=used.percent,
                amounts=_amounts(used),
            ),
            _(
                "When a cap is reached, the AI is not asked until midnight UTC. Events are then delivered "
                "without an answer or wait, as the AI step says. Raise the cap if this is expected; else "
                "find the subscription that asks so often on the page AI."
            ),
            "/ai",
            severity=Severity.CRITICAL if used.percent >= 100 else None,
        )
    db.session.rollback()


def _amounts(used: spend.Used) -> str:
    parts = []
    if used.most is not None:
        parts.append(
            _(
                "%(spent)s of %(most)s",
                spent=money(used.spent, used.currency),
                most=money(used.most, used.currency),
            )
        )
    if used.most_calls is not None:
        parts.append(
            _(
                "%(calls)s of %(most)s calls",
                calls=f"{used.calls:,}",
                most=f"{used.most_calls:,}",
            )
        )
    return " and ".join(parts)
