"""Everything that Relay stores about one e-mail address.

Only the exact address is found: a part of one would let a person guess addresses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Text, cast, func, or_, select
from sqlalchemy.orm import joinedload, selectinload

from relay import database, exact_json
from relay.i18n import N_
from relay.mapping.personal import emails_in
from relay.models import (
    AiAnswer,
    Alert,
    AlertEntry,
    Attempt,
    DeadLetter,
    Delivery,
    Event,
    Replay,
    db,
)
from relay.rules.lifecycle import OPEN, State
from relay.services.audit import By, record
from relay.services.events import with_removed_address
from relay.services.operations import erasure

MOST = 500  # events, and other rows of each kind, that a page lists


@dataclass(frozen=True)
class NoteAbout:
    """A text of the team, or of an alert, that mentions the address."""

    place: str
    path: str
    text: str


@dataclass(frozen=True)
class PersonData:
    """``events`` are the newest, with source and deliveries; ``removed`` are the ids of those where the
    site's privacy settings removed the address.

    ``mentions`` are calls for other events that mention the address, ``answers`` cached AI answers.
    """

    email: str
    events: Sequence[Event]
    more_events: int
    removed: frozenset[int]
    letters: Sequence[DeadLetter]
    mentions: Sequence[Attempt]
    answers: Sequence[AiAnswer]
    notes: Sequence[NoteAbout]

    @property
    def deliveries(self) -> list[Delivery]:
        return [delivery for event in self.events for delivery in event.deliveries]

    @property
    def waiting(self) -> int:
        """Deliveries that an erasure discards, because they were not sent yet or failed."""
        return sum(1 for one in self.deliveries if one.state in (*OPEN, State.DEAD))

    @property
    def is_empty(self) -> bool:
        return not (self.events or self.mentions or self.answers or self.notes)

    @property
    def counts(self) -> dict[str, int]:
        """How much was found, by what it is."""
        return {
            "events": len(self.events) + self.more_events,
            "deliveries": len(self.deliveries),
            "attempts": sum(one.attempts for one in self.deliveries) + len(self.mentions),
            "failed_deliveries": len(self.letters),
            "ai_answers": len(self.answers),
            "notes": len(self.notes),
        }


def find_person(email: str) -> PersonData:
    """Raises Invalid if ``email`` is no e-mail address."""
    email = erasure.check_address(email).lower()
    is_removed = dict(_events(email))
    ids = list(is_removed)
    newest = sorted(ids, reverse=True)[:MOST]
    events = db.session.scalars(
        select(Event)
        .where(Event.id.in_(newest))
        .order_by(Event.id.desc())
        .options(
            joinedload(Event.source),
            selectinload(Event.deliveries).joinedload(Delivery.destination),
            selectinload(Event.deliveries).selectinload(Delivery.history),
        )
    ).all()
    own = {delivery.id for event in events for delivery in event.deliveries}
    letters = db.session.scalars(
        select(DeadLetter)
        .where(DeadLetter.delivery_id.in_(own))
        .order_by(DeadLetter.id.desc())
        .options(joinedload(DeadLetter.destination))
    ).all()
    return PersonData(
        email,
        events,
        len(ids) - len(events),
        frozenset(one for one in newest if is_removed[one]),
        letters,
        [one for one in _mentions(email) if one.delivery_id not in own],
        [one for one in _rows(AiAnswer, ("answer",), email) if email in emails_in([one.answer])],
        list(_notes(email)),
    )


def _events(email: str) -> Iterator[tuple[int, bool]]:
    """-> the row of each event, and whether the address was removed from it at intake"""
    hashed = set(db.session.scalars(with_removed_address(email)))
    last = 0
    while ids := db.session.scalars(erasure.candidates(email, None, last)).all():
        rows = db.session.execute(select(Event.id, Event.payload).where(Event.id.in_(ids)))
        for row in rows.all():
            is_in_it = email in emails_in(exact_json.loads(row.payload).get("data"))
            if is_in_it or row.id in hashed:
                yield row.id, not is_in_it
        last = ids[-1]


def _rows(table: Any, names: Sequence[str], email: str) -> Sequence[Any]:
    """The newest rows with the address somewhere in these columns."""
    texts = [func.lower(cast(getattr(table, name), Text)) for name in names]
    found = or_(*(one.contains(email, autoescape=True) for one in texts))
    return db.session.scalars(
        select(table).where(found).order_by(table.id.desc()).limit(MOST)
    ).all()


def _mentions(email: str) -> list[Attempt]:
    names = ("request", "response", "ai", "notes", "sentence")
    return [
        one
        for one in _rows(Attempt, names, email)
        if email in emails_in([getattr(one, name) for name in names])
    ]


def _notes(email: str) -> Iterator[NoteAbout]:
    for letter in _rows(DeadLetter, ("note", "reason"), email):
        for text in (letter.note, letter.reason):
            if email in emails_in(text):
                yield NoteAbout(N_("Failed delivery"), f"/dead-letters/{letter.id}", text)
    for alert in _rows(Alert, ("sentence", "note"), email):
        for text in (alert.sentence, alert.note):
            if email in emails_in(text):
                yield NoteAbout("Alert", f"/alerts/{alert.id}", text)
    for entry in _rows(AlertEntry, ("text",), email):
        if email in emails_in(entry.text):
            yield NoteAbout("Alert", f"/alerts/{entry.alert_id}", entry.text)
    for replay in _rows(Replay, ("title",), email):
        if email in emails_in(replay.title):
            yield NoteAbout("Resend", f"/replays/{replay.id}", replay.title)


def export(email: str, by: By) -> dict[str, Any]:
    """Everything about the address, as JSON; audited.  Raises Invalid."""
    found = find_person(email)
    digest = erasure.digests().digest(found.email)
    record(by, "person.export", f"person {digest.hex()[:12]}", **found.counts)
    made_at = database.now(db.session)
    db.session.commit()
    return {
        "email": found.email,
        "made_at": made_at.isoformat(),
        "counts": found.counts,
        "events": [_event(event, found) for event in found.events],
        "mentions": [_attempt(one) for one in found.mentions],
        "ai_answers": [one.answer for one in found.answers],
        "notes": [{"place": one.place, "text": one.text} for one in found.notes],
    }


def _event(event: Event, found: PersonData) -> dict[str, Any]:
    letters = {letter.delivery_id: letter for letter in found.letters}
    return {
        "event_id": event.event_id,
        "type": event.event_type,
        "site": event.site,
        "received_at": event.received_at.isoformat(),
        "address_removed_by_site": event.id in found.removed,
        "body": _plain(event.payload),
        "deliveries": [
            {
                "destination": one.destination.name,
                "state": one.state.value,
                "attempts": [_attempt(attempt) for attempt in one.history],
                "failed": letters[one.id].sentence if one.id in letters else None,
            }
            for one in event.deliveries
        ],
    }


def _plain(payload: str) -> Any:
    """The body for ``json.dumps``, with numbers as they were written."""
    return json.loads(payload, parse_float=str)


def _attempt(one: Attempt) -> dict[str, Any]:
    return {
        "at": one.started_at.isoformat(),
        "outcome": one.outcome.value,
        "sentence": one.sentence,
        "request": one.request,
        "response": one.response,
        "ai": one.ai,
        "notes": one.notes,
    }
