"""The settings of the alert rules that a person can change: thresholds and mutes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from relay import database
from relay.errors import Invalid, NotFound, Refusal
from relay.i18n import SOURCE, _, in_language
from relay.models import AlertRuleSetting, db
from relay.rules.alerts import RULES, AlertRule
from relay.services.alerts.wording import instant_words, value_words
from relay.services.audit import By, record


@dataclass(frozen=True)
class EffectiveRule:
    """A rule as it applies now.  ``is_set``: a person chose the threshold.

    ``changed_by`` and ``changed_at`` are of the last change by a person.
    """

    rule: AlertRule
    threshold: float | None
    is_set: bool
    is_muted: bool
    muted_until: datetime | None
    changed_by: str = ""
    changed_at: datetime | None = None


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
            row.changed_by if row is not None else "",
            row.changed_at if row is not None else None,
        )
    return found


def is_muted(connection: Connection, rule: str, now: datetime) -> bool:
    """Whether nothing is sent about a rule now; False for a rule that does not exist."""
    found = effective(connection, now).get(rule)
    return found is not None and found.is_muted


def set_threshold(rule: str, value: float | None, by: By) -> None:
    """Set the threshold of a rule; None: the default applies again.

    Raises NotFound, Invalid, Refusal.
    """
    known = find_rule(rule)
    if known.threshold is None:
        raise Refusal(_("“%(label)s” has no threshold. Nothing was changed.", label=_(known.label)))
    if value is not None and not known.low <= value <= known.high:
        low, high = value_words(known.low, ""), value_words(known.high, known.unit)
        raise Invalid(
            {"threshold": [_("Enter a number from %(low)s to %(high)s.", low=low, high=high)]}
        )
    setting = _locked_setting(rule)
    before, setting.threshold = setting.threshold, value
    _save(
        setting,
        by,
        "alert_rule.threshold",
        before=_in_english(known.threshold if before is None else before, known.unit),
        now="default" if value is None else _in_english(value, known.unit),
    )


def _in_english(value: float, unit: str) -> str:
    """A value for the audit log."""
    with in_language(SOURCE):
        return value_words(value, unit)


def mute(rule: str, until: datetime | None, by: By) -> None:
    """Send nothing about alerts of this rule until then; None: until a person ends it.

    Raises NotFound, Invalid.
    """
    find_rule(rule)
    now = database.now(db.session)
    if until is not None and until <= now:
        raise Invalid({"for": [_("Enter a time in the future.")]})
    setting = _locked_setting(rule)
    setting.muted, setting.muted_until = True, until
    words = instant_words(until, now) if until else "a person ends it"
    _save(setting, by, "alert_rule.mute", until=words)


def unmute(rule: str, by: By) -> None:
    """Send messages about it again.  Raises NotFound, Refusal."""
    known = find_rule(rule)
    setting = _locked_setting(rule)
    if not setting.muted:
        raise Refusal(_("“%(label)s” is not muted. Nothing was changed.", label=_(known.label)))
    setting.muted, setting.muted_until = False, None
    _save(setting, by, "alert_rule.unmute")


def find_rule(name: str) -> AlertRule:
    """Raises NotFound."""
    if name not in RULES:
        raise NotFound(
            _(
                "There is no alert rule %(name)s. Rules are %(rules)s.",
                name=name[:40],
                rules=", ".join(RULES),
            )
        )
    return RULES[name]


def _locked_setting(rule: str) -> AlertRuleSetting:
    """The row of a rule, made if there is none yet."""
    db.session.execute(
        database.upsert(db.session, AlertRuleSetting)
        .values(rule=rule)
        .on_conflict_do_nothing(index_elements=["rule"])
    )
    return db.session.get_one(AlertRuleSetting, rule, with_for_update=True)


def _save(setting: AlertRuleSetting, by: By, action: str, **detail: str) -> None:
    setting.changed_by, setting.changed_at = by.actor, database.now(db.session)
    record(by, action, RULES[setting.rule].label, rule=setting.rule, **detail)
    db.session.commit()
