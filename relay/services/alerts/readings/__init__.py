"""What the alert rules see now: each module reads the state of one part of Relay, changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection

from config import Config
from relay.i18n import N_


@dataclass(frozen=True)
class Context:
    """What a reader gets.

    ``now`` is the database's time, ``thresholds`` the threshold in effect by rule, ``broker`` the
    Redis client.  ``is_set`` are the rules with a threshold that a person chose.
    """

    connection: Connection
    now: datetime
    thresholds: Mapping[str, float]
    broker: Any
    config: Config
    is_set: frozenset[str] = frozenset()


def counted(count: int, one: str, many: str) -> str:
    """``1 delivery``, ``1,200 deliveries``; both texts have ``%(count)s``."""
    return (one if count == 1 else many) % {"count": f"{count:,}"}


def duration(seconds: float) -> str:
    """``40 seconds``, ``7 minutes``, ``5 hours``, ``3 days``."""
    for size, one, many in (
        (86_400, N_("%(count)s day"), N_("%(count)s days")),
        (3600, N_("%(count)s hour"), N_("%(count)s hours")),
        (60, N_("%(count)s minute"), N_("%(count)s minutes")),
    ):
        if seconds >= (2 * size if size > 60 else size):
            return counted(int(seconds // size), one, many)
    return counted(max(0, int(seconds)), N_("%(count)s second"), N_("%(count)s seconds"))


MONTHS = (
    *(N_("%(count)s January"), N_("%(count)s February"), N_("%(count)s March")),
    *(N_("%(count)s April"), N_("%(count)s May"), N_("%(count)s June")),
    *(N_("%(count)s July"), N_("%(count)s August"), N_("%(count)s September")),
    *(N_("%(count)s October"), N_("%(count)s November"), N_("%(count)s December")),
)


def day_of(instant: date) -> str:
    """``24 November``."""
    return MONTHS[instant.month - 1] % {"count": instant.day}


@dataclass(frozen=True)
class ObservedSite:
    """A site in use, as the readings about sites name it."""

    slug: str
    name: str

    @property
    def subject(self) -> str:
        return f"site:{self.slug}"

    @property
    def path(self) -> str:
        return f"/sources/{self.slug}"
