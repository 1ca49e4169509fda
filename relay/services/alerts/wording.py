"""How alerts write what a person reads: subjects, values and times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import String, cast, literal, select, union_all

from relay.event_types import event_type_of
from relay.models import Destination, Source, db
from relay.services.ledger.labels import day_words

INSTALLATION = "This installation"


@dataclass(frozen=True)
class AlertSubject:
    """A subject in its parts: ``table`` is ``destination``, ``site`` or empty for the installation.

    ``key`` is an id or a slug; ``part`` is an event type or a day of a site.
    """

    table: str
    key: str = ""
    part: str = ""


def parts_of(subject: str) -> AlertSubject:
    """``destination:3``, ``site:shop``, ``site:shop:order.created``, or empty."""
    if not subject:
        return AlertSubject("")
    table, colon, rest = subject.partition(":")
    if colon and table in ("destination", "site"):
        key, _, part = rest.partition(":")
        return AlertSubject(table, key, part)
    key, _, part = subject.partition(" ")  # alerts that the ledger opened before the rules existed
    return AlertSubject("site", key, part)


def subject_names(subjects: Iterable[str]) -> Mapping[str, str]:
    """What a person calls each subject, such as ``Slack sales``.  One statement.

    A subject that was deleted keeps its id or slug.
    """
    parts = {subject: parts_of(subject) for subject in set(subjects)}
    ids = {int(one.key) for one in parts.values() if _is_id(one)}
    slugs = {one.key for one in parts.values() if one.table == "site"}
    names: dict[tuple[str, str], str] = {}
    if ids or slugs:
        destinations = select(
            literal("destination"), cast(Destination.id, String), Destination.name
        ).where(Destination.id.in_(ids))
        sites = select(literal("site"), Source.slug, Source.name).where(Source.slug.in_(slugs))
        for table, key, name in db.session.execute(union_all(destinations, sites)):
            names[table, key] = name
    return {subject: _words(one, names) for subject, one in parts.items()}


def _is_id(one: AlertSubject) -> bool:
    return one.table == "destination" and one.key.isascii() and one.key.isdigit()


def _words(one: AlertSubject, names: Mapping[tuple[str, str], str]) -> str:
    if not one.table:
        return INSTALLATION
    unknown = f"Destination {one.key}" if one.table == "destination" else one.key
    name = names.get((one.table, one.key), unknown)
    return f"{name}: {_part_words(one.part)}" if one.part else name


def _part_words(part: str) -> str:
    """``25 November 2026`` or ``New order``."""
    try:
        return day_words(date.fromisoformat(part))
    except ValueError:
        return event_type_of(part).label


def value_words(value: float, unit: str) -> str:
    """``2.5 %``, ``1 hour``, ``1,024 MiB``: at most two decimals."""
    text = f"{value:,.2f}".rstrip("0").rstrip(".")
    if not unit:
        return text
    one = unit.removesuffix("s") if value == 1 else unit
    return f"{text} {one}"


def instant_words(instant: datetime, now: datetime) -> str:
    """``14:00 UTC``, with the day if it is not today."""
    return instant.strftime("%H:%M UTC" if instant.date() == now.date() else "%d %b, %H:%M UTC")
