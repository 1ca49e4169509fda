"""Which object an event is about, and which of two changes of an object is newer.

A site numbers the changes of each object, such as an order: ``revision`` grows with each change.
``occurred_at`` is when the change happened on the site.  Both are optional.

Pure: standard library only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from relay.i18n import N_, _

MAX_REVISION = 2**63 - 1
# If the revisions of a site start again, because its database was restored or its plugin reinstalled,
# this is recognized by the time of its changes, which is later by more than this, and by the order in
# which Relay received them.  The time alone may be wrong: a site's clock may be off and corrected.
CLOCK_S = 300
# Types that are about another object than their name and ``id`` say.
OBJECTS = {"x.order.refunded": ("order", "order_id")}
NOUNS = {
    "comment": N_("comment"),
    "coupon": N_("coupon"),
    "customer": N_("customer"),
    "lead": N_("lead"),
    "order": N_("order"),
    "post": N_("post"),
    "product": N_("product"),
    "subscription": N_("subscription"),
    "user": N_("user"),
}


class OlderChange(StrEnum):
    """What a destination does with a change that is older than one it already got."""

    SEND = "send"
    MARK = "mark"  # it is sent, and says that it is older
    SKIP = "skip"  # it is not sent


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one object.

    ``key`` identifies the object within its source, ``occurred_s`` is in Unix seconds.  ``receipt``
    grows in the order in which Relay received the events.
    """

    source_id: int
    key: str
    revision: int
    occurred_s: int | None = None
    receipt: int = 0

    @property
    def object(self) -> tuple[int, str]:
        return self.source_id, self.key

    def is_older_than(self, other: Change) -> bool:
        """Whether a later change of the same object is known."""
        if self.revision >= other.revision:
            return False
        if self.occurred_s is None or other.occurred_s is None or self.receipt <= other.receipt:
            return True
        return self.occurred_s <= other.occurred_s + CLOCK_S


def change_of(source_id: int, payload: Mapping[str, Any], receipt: int = 0) -> Change | None:
    """The change that an event describes; None without a valid revision or an object with an id."""
    revision = revision_in(payload)
    found = object_of(str(payload.get("event")), payload.get("data"))
    if revision is None or found is None:
        return None
    # A network of sites may send with one key: each site numbers its own objects.
    site = str(payload.get("site", "")).partition("://")[2].rstrip("/").lower()
    digest = hashlib.blake2b(f"{site}\n{found}".encode(), digest_size=16)
    occurred_at = occurred_in(payload)
    occurred_s = None if occurred_at is None else int(occurred_at.timestamp())
    return Change(source_id, digest.hexdigest(), revision, occurred_s, receipt)


def object_of(event_type: str, data: Any) -> str | None:
    """The object of an event, such as ``order:1042``; None if it has no id."""
    family, name = OBJECTS.get(event_type) or (event_type.partition(".")[0], "id")
    if family == "x":
        family = event_type
    number = data.get(name) if isinstance(data, Mapping) else None
    if isinstance(number, bool) or not isinstance(number, str | int) or number == "":
        return None
    return f"{family}:{str(number)[:100]}"


def noun_of(event_type: str) -> str:
    """What the object of an event is called: "order"."""
    family = (OBJECTS.get(event_type) or (event_type.partition(".")[0],))[0]
    return NOUNS.get(family, "object")


def newer_sentence(event_type: str) -> str:
    return _(
        "A newer change of this %(thing)s was already delivered.", thing=_(noun_of(event_type))
    )


def revision_in(payload: Mapping[str, Any]) -> int | None:
    """The revision of an event, a whole number or its digits; None if it is missing or invalid."""
    value = payload.get("revision")
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_REVISION:
        return None
    return value


def occurred_in(payload: Mapping[str, Any]) -> datetime | None:
    """When the event happened on the site; None if it is missing or invalid."""
    value = payload.get("occurred_at")
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    has_zone = found is not None and found.tzinfo is not None
    return found if has_zone and found is not None and 2000 <= found.year < 3000 else None


def clock_sentence(payload: Mapping[str, Any], received_at: datetime) -> str | None:
    """That the clock of the site is ahead, if the event says so."""
    occurred_at = occurred_in(payload)
    if occurred_at is None or (occurred_at - received_at).total_seconds() <= CLOCK_S:
        return None
    return _(
        "occurred_at is later than the time when Relay received the event: the clock of the site is "
        "ahead. Correct the time of the site's server."
    )


def ignored_fields(payload: Mapping[str, Any]) -> list[str]:
    """A sentence for each optional field that Relay does not understand and therefore ignores."""
    found = []
    if payload.get("revision") is not None and revision_in(payload) is None:
        found.append(_("revision is ignored: it must be a whole number from 0."))
    if payload.get("occurred_at") is not None and occurred_in(payload) is None:
        found.append(
            _(
                "occurred_at is ignored: it must be an instant with an offset, such as "
                "2026-03-01T00:30:00+01:00."
            )
        )
    data = payload.get("data")
    if str(payload.get("event")).startswith("order.") and isinstance(data, Mapping):
        if not isinstance(data.get("current_status", ""), str | None):
            found.append(_("data.current_status is ignored: it must be text."))
        if not isinstance(data.get("initial"), bool | None):
            found.append(_("data.initial is ignored: it must be true or false."))
    return found
