"""What a person reads about audit entries: names instead of numbers, sentences instead of JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from relay.event_types import event_type_of
from relay.models import AuditEntry, Delivery, Destination, Event, Source, Subscription, db
from relay.services.audit import ACTIONS

NUMBERED = re.compile(r"(delivery|destination) ([0-9]{1,18})")
# the numbers of rows that the object already names
NUMBERS = frozenset(("dead_letter", "replay"))
# the actions with the slug of a site as their object
ABOUT_SITES = ("source.", "key.")
ABBREVIATIONS = re.compile(r"\b(?:url|id|ai|cidr)\b", re.IGNORECASE)
SECONDS = re.compile(r"(?:_s|_seconds)$")


@dataclass(frozen=True)
class AuditLine:
    """One entry in words.  ``path`` leads to the object, if it still has a page."""

    id: int
    seq: int | None
    at: datetime
    actor: str
    address: str
    action: str
    action_words: str
    subject: str
    detail: str
    path: str = ""

    def as_dict(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "path"}
        return values | {"at": self.at.isoformat()}


def lines(entries: Sequence[AuditEntry]) -> list[AuditLine]:
    """The entries in words, with a fixed number of queries."""
    names = _names(entries)
    found = []
    for entry in entries:
        label = entry.object_label
        key = f"site {label}" if entry.action.startswith(ABOUT_SITES) else label
        subject, path = names.get(key, (label, ""))
        found.append(
            AuditLine(
                *(entry.id, entry.seq, entry.at, entry.actor, entry.address, entry.action),
                ACTIONS.get(entry.action, entry.action),
                subject,
                detail_words(entry.detail, names),
                path,
            )
        )
    return found


def _names(entries: Sequence[AuditEntry]) -> dict[str, tuple[str, str]]:
    """-> for labels such as ``delivery 12``, and numbers such as ``subscription 3``: name and path"""
    wanted: dict[str, set[int]] = {"delivery": set(), "destination": set(), "subscription": set()}
    for entry in entries:
        if match := NUMBERED.fullmatch(entry.object_label):
            wanted[match[1]].add(int(match[2]))
        if isinstance(number := entry.detail.get("subscription"), int):
            wanted["subscription"].add(number)
    slugs = {one.object_label for one in entries if one.action.startswith(ABOUT_SITES)}
    found: dict[str, tuple[str, str]] = {}
    sites = select(Source.slug, Source.name).where(Source.slug.in_(slugs))
    for slug, name in db.session.execute(sites):
        found[f"site {slug}"] = (name, f"/sources/{slug}")
    deliveries = (
        select(Delivery.id, Event.event_type, Event.id, Destination.name)
        .join(Event, Event.id == Delivery.event_pk)
        .join(Destination, Destination.id == Delivery.destination_id)
        .where(Delivery.id.in_(wanted["delivery"]))
    )
    for number, kind, event_id, to in db.session.execute(deliveries):
        name = f"{event_type_of(kind).label} to {to}"
        found[f"delivery {number}"] = (name, f"/events/{event_id}")
    destinations = select(Destination.id, Destination.name)
    for number, name in db.session.execute(
        destinations.where(Destination.id.in_(wanted["destination"]))
    ):
        found[f"destination {number}"] = (name, f"/destinations/{number}")
    subscriptions = select(Subscription.id, Destination.name).join(
        Destination, Destination.id == Subscription.destination_id
    )
    for number, name in db.session.execute(
        subscriptions.where(Subscription.id.in_(wanted["subscription"]))
    ):
        found[f"subscription {number}"] = (f"of {name}", "")
    return found


def detail_words(detail: Mapping[str, Any], names: Mapping[str, tuple[str, str]]) -> str:
    """The detail of an entry: ``Rotation window: 24 hours. Key: wp_3f``."""
    said = []
    for name, value in detail.items():
        if value in (None, "", [], {}) or name in NUMBERS:
            continue
        if f"{name} {value}" in names:
            said.append(f"{name.capitalize()} {names[f'{name} {value}'][0]}")
        elif name in ("sentence", "reason"):
            said.append(str(value).rstrip("."))
        elif name == "event_type":
            said.append(f"Event type: {event_type_of(str(value)).label}")
        else:
            title = SECONDS.sub("", name).replace("_", " ").capitalize()
            title = ABBREVIATIONS.sub(lambda match: match[0].upper(), title)
            is_time = SECONDS.search(name) and isinstance(value, int | float)
            said.append(f"{title}: {time_words(value) if is_time else value_words(value)}")
    return ". ".join(said)


def value_words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(value_words, value))
    if isinstance(value, dict):
        return ", ".join(f"{name}: {value_words(one)}" for name, one in value.items())
    return str(value)


def time_words(seconds: float) -> str:
    """``seconds`` in the largest unit that divides it: ``24 hours``, ``90 seconds``."""
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds and seconds % size == 0 and (unit != "day" or seconds > 2 * size):
            count = int(seconds // size)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{seconds:g} second{'' if seconds == 1 else 's'}"
