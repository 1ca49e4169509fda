"""How alerts write what a person reads: subjects, values and times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import String, cast, literal, select, union_all

from relay.event_types import event_type_of
from relay.i18n import N_, _
from relay.models import AlertChannel, Destination, Source, User, db
from relay.services.ledger.labels import day_words
from relay.stored_text import figure

# The units of the rules (``AlertRule.unit``) and what they are called for one.
UNITS = (
    *(N_("attempt"), N_("attempts"), N_("event"), N_("events"), N_("hour"), N_("hours")),
    *(N_("minute"), N_("minutes"), N_("request"), N_("requests"), N_("second"), N_("seconds")),
    N_("failed"),
)
INSTALLATION = N_("This installation")
TABLES = {  # the name of a subject with a deleted row
    "destination": N_("Destination {}"),
    "channel": N_("Alert channel {}"),
    "site": "{}",
    "user": N_("User {}"),
}


@dataclass(frozen=True)
class AlertSubject:
    """A subject in its parts: ``table`` is one of ``TABLES``, or empty for the installation.

    ``key`` is an id or a slug; ``part`` is an event type or a day of a site.
    """

    table: str
    key: str = ""
    part: str = ""


def parts_of(subject: str) -> AlertSubject:
    """``destination:3``, ``site:shop``, ``site:shop:order.created``, ``channel:2``, ``user:5``, or empty."""
    if not subject:
        return AlertSubject("")
    table, colon, rest = subject.partition(":")
    if colon and table in TABLES:
        key, _, part = rest.partition(":")
        return AlertSubject(table, key, part)
    key, _, part = subject.partition(" ")  # alerts that the ledger opened before the rules existed
    return AlertSubject("site", key, part)


def subject_names(subjects: Iterable[str]) -> Mapping[str, str]:
    """What a person calls each subject, such as ``Slack sales``.  One statement.

    A subject that was deleted keeps its id or slug.
    """
    parts = {subject: parts_of(subject) for subject in set(subjects)}
    ids = _ids(parts.values(), "destination")
    channel_ids = _ids(parts.values(), "channel")
    user_ids = _ids(parts.values(), "user")
    slugs = {one.key for one in parts.values() if one.table == "site"}
    names: dict[tuple[str, str], str] = {}
    if ids or channel_ids or user_ids or slugs:
        rows = union_all(
            select(literal("destination"), cast(Destination.id, String), Destination.name).where(
                Destination.id.in_(ids)
            ),
            select(literal("channel"), cast(AlertChannel.id, String), AlertChannel.name).where(
                AlertChannel.id.in_(channel_ids)
            ),
            select(literal("user"), cast(User.id, String), User.email).where(User.id.in_(user_ids)),
            select(literal("site"), Source.slug, Source.name).where(Source.slug.in_(slugs)),
        )
        names = {(table, key): name for table, key, name in db.session.execute(rows)}
    return {subject: _words(one, names) for subject, one in parts.items()}


def _ids(parts: Iterable[AlertSubject], table: str) -> set[int]:
    return {
        int(one.key)
        for one in parts
        if one.table == table and one.key.isascii() and one.key.isdigit()
    }


def _words(one: AlertSubject, names: Mapping[tuple[str, str], str]) -> str:
    if not one.table:
        return _(INSTALLATION)
    name = names.get((one.table, one.key), _(TABLES[one.table]).format(one.key))
    return f"{name}: {_part_words(one.part)}" if one.part else name


def _part_words(part: str) -> str:
    """``25 November 2026`` or ``New order``."""
    try:
        return day_words(date.fromisoformat(part))
    except ValueError:
        return _(event_type_of(part).label)


def value_words(value: float, unit: str) -> str:
    """``2.5 %``, ``1 hour``, ``1,024 MiB``: at most two decimals, one for minutes."""
    digits = 1 if unit == "minutes" else 2
    text = figure(f"{value:,.{digits}f}".rstrip("0").rstrip("."))
    if not unit:
        return text
    one = unit.removesuffix("s") if value == 1 else unit
    return f"{text} {_(one)}"


def instant_words(instant: datetime, now: datetime) -> str:
    """``14:00 UTC``, with the day if it is not today."""
    return instant.strftime("%H:%M UTC" if instant.date() == now.date() else "%d %b, %H:%M UTC")
