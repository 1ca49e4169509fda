"""What each rule is set to and what it sees now, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select

from relay import database
from relay.models import AlertEvaluation, db
from relay.rules.alerts import RULES, ReadingLevel
from relay.services.alerts.rules import EffectiveRule, effective
from relay.services.alerts.wording import subject_names

LOW_IS_BAD = ("disk_space", "quota_forecast", "old_key")  # they are met below their threshold
MOST_OF_ONE_RULE = 200


@dataclass(frozen=True)
class SubjectStatus:
    """What a rule sees now of one subject.

    ``value`` is in the unit of the rule, ``samples`` are ``[unix time, value]``, oldest first.
    """

    subject: str
    name: str
    value: float
    level: ReadingLevel
    since: datetime | None
    checked_at: datetime
    samples: Sequence[Sequence[float]]


@dataclass(frozen=True)
class RuleStatus:
    """``subjects`` are the worst; ``hidden`` is how many more there are."""

    setting: EffectiveRule
    subjects: Sequence[SubjectStatus]
    hidden: int


def statuses(only: str = "", most: int = 3) -> list[RuleStatus]:
    """Every rule, or only one, each with its ``most`` worst subjects.  Four statements."""
    now = database.now(db.session)
    seen, counts = _worst(only, most)
    names = subject_names(row.subject for rows in seen.values() for row in rows)
    return [
        RuleStatus(
            setting,
            [_status(row, names) for row in seen.get(name, [])],
            counts.get(name, 0) - len(seen.get(name, [])),
        )
        for name, setting in effective(db.session.connection(), now).items()
        if only in ("", name)
    ]


def subjects_of(rule: str) -> set[str]:
    """The subjects that a rule evaluates."""
    return set(
        db.session.scalars(select(AlertEvaluation.subject).where(AlertEvaluation.rule == rule))
    )


def _worst(only: str, most: int) -> tuple[dict[str, list[AlertEvaluation]], dict[str, int]]:
    """-> the worst evaluations of each rule, and how many it has"""
    table = AlertEvaluation
    is_low = table.rule.in_(LOW_IS_BAD)
    worst_first = (
        case((table.firing_since.is_not(None), 0), (table.clear_since.is_(None), 1), else_=2),
        case((is_low, table.value), else_=-table.value),
        table.subject,
    )
    ranked = select(
        table.rule,
        table.subject,
        func.row_number().over(partition_by=table.rule, order_by=worst_first).label("place"),
        func.count().over(partition_by=table.rule).label("total"),
    )
    if only:
        ranked = ranked.where(table.rule == only)
    places = ranked.subquery()
    rows = db.session.execute(
        select(table, places.c.total)
        .join(places, (places.c.rule == table.rule) & (places.c.subject == table.subject))
        .where(places.c.place <= min(most, MOST_OF_ONE_RULE), table.rule.in_(RULES))
        .order_by(table.rule, places.c.place)
    )
    seen: dict[str, list[AlertEvaluation]] = {}
    counts: dict[str, int] = {}
    for row, total in rows:
        seen.setdefault(row.rule, []).append(row)
        counts[row.rule] = total
    return seen, counts


def _status(row: AlertEvaluation, names: Mapping[str, str]) -> SubjectStatus:
    level = ReadingLevel.CLEAR if row.clear_since else ReadingLevel.BETWEEN
    if row.firing_since:
        level = ReadingLevel.FIRING
    return SubjectStatus(
        row.subject,
        names[row.subject],
        row.value,
        level,
        row.firing_since,
        row.checked_at,
        row.samples,
    )
