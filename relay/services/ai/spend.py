"""What AI steps cost: by day, by subscription and model, and compared to the caps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import joinedload

from relay import database
from relay.delivery.ai import budget
from relay.destinations import KINDS
from relay.destinations.ai import AiKind
from relay.i18n import _
from relay.models import AiStep, AiUse, Destination, Subscription, db
from relay.rules.states import AiUseState
from relay.services.ai import steps as ai_steps

DAYS = 30


@dataclass(frozen=True)
class SpendLine:
    """Sums over some uses; ``cost`` in millionths.  ``hits`` reused a stored answer, ``skips`` went without AI."""

    calls: int = 0
    hits: int = 0
    skips: int = 0
    failures: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: int = 0

    @property
    def hit_rate(self) -> int:
        """The percentage of answers that cost nothing."""
        answered = self.calls + self.hits
        return round(100 * self.hits / answered) if answered else 0


@dataclass(frozen=True)
class Part:
    """The totals of one subscription and model; without a subscription: tests by people."""

    subscription: Subscription | None
    asked: Destination
    model: str
    currency: str
    line: SpendLine


@dataclass(frozen=True)
class Used:
    """A cap and how much of it is used today; ``most`` None: no such cap."""

    title: str
    subtitle: str
    href: tuple[int, int | None]  # destination, subscription
    currency: str
    spent: int
    most: int | None
    calls: int
    most_calls: int | None

    @property
    def percent(self) -> int:
        """How much of the tighter cap is used, at most 100."""
        shares = [
            100 * used / most if most else 100.0
            for used, most in ((self.spent, self.most), (self.calls, self.most_calls))
            if most is not None
        ]
        return min(100, round(max(shares, default=0.0)))


SUMS = (
    func.sum(case((AiUse.state.in_(budget.COUNTED), 1), else_=0)),
    func.sum(case((AiUse.state == AiUseState.HIT, 1), else_=0)),
    func.sum(case((AiUse.state == AiUseState.SKIPPED, 1), else_=0)),
    func.sum(case((AiUse.state == AiUseState.FAILED, 1), else_=0)),
    func.sum(AiUse.tokens_in),
    func.sum(AiUse.tokens_out),
    func.sum(AiUse.cost),
)


def today() -> date:
    return database.now(db.session).astimezone(UTC).date()


def by_day(days: int = DAYS) -> dict[str, list[tuple[date, SpendLine]]]:
    """Each currency's days up to today, oldest first, including days without a use."""
    last = today()
    dates = [last - timedelta(days=n) for n in reversed(range(days))]
    found: dict[str, dict[date, SpendLine]] = {}
    rows = db.session.execute(
        select(AiUse.currency, AiUse.day, *SUMS)
        .where(AiUse.day >= dates[0])
        .group_by(AiUse.currency, AiUse.day)
    )
    for currency, day, *sums in rows:
        found.setdefault(currency, {})[day] = SpendLine(*map(int, sums))
    return {
        currency: [(day, lines.get(day, SpendLine())) for day in dates]
        for currency, lines in sorted(found.items())
    }


def by_part(days: int = DAYS) -> list[Part]:
    """The most expensive first."""
    rows = db.session.execute(
        select(AiUse.subscription_id, AiUse.destination_id, AiUse.model, AiUse.currency, *SUMS)
        .where(AiUse.day > today() - timedelta(days=days))
        .group_by(AiUse.subscription_id, AiUse.destination_id, AiUse.model, AiUse.currency)
    ).all()
    asked = {
        one.id: one
        for one in db.session.scalars(
            select(Destination).where(Destination.id.in_({row[1] for row in rows}))
        )
    }
    subscriptions = {
        one.id: one
        for one in db.session.scalars(
            select(Subscription)
            .where(Subscription.id.in_({row[0] for row in rows if row[0] is not None}))
            .options(joinedload(Subscription.destination))
        )
    }
    parts = [
        Part(
            subscriptions.get(subscription_id),
            asked[destination_id],
            model,
            currency,
            SpendLine(*map(int, sums)),
        )
        for subscription_id, destination_id, model, currency, *sums in rows
    ]
    return sorted(parts, key=lambda part: part.line.cost, reverse=True)


def caps() -> list[Used]:
    """Every cap and today's use of it: first those of the AI destinations, then those of the steps."""
    day = today()
    by_asker = _used_today(AiUse.destination_id, day)
    by_step = _used_today(AiUse.subscription_id, day)
    found, askers = [], ai_steps.askers()
    for asker in askers:
        to, kind = asker.destination, KINDS[asker.destination.kind]
        assert isinstance(kind, AiKind)
        limits = kind.caps(to.config)
        spent, calls = by_asker.get(to.id, (0, 0))
        found.append(
            Used(
                to.name,
                _("all AI steps and tests"),
                (to.id, None),
                asker.currency,
                spent,
                limits.money,
                calls,
                limits.calls,
            )
        )
    currencies = {asker.destination.id: asker.currency for asker in askers}
    steps = db.session.scalars(
        select(AiStep).options(
            joinedload(AiStep.subscription).joinedload(Subscription.destination),
            joinedload(AiStep.destination),
        )
    )
    for step in steps:
        spent, calls = by_step.get(step.subscription_id, (0, 0))
        to = step.subscription.destination
        found.append(
            Used(
                _("AI step of %(name)s", name=to.name),
                _("uses %(service)s, %(model)s", service=step.destination.name, model=step.model),
                (to.id, step.subscription_id),
                currencies.get(step.destination_id, ""),
                spent,
                step.day_cap,
                calls,
                step.day_calls,
            )
        )
    return found


def _used_today(column: Any, day: date) -> dict[int, tuple[int, int]]:
    """``budget.used`` for each value of ``column``: what was spent on a day, and by how many calls."""
    rows = db.session.execute(
        select(column, func.sum(AiUse.cost), func.count())
        .where(AiUse.day == day, AiUse.state.in_(budget.COUNTED), column.is_not(None))
        .group_by(column)
    )
    return {row[0]: (int(row[1]), row[2]) for row in rows}
