"""What the command palette finds: sites, destinations and events, a few of each, with bounded work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, or_, select

from relay.models import Destination, Event, Source, db
from relay.models.destination import is_in_use
from relay.rules.states import SourceState
from relay.services import event_list
from relay.services.events import EventFilter

MOST = 5
SHORTEST = 2


@dataclass(frozen=True)
class Findings:
    """``is_id``: the text is the id of these events, so nothing else was searched for."""

    sources: list[Source]
    destinations: list[Destination]
    events: list[Event]
    is_id: bool = False


def find(text: str, anywhere: bool) -> Findings:
    """``anywhere``: whether the person may search in the values of events."""
    text = text.strip().replace("\x00", "")[:200]
    if len(text) < SHORTEST:
        return Findings([], [], [])
    wanted = EventFilter(text=text, anywhere=anywhere)
    exact, _ = event_list.exact_matches(wanted)
    events = event_list.newest(wanted, MOST) if not exact else event_list.load(exact[:MOST])
    return Findings(_sources(text), _destinations(text), events, bool(exact))


def _sources(text: str) -> list[Source]:
    found = select(Source).where(
        Source.state != SourceState.CLOSED,
        or_(*(_contains(column, text) for column in (Source.name, Source.slug, Source.url))),
    )
    return list(db.session.scalars(found.order_by(Source.name).limit(MOST)))


def _destinations(text: str) -> list[Destination]:
    found = select(Destination).where(is_in_use(), _contains(Destination.name, text))
    return list(db.session.scalars(found.order_by(Destination.name).limit(MOST)))


def _contains(column: Any, text: str) -> Any:
    return func.lower(column).contains(text.lower(), autoescape=True)
