"""How long data is kept: set by the environment, or by an admin in the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from flask import current_app
from sqlalchemy import Connection, func, literal, select

from config import Config
from relay import database
from relay.errors import Invalid, Refusal
from relay.event_types import INTERNAL_TYPES
from relay.i18n import N_, _
from relay.models import Event, Source, db
from relay.services.audit import By, record
from relay.services.paging import counted
from relay.services.settings import stored

LONGEST = 3650


class ValueSource(StrEnum):
    """Where the value of a setting comes from."""

    ENVIRONMENT = "environment"
    DATABASE = "database"
    DEFAULT = "default"


@dataclass(frozen=True)
class RetentionSetting:
    """One number of days.  ``variable`` is the environment variable that sets it."""

    name: str
    variable: str
    label: str
    help: str
    low: int


SETTINGS = (
    RetentionSetting(
        "retention_days",
        "RELAY_RETENTION_DAYS",
        N_("Events"),
        N_(
            "Events with all their deliveries, after these are delivered or discarded. A site can have its own number."
        ),
        1,
    ),
    RetentionSetting(
        "unresolved_retention_days",
        "RELAY_UNRESOLVED_RETENTION_DAYS",
        N_("Data of unresolved events"),
        N_(
            "An event with a failed or pending delivery stays. After these days, Relay deletes its data."
        ),
        1,
    ),
    RetentionSetting(
        "attempt_body_days",
        "RELAY_ATTEMPT_BODY_DAYS",
        N_("Bodies of requests and responses"),
        N_("The attempts themselves stay. 0 means: as long as their event."),
        0,
    ),
)


@dataclass(frozen=True)
class RetentionDays:
    retention_days: int
    unresolved_retention_days: int
    attempt_body_days: int


@dataclass(frozen=True)
class RetentionValue:
    """A setting with its value."""

    setting: RetentionSetting
    days: int
    source: ValueSource


@dataclass(frozen=True)
class Expiring:
    """What a change would delete: ``events`` that are kept now, up to COUNTED + 1, the first of ``since``."""

    events: int
    since: datetime | None


def values(connection: Connection | None = None) -> list[RetentionValue]:
    """Every setting with its value and where it comes from.  One statement, or none."""
    config: Config = current_app.extensions["relay_config"]
    open_names = [one.name for one in SETTINGS if one.variable not in config.set_in_environment]
    found = stored.read(open_names, connection) if open_names else {}
    shown = []
    for one in SETTINGS:
        if one.name in found:
            shown.append(RetentionValue(one, int(found[one.name]), ValueSource.DATABASE))
        else:
            is_set = one.variable in config.set_in_environment
            source = ValueSource.ENVIRONMENT if is_set else ValueSource.DEFAULT
            shown.append(RetentionValue(one, getattr(config, one.name), source))
    return shown


def days(connection: Connection | None = None) -> RetentionDays:
    """The days that apply now."""
    return RetentionDays(**{one.setting.name: one.days for one in values(connection)})


def check(new: Mapping[str, int | None]) -> dict[str, int]:
    """-> the settings that would change, with their new days.  Raises Invalid, Refusal."""
    reasons: dict[str, list[str]] = {}
    changed: dict[str, int] = {}
    for one in values():
        name, wanted = one.setting.name, new.get(one.setting.name, one.days)
        if wanted is None or not one.setting.low <= wanted <= LONGEST:
            reasons[name] = [
                _(
                    "Enter a whole number from %(low)s to %(high)s.",
                    low=one.setting.low,
                    high=LONGEST,
                )
            ]
        elif wanted != one.days:
            if one.source is ValueSource.ENVIRONMENT:
                raise Refusal(
                    _(
                        "%(variable)s sets this. Change it there and restart Relay.",
                        variable=one.setting.variable,
                    )
                )
            changed[name] = wanted
    if reasons:
        raise Invalid(reasons)
    return changed


def preview(changed: Mapping[str, int]) -> Expiring:
    """What the change of ``retention_days`` would delete, in two statements at most."""
    now, current = database.now(db.session), days().retention_days
    wanted = changed.get("retention_days", current)
    if wanted >= current:
        return Expiring(0, None)
    own = select(Source.id).where(Source.retention_days.is_not(None))
    expiring = (
        Event.received_at < now - timedelta(days=wanted),
        Event.source_id.not_in(own),
        Event.event_type.not_in(INTERNAL_TYPES),
    )
    events, since = db.session.execute(
        select(
            counted(select(literal(1)).where(*expiring)),
            select(func.min(Event.received_at)).where(*expiring).scalar_subquery(),
        )
    ).one()
    return Expiring(events, since)


def change(new: Mapping[str, int | None], by: By) -> dict[str, int]:
    """Store new numbers of days; the next hourly run uses them.  -> what changed.  Raises Invalid, Refusal."""
    changed = check(new)
    if changed:
        before = {one.setting.name: one.days for one in values()}
        for name, number in changed.items():
            stored.store(name, number, by)
        detail = {name: f"{before[name]} → {number}" for name, number in changed.items()}
        record(by, "retention.change", "the retention", **detail)
    db.session.commit()
    return changed
