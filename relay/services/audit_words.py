"""What a person reads about audit entries: names instead of numbers, sentences instead of JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from relay.event_types import event_type_of
from relay.i18n import N_, _, ngettext
from relay.models import AuditEntry, Delivery, Destination, Event, Source, Subscription, db
from relay.services.audit import ACTIONS, COMMAND_LINE, RELAY
from relay.stored_text import translated

NUMBERED = re.compile(r"(delivery|destination) ([0-9]{1,18})")
# the numbers of rows that the object already names
NUMBERS = frozenset(("dead_letter", "replay"))
# the actions with the slug of a site as their object
ABOUT_SITES = ("source.", "key.")
ABBREVIATIONS = re.compile(r"\b(?:url|id|ai|cidr)\b", re.IGNORECASE)
SECONDS = re.compile(r"(?:_s|_seconds)$")
# The titles that ``title_of`` makes of the names of details, for their translation.
TITLES = (
    *(N_("Accepted at"), N_("Alert"), N_("Before"), N_("Bytes"), N_("CIDR"), N_("Concurrency")),
    *(N_("Count"), N_("Days"), N_("Destination"), N_("Device"), N_("Discarded"), N_("Drop")),
    *(N_("Error"), N_("Event ID"), N_("Events"), N_("Expires"), N_("Failed discarded")),
    *(N_("Fields"), N_("Format"), N_("In flight"), N_("Key"), N_("Keys"), N_("Kind")),
    *(N_("Linked"), N_("List"), N_("Mapping"), N_("Mask"), N_("Method"), N_("Model")),
    *(N_("Name"), N_("Names"), N_("Note"), N_("Now"), N_("Old name"), N_("Old role")),
    *(N_("Page"), N_("Per minute"), N_("Position"), N_("Rate"), N_("Receipt")),
    *(N_("Rejections"), N_("Renamed"), N_("Retry after"), N_("Role"), N_("Roles"), N_("Rows")),
    *(N_("Rule"), N_("Second factors"), N_("Secrets changed"), N_("Sessions"), N_("Site")),
    *(N_("Sites"), N_("Still delivered"), N_("Subscription"), N_("Subscriptions")),
    *(N_("Tokens revoked"), N_("Type"), N_("URL"), N_("User"), N_("Version"), N_("Via")),
    *(N_("AI answers"), N_("Attempts"), N_("Failed deliveries"), N_("Language"), N_("Notes")),
    *(N_("Owner"), N_("Passkeys"), N_("Quiet hours"), N_("Rules"), N_("Severity"), N_("Threshold")),
    *(N_("Time zone"), N_("Timezone"), N_("Until"), N_("Window")),
)
ACTORS = frozenset((N_("command line"), COMMAND_LINE.actor, RELAY.actor))
# What a detail says in words of Relay.
VALUES = frozenset(
    (
        *(N_("active"), N_("admin"), N_("all"), N_("current"), N_("default"), N_("disabled")),
        *(
            N_("failed delivery"),
            N_("invited"),
            N_("link"),
            N_("may have leaked"),
            N_("never"),
            N_("none"),
        ),
        *(N_("original"), N_("passkey"), N_("password"), N_("routine"), N_("support")),
        *(N_("viewer"),),
    )
)


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
                *(entry.id, entry.seq, entry.at, actor_words(entry.actor), entry.address),
                entry.action,
                ACTIONS.get(entry.action, entry.action),
                subject,
                detail_words(entry.detail, names),
                path,
            )
        )
    return found


def actor_words(actor: str) -> str:
    """Who acted: an e-mail address, or a word of Relay."""
    return _(actor) if actor in ACTORS else actor


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
        name = _("%(event)s to %(name)s", event=_(event_type_of(kind).label), name=to)
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
        found[f"subscription {number}"] = (name, "")
    return found


def detail_words(detail: Mapping[str, Any], names: Mapping[str, tuple[str, str]]) -> str:
    """The detail of an entry: ``Rotation window: 24 hours. Key: wp_3f``."""
    said = []
    for name, value in detail.items():
        if value in (None, "", [], {}) or name in NUMBERS:
            continue
        if f"{name} {value}" in names:  # i18n: keep
            of = {"name": names[f"{name} {value}"][0]}  # i18n: keep
            said.append(
                _("Subscription of %(name)s", **of)
                if name == "subscription"
                else f"{title_of(name)} {of['name']}"  # i18n: keep
            )
        elif name in ("sentence", "reason"):
            said.append(translated(value_words(value)).rstrip("."))
        elif name == "event_type":
            said.append(_("Event type: %(name)s", name=_(event_type_of(str(value)).label)))
        else:
            is_time = SECONDS.search(name) and isinstance(value, int | float)
            said.append(f"{title_of(name)}: {time_words(value) if is_time else value_words(value)}")
    return ". ".join(said)


def title_of(name: str) -> str:
    """``retry_after_s`` as ``Retry after``."""
    title = SECONDS.sub("", name).replace("_", " ").capitalize()
    return _(ABBREVIATIONS.sub(lambda match: match[0].upper(), title))


def value_words(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(map(value_words, value))
    if isinstance(value, dict):
        return ", ".join(f"{name}: {value_words(one)}" for name, one in value.items())
    return _(str(value)) if value in VALUES else str(value)


def time_words(seconds: float) -> str:
    """``seconds`` in the largest unit that divides it: ``24 hours``, ``90 seconds``."""
    if seconds and seconds % 86_400 == 0 and seconds > 2 * 86_400:
        return ngettext("%(num)s day", "%(num)s days", int(seconds // 86_400))
    if seconds and seconds % 3600 == 0:
        return ngettext("%(num)s hour", "%(num)s hours", int(seconds // 3600))
    if seconds and seconds % 60 == 0:
        return ngettext("%(num)s minute", "%(num)s minutes", int(seconds // 60))
    count = 1 if seconds == 1 else 2  # a part of a second is written as many
    said = f"{seconds:g}"
    return ngettext("%(num)s second", "%(num)s seconds", count, num=said)
