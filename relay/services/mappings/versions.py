"""Mappings of subscriptions: saved in versions, and tested."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from sqlalchemy import and_, select

from relay.delivery.test_send import TestSendResult, send
from relay.errors import Invalid, NotFound
from relay.i18n import N_, _
from relay.mapping import checks
from relay.mapping.computed import stored
from relay.models import Destination, MappingVersion, Subscription, db
from relay.services.audit import By, record
from relay.services.destinations.settings import mend
from relay.services.mappings.preview import MappingPreview, Rules, SampleEvent, rules_in_use

MOST_RULES, LONGEST_NAME = 200, 120
# A part of a target's name between dots; [] at its end makes a list.
PART = re.compile(r"(?!\[\])(?:(?!\[\]).)+(?:\[\])?", re.DOTALL)


def check(bench: MappingPreview, rules: Rules) -> None:
    """Raises Invalid with the reasons per target if the mapping can never work."""
    reasons = checks.invalid_rules(rules, bench.event_type)
    for name in rules:
        if len(name) > LONGEST_NAME or not all(map(PART.fullmatch, name.split("."))):
            reasons[name] = [
                _(
                    "A name has 1 to %(most)s characters, and no part between dots is "
                    "empty. For a list, write [] at the end of a part, such as items[].name.",
                    most=LONGEST_NAME,
                )
            ]
    if len(rules) > MOST_RULES:
        reasons["rules"] = [_("A mapping has at most %(most)s fields.", most=MOST_RULES)]
    if reasons:
        raise Invalid(reasons)


def save(bench: MappingPreview, rules: Rules | None, by: By) -> MappingVersion:
    """Use these rules for events of this type from now on; None, or the default rules, mean the default.

    Raises Invalid.
    """
    if rules is not None:
        rules = dict(stored(rules))
        check(bench, rules)
    chosen = None if rules == stored(bench.default_mapping) else rules
    current = _locked(bench.subscription)
    found = dict(rules_in_use(current))
    if found.get(bench.event_type) == chosen:
        db.session.rollback()
        return _version(current, current.version)
    found.pop(bench.event_type, None)
    if chosen is not None:
        found[bench.event_type] = chosen
    said = N_("%(type)s: custom mapping") if chosen is not None else N_("%(type)s: default mapping")
    note = said % {"type": bench.event_type}
    return _keep(current, found, note, by)


def go_back(subscription: Subscription, number: int, by: By) -> MappingVersion:
    """Save an earlier version again, as a new one.  Raises NotFound."""
    current = _locked(subscription)
    old = _version(current, number)
    return _keep(current, old.rules, N_("restored version %(number)s") % {"number": number}, by)


def _keep(subscription: Subscription, rules: dict[str, Any], note: str, by: By) -> MappingVersion:
    subscription.version += 1
    made = MappingVersion(
        subscription_id=subscription.id,
        number=subscription.version,
        rules=rules,
        note=note,
        made_by=by.actor,
    )
    db.session.add(made)
    mend(subscription.destination)
    record(by, "mapping.save", subscription.destination.name, version=made.number, note=note)
    db.session.commit()
    return made


def _locked(subscription: Subscription) -> Subscription:
    """Two people who save at the same time wait for each other."""
    return db.session.get_one(
        Subscription, subscription.id, with_for_update=True, populate_existing=True
    )


def _version(subscription: Subscription, number: int) -> MappingVersion:
    found = db.session.scalar(
        select(MappingVersion).where(
            MappingVersion.subscription_id == subscription.id, MappingVersion.number == number
        )
    )
    if found is None:
        raise NotFound(_("There is no version %(number)s of this mapping.", number=number))
    return found


def made_by_hand(destination: Destination) -> dict[int, list[str]]:
    """The event types with a mapping made by a person, by subscription of a destination."""
    rows = db.session.execute(
        select(Subscription.id, MappingVersion.rules)
        .join(
            MappingVersion,
            and_(
                MappingVersion.subscription_id == Subscription.id,
                MappingVersion.number == Subscription.version,
            ),
        )
        .where(Subscription.destination_id == destination.id)
    )
    return {row.id: sorted(row.rules) for row in rows}


def versions(subscription: Subscription, limit: int = 20) -> list[MappingVersion]:
    """The newest first."""
    return list(
        db.session.scalars(
            select(MappingVersion)
            .where(MappingVersion.subscription_id == subscription.id)
            .order_by(MappingVersion.number.desc())
            .limit(limit)
        )
    )


def send_test(bench: MappingPreview, rules: Rules, sample: SampleEvent, by: By) -> TestSendResult:
    """Send one event with these rules now, marked as a test.  Raises Invalid."""
    check(bench, rules)
    record(
        by,
        "mapping.test",
        bench.subscription.destination.name,
        event_type=bench.event_type,
        event_id=sample.message.event_id,
    )
    db.session.commit()
    message = replace(sample.message, is_test=True)
    return send(bench.subscription.destination, message, rules)
