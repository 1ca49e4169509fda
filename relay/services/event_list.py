"""The list of events: which index leads to them, an exact id first, and one page at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, or_, select
from sqlalchemy.orm import aliased, joinedload, selectinload

from relay.event_types import INTERNAL_TYPES
from relay.models import Delivery, Event, Source, db
from relay.models.delivery import is_to_shown, is_unfinished
from relay.rules.lifecycle import OPEN, State
from relay.services import event_search as search
from relay.services.event_search import Candidates, Found
from relay.services.events import EventFilter, ids_of
from relay.services.paging import MAX_LIMIT, Page, count_some, counted

MOST_COUNTED = 999  # of a tab: a list that is open polls
CANDIDATES: dict[str, Candidates] = {
    "received": search.not_routed,
    "dead": search.with_delivery_in(State.DEAD),
    "pending": search.with_delivery_in(*OPEN),
    "discarded": search.with_delivery_in(State.DISCARDED),
}
LOADED = (
    joinedload(Event.source),
    selectinload(Event.deliveries).joinedload(Delivery.destination),
)


def list_events(
    wanted: EventFilter | None = None,
    limit: int = 50,
    after: int | None = None,
    *,
    everywhere: bool = False,
) -> Page[Event]:
    """Newest first, with source and deliveries loaded.  Raises Invalid.

    If the text is the id of an event or the key of a delivery, the list has only that, unless the
    search goes on ``everywhere``.  The event with that row number comes first.
    """
    chosen, limit = wanted or EventFilter(), max(1, min(limit, MAX_LIMIT))
    exact, is_id = exact_matches(chosen) if after is None else ([], False)
    if is_id and not everywhere:
        return Page(load(exact), len(exact), None, exact=len(exact))
    found = _find(chosen, limit, after, without=exact)
    position = found.position
    return Page(
        load([*exact, *found.ids]),
        _total(chosen, found, after, len(exact)),
        position.id if position else None,
        position.at if position and found.is_cut else None,
        exact=len(exact),
    )


def count_states() -> dict[str, int]:
    """How many events wait, failed or are not routed, each up to MOST_COUNTED + 1.  One statement.

    Each count reads the index of unfinished deliveries in its order, and stops.
    """
    shown = {
        "received": select(Event.id).where(
            Event.routed_at.is_(None), Event.event_type.not_in(INTERNAL_TYPES)
        ),
        "pending": _events_in(State.PENDING).where(~_has_too(State.DEAD)),
        "sending": _events_in(State.IN_FLIGHT).where(~_has_too(State.DEAD, State.PENDING)),
        "dead": _events_in(State.DEAD),
    }
    row = db.session.execute(
        select(*(counted(one, MOST_COUNTED).label(name) for name, one in shown.items()))
    ).one()
    counts: dict[str, int] = dict(row._mapping)
    counts["pending"] += counts.pop("sending")
    return counts


def _events_in(state: State) -> Select[Any]:
    """The events with a delivery in this state, newest first."""
    found = select(Delivery.event_pk).where(
        Delivery.state == state.value, is_unfinished(), is_to_shown()
    )
    return found.order_by(Delivery.event_pk.desc()).distinct()


def _has_too(*states: State) -> ColumnElement[bool]:
    other = aliased(Delivery)
    return exists().where(other.event_pk == Delivery.event_pk, other.state.in_(states))


def newest(wanted: EventFilter, limit: int) -> list[Event]:
    """The first events of the list, without counting them."""
    return load(_find(wanted, limit, None, without=[]).ids)


def exact_matches(wanted: EventFilter) -> tuple[list[int], bool]:
    """The events that have the searched text as id, row number or delivery key, read from three indexes.

    -> their row numbers, and whether the text can be nothing else.  A row number can also be the number of
    an order.
    """
    text, rest = wanted.words, [*replace(wanted, text="").conditions()]
    if not text or " " in text:
        return [], False
    by_key = select(Delivery.event_pk).where(Delivery.key == text)
    for ids in (ids_of(text), list(db.session.scalars(by_key))):
        if found := _matching(ids, rest):
            return found, True
    is_number = text.isascii() and text.isdigit() and len(text) < 19
    return (_matching([int(text)], rest) if is_number else []), False


def _matching(ids: list[int], conditions: list[ColumnElement[bool]]) -> list[int]:
    if not ids:
        return []
    rows = select(Event.id).where(Event.id.in_(ids), *conditions).order_by(Event.id.desc())
    return list(db.session.scalars(rows))


def _find(wanted: EventFilter, limit: int, after: int | None, without: list[int]) -> Found:
    drive, tested = wanted.drive(), [*wanted.is_listed(), *wanted.has_state()]
    if wanted.words:
        has_text = wanted.has_text()
        if not has_text:  # an id, and there is none
            return Found()
        tested.append(or_(*has_text))
        if without:
            tested.append(Event.id.not_in(without))
    source = _source(wanted.source)
    if wanted.source and source is None:
        return Found()
    of_source = [Event.source_id == source] if source is not None else []
    if wanted.state in CANDIDATES:
        tested += [*drive, *wanted.has_type(), *of_source]
        return search.by_candidates(CANDIDATES[wanted.state], tested, after, limit)
    if of_source or wanted.event_type.endswith(".*"):
        drive, tested = [*drive, *of_source], [*tested, *wanted.has_type()]
    else:
        drive += wanted.has_type()
    # that an event is listed is nearly always true, so it needs no window
    needs_window = len(tested) > len(wanted.is_listed())
    if not needs_window:
        drive, tested = [*drive, *tested], []
    return search.by_time(drive, tested, after, limit)


def _source(slug: str) -> int | None:
    return db.session.scalar(select(Source.id).where(Source.slug == slug)) if slug else None


def _total(wanted: EventFilter, found: Found, after: int | None, exact: int) -> int | None:
    """Known if this page is all, or if an index alone can count."""
    if after is None and found.position is None:
        return len(found.ids) + exact
    if wanted.words or wanted.state or (wanted.source and wanted.event_type):
        return None
    return count_some(select(Event.id).where(*wanted.conditions()))


def load(ids: list[int]) -> list[Event]:
    """In the order of ``ids``."""
    rows: Any = db.session.scalars(select(Event).where(Event.id.in_(ids)).options(*LOADED))
    by_id = {event.id: event for event in rows}
    return [by_id[one] for one in ids if one in by_id]
