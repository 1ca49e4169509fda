"""The settings of the alert rules that a person can change: thresholds and mutes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from relay.models import AlertRuleSetting
from relay.rules.alerts import RULES, AlertRule


@dataclass(frozen=True)
class EffectiveRule:
    """A rule as it applies now.  ``is_set``: a person chose the threshold."""

    rule: AlertRule
    threshold: float | None
    is_set: bool
    is_muted: bool
    muted_until: datetime | None


def effective(connection: Connection, now: datetime) -> Mapping[str, EffectiveRule]:
    """Every rule with what a person changed about it, by name."""
    rows = {row.rule: row for row in connection.execute(select(AlertRuleSetting.__table__))}
    found = {}
    for name, rule in RULES.items():
        row = rows.get(name)
        is_set = row is not None and row.threshold is not None
        muted = row is not None and row.muted and (row.muted_until is None or row.muted_until > now)
        found[name] = EffectiveRule(
            rule,
            row.threshold if row is not None and is_set else rule.threshold,
            is_set,
            muted,
            row.muted_until if row is not None and muted else None,
        )
    return found
