"""A site's privacy settings: which fields are removed at intake, and how long its events are kept."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select

from relay.delivery.payload import parse_payload
from relay.errors import Invalid, NotFound
from relay.event_types import INTERNAL_TYPES
from relay.i18n import _
from relay.mapping.event_fields import EventField, fields_of
from relay.mapping.redaction_rules import (
    MAX_RULES,
    NEEDED,
    RedactionAction,
    RedactionRule,
    check_path,
    read_rules,
)
from relay.models import Event, Source, db
from relay.services.audit import By, record
from relay.services.sources import revisions
from relay.services.sources.settings import find_source

LOOKED_AT = 100  # events that the choices are made from
MAX_DAYS = 3650


def rules_of(source: Source) -> tuple[RedactionRule, ...]:
    return read_rules(source.redaction)


def fields_seen(source: Source) -> list[EventField]:
    """The fields of the site's newest events that a rule can name, by their label."""
    newest = db.session.scalars(
        select(Event.payload)
        .where(Event.source_id == source.id, Event.event_type.not_in(INTERNAL_TYPES))
        .order_by(Event.received_at.desc())
        .limit(LOOKED_AT)
    )
    seen = fields_of(map(parse_payload, newest), of_items=True)
    fine = [one for one in seen if one.path not in NEEDED and one.path[:2] != ("data", "types")]
    return sorted(fine, key=lambda one: one.label.lower())


def save_rules(slug: str, rules: Iterable[RedactionRule], by: By) -> Source:
    """Replace all rules of a site; they apply to events that come from now on.

    Raises NotFound, Invalid.
    """
    source = find_source(slug, lock=True)
    wanted = {check_path(rule.path): rule for rule in rules}
    if len(wanted) > MAX_RULES:
        raise Invalid({"field": [_("A site can have up to %(count)s rules.", count=MAX_RULES)]})
    source.redaction = [rule.as_json() for rule in wanted.values()] or None
    record(
        by,
        "source.redact",
        slug,
        mask=[one.label for one in wanted.values() if one.action is RedactionAction.MASK],
        drop=[one.label for one in wanted.values() if one.action is RedactionAction.DROP],
    )
    revisions.touch(revisions.SOURCES)
    db.session.commit()
    return source


def set_rule(slug: str, path: tuple[str, ...], action: RedactionAction, by: By) -> Source:
    """Add a rule, or change the one for this field.  Raises NotFound, Invalid."""
    others = [one for one in rules_of(find_source(slug)) if one.path != path]
    return save_rules(slug, [*others, RedactionRule(path, action)], by)


def remove_rule(slug: str, path: tuple[str, ...], by: By) -> Source:
    """Keep this field again.  Raises NotFound."""
    rules = rules_of(find_source(slug))
    others = [one for one in rules if one.path != path]
    if len(others) == len(rules):
        label = RedactionRule(path, RedactionAction.DROP).label
        raise NotFound(_("%(slug)s has no rule for %(field)s.", slug=slug, field=label))
    return save_rules(slug, others, by)


def set_retention(slug: str, days: int | None, by: By) -> Source:
    """How long finished events are kept; None for RELAY_RETENTION_DAYS.  Raises NotFound, Invalid."""
    if days is not None and not 1 <= days <= MAX_DAYS:
        why = _("Enter 1 to %(most)s days, or nothing for the default.", most=MAX_DAYS)
        raise Invalid({"retention_days": [why]})
    source = find_source(slug, lock=True)
    source.retention_days = days
    record(by, "source.retention", slug, days=days or "default")
    db.session.commit()
    return source
