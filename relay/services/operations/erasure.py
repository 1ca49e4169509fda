"""Erasing a person from events, attempts and dead letters.  Ids and outcomes stay."""

from __future__ import annotations

import json
import re
import secrets as random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import ColumnElement, Text, and_, cast, delete, func, or_, select, true

from relay import database, exact_json
from relay.delivery.life_columns import apply_transition, life_of
from relay.email_digests import EmailDigests
from relay.errors import Invalid
from relay.event_types import ERASE
from relay.i18n import _
from relay.mapping import person
from relay.models import (
    AiAnswer,
    Alert,
    AlertEntry,
    AlertMessage,
    Attempt,
    DeadLetter,
    Delivery,
    Destination,
    EmailDigest,
    ErasureReceipt,
    Event,
    Replay,
    db,
)
from relay.models.event import SEARCHED, search_text_of
from relay.observability.logging import log
from relay.rules.lifecycle import Discarded, State, transition
from relay.rules.states import DeadLetterState, Resolution
from relay.services.audit import By, record

BATCH = 100
# Where a person of the team, or an alert, may have written an address.
NOTES: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (Alert, ("sentence", "advice", "note")),
    (AlertEntry, ("text",)),
    (AlertMessage, ("body", "error")),
    (Replay, ("title",)),
    (Destination, ("circuit_reason", "held_reason", "paused_reason")),
)
PATIENCE = timedelta(hours=1)  # how long a request waits for calls in progress


@dataclass
class Receipt:
    """How much was emptied.  ``discarded`` deliveries were not sent any more; ``in_flight`` ones were
    being sent at that moment, so what they leave behind has to be erased once more.
    """

    events: int = 0
    attempts: int = 0
    dead_letters: int = 0
    discarded: int = 0
    in_flight: int = 0
    number: str = ""  # of the stored receipt

    @property
    def counts(self) -> dict[str, int]:
        return {name: count for name, count in vars(self).items() if name != "number"}


def erase_person(
    email: str, by: By, source_id: int | None = None, but_not: int | None = None
) -> Receipt:
    """Replace a person's values by a marker, in short transactions, wherever their address occurs.

    ``source_id`` keeps to the events of one source; ``but_not`` is the row of a request that is still
    needed.  What was sent to destinations is there and not within reach.  Raises Invalid.
    """
    email = check_address(email)
    receipt = Receipt()
    last = 0
    while ids := db.session.scalars(candidates(email, source_id, last)).all():
        for event in locked(ids):
            if event.id != but_not:
                _erase_event(event, email, receipt)
        db.session.commit()
        last = ids[-1]
    _erase_mentions(email, source_id, receipt)
    _store_receipt(email, by, receipt)
    db.session.commit()
    database.forget_deleted(db.engine)
    return receipt


def check_address(email: str) -> str:
    """The address without spaces around it.  Raises Invalid."""
    email = email.strip()
    if len(email) > 254 or not re.fullmatch(r"[^@\s\x00]+@[^@\s\x00]+", email):
        raise Invalid({"email": [_("Enter an e-mail address such as jane@example.com.")]})
    return email


def _store_receipt(email: str, by: By, receipt: Receipt) -> None:
    """Proof for later, and the audit entry.  Both have a keyed hash instead of the address."""
    digest = digests().digest(email)
    receipt.number = f"er_{random.token_hex(8)}"
    db.session.add(
        ErasureReceipt(number=receipt.number, digest=digest, actor=by.actor, counts=receipt.counts)
    )
    counts = {name: count for name, count in receipt.counts.items() if count}
    record(by, "person.erase", f"person {digest.hex()[:12]}", receipt=receipt.number, **counts)


def digests() -> EmailDigests:
    """The keyed hashes of addresses in this process."""
    return EmailDigests(current_app.extensions["relay_config"].encryption_keys)


def take_requests() -> int:
    """Carry out ``relay.erase`` requests of sites, each for its own events.  -> how many

    A request with calls still in progress waits for them, an hour at most.
    """
    done = 0
    waiting = select(Event).where(Event.event_type == ERASE, Event.search_text != person.MARKER)
    for event in db.session.scalars(waiting.order_by(Event.id).limit(BATCH)).all():
        request_id, correlation_id, received_at = event.id, event.event_id, event.received_at
        by, source_id = By("site", event.address), event.source_id
        email = str(json.loads(event.payload)["data"]["email"])
        db.session.rollback()
        try:
            receipt = erase_person(email, by, source_id, but_not=request_id)
        except Invalid as exc:
            log("erasure.refused", level="warning", correlation_id=correlation_id, reason=str(exc))
            receipt = Receipt()
        if receipt.in_flight and database.now(db.session) - received_at < PATIENCE:
            db.session.rollback()
            continue
        for one in locked([request_id]):
            empty(one, {"email": person.MARKER})
        db.session.commit()
        log(
            "erasure.done",
            correlation_id=correlation_id,
            events=receipt.events,
            attempts=receipt.attempts,
            dead_letters=receipt.dead_letters,
            discarded=receipt.discarded,
            in_flight=receipt.in_flight,
        )
        done += 1
    db.session.rollback()
    return done


def candidates(email: str, source_id: int | None, after_id: int) -> Any:
    """Where the address may occur: in the texts, or written in JSON's escapes beyond what is searched."""
    needle = email.lower()
    escaped = and_(
        Event.payload.contains("\\u", autoescape=True), func.length(Event.payload) > SEARCHED
    )
    hashed = select(EmailDigest.event_pk).where(
        EmailDigest.digest.in_(digests().all_digests(email))
    )
    found = or_(
        Event.id.in_(hashed),
        func.lower(Event.payload).contains(needle, autoescape=True),
        Event.search_text.contains(needle, autoescape=True),
        escaped,
    )
    wanted = select(Event.id).where(Event.id > after_id, found).order_by(Event.id).limit(BATCH)
    return wanted if source_id is None else wanted.where(Event.source_id == source_id)


def locked(ids: Sequence[int]) -> Sequence[Event]:
    """These events, locked until the transaction ends, in a fixed order."""
    return db.session.scalars(
        select(Event)
        .where(Event.id.in_(ids))
        .order_by(Event.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def empty(event: Event, data: Any, emptied_at: datetime | None = None) -> None:
    """Replace its data.  With ``emptied_at`` it is not sent any more.

    ``body_sha256`` stays: the same event, sent again, is still known as a duplicate.
    """
    event.emptied_at = emptied_at or event.emptied_at
    body = exact_json.loads(event.payload) | {"data": data}
    event.payload = exact_json.dumps(body)
    event.search_text = search_text_of(data)


def _erase_event(event: Event, email: str, receipt: Receipt) -> None:
    data = exact_json.loads(event.payload).get("data")
    found = person.erase(data, email)
    if _forget_digests(event, email) and (found is None or not found.is_about):
        # the address was removed at intake: the event was about this person as far as anyone can tell
        found = person.erase_all(data)
    if found is None:
        return
    now = database.now(db.session)
    empty(event, found.data, now if found.is_about else None)
    receipt.events += 1
    if found.is_about and event.routed_at is None:  # it is sent to no one
        event.routed_at, event.delivery_count = now, 0
    deliveries = db.session.scalars(
        select(Delivery).where(Delivery.event_pk == event.id).with_for_update()
    ).all()
    for delivery in deliveries:
        _erase_delivery(delivery, found, receipt)


def _forget_digests(event: Event, email: str) -> bool:
    """Delete the hashes of this address at an event.  -> whether there were any"""
    gone = db.session.scalars(
        delete(EmailDigest)
        .where(
            EmailDigest.event_pk == event.id,
            EmailDigest.digest.in_(digests().all_digests(email)),
        )
        .returning(EmailDigest.id)
    )
    return bool(gone.all())


def _erase_delivery(delivery: Delivery, found: person.ErasedData, receipt: Receipt) -> None:
    """Its history loses the person; what was not sent yet is not sent any more."""
    history = select(Attempt).where(Attempt.delivery_id == delivery.id)
    for attempt in db.session.scalars(history):
        empty_attempt(attempt, found)
        receipt.attempts += 1
    delivery.last_error = person.scrub(delivery.last_error, found.values)
    letters = db.session.scalars(
        select(DeadLetter).where(DeadLetter.delivery_id == delivery.id)
    ).all()
    now = database.now(db.session)
    for letter in letters:
        for name in ("sentence", "note", "reason"):
            setattr(letter, name, person.scrub(getattr(letter, name), found.values))
        if found.is_about and letter.state != DeadLetterState.RESOLVED:
            letter.state, letter.resolved_at = DeadLetterState.RESOLVED, now
            letter.resolution = Resolution.DISCARDED
        receipt.dead_letters += 1
    state = State(delivery.state)
    receipt.in_flight += state is State.IN_FLIGHT
    if found.is_about and state in (State.PENDING, State.DEAD):
        apply_transition(delivery, transition(life_of(delivery), Discarded(), now), now)
        receipt.discarded += 1


def empty_attempt(attempt: Attempt, found: person.ErasedData) -> None:
    """A body made of a person's event goes whole; elsewhere only what was found."""
    for name in ("request", "response"):
        kept = person.scrub(getattr(attempt, name), found.values)
        setattr(attempt, name, without_bodies(kept) if found.is_about else kept)
    told = person.scrub(attempt.ai, found.values)
    if told and found.is_about:
        told = {name: one for name, one in told.items() if name not in ("asked", "answer")}
    attempt.ai = told
    notes = person.scrub(attempt.notes, found.values)
    if notes and found.is_about:  # a sentence quotes a part of a value, which is not found in it
        notes = [note | {"sentence": f"{note['label']}: {person.MARKER}"} for note in notes]
    attempt.notes = notes
    attempt.sentence = person.scrub(attempt.sentence, found.values)


def without_bodies(call: dict[str, Any], marker: str = person.MARKER) -> dict[str, Any]:
    """A kept call, and the earlier ones of the same attempt, with ``marker`` in place of their bodies."""
    emptied = call | {"body": marker} if call.get("body") else call
    if "earlier" in call:
        earlier = [
            {name: without_bodies(part, marker) for name, part in one.items()}
            for one in call["earlier"]
        ]
        emptied = emptied | {"earlier": earlier}
    return emptied


def _erase_mentions(email: str, source_id: int | None, receipt: Receipt) -> None:
    """Calls for other events may have been answered with the address."""
    only = frozenset({email})

    def own(delivery_id: Any) -> ColumnElement[bool]:
        if source_id is None:  # also where the delivery is deleted already
            return true()
        ours = select(Delivery.id).join(Event).where(Event.source_id == source_id)
        found: ColumnElement[bool] = delivery_id.in_(ours)
        return found

    receipt.attempts += _scrub_rows(
        Attempt,
        ("request", "response", "ai", "notes", "sentence"),
        own(Attempt.delivery_id),
        only,
    )
    receipt.dead_letters += _scrub_rows(
        DeadLetter, ("sentence", "note", "reason"), own(DeadLetter.delivery_id), only
    )
    _scrub_rows(Delivery, ("last_error",), own(Delivery.id), only)
    if source_id is None:  # what belongs to no site
        for table, names in NOTES:
            _scrub_rows(table, names, table.id > 0, only)
    # a stored answer for equal requests: the next request makes a new one
    answer = func.lower(cast(AiAnswer.answer, Text))
    db.session.execute(delete(AiAnswer).where(answer.contains(email.lower(), autoescape=True)))


def _scrub_rows(
    table: Any, names: Sequence[str], own: ColumnElement[bool], values: frozenset[str]
) -> int:
    """Take ``values`` out of these columns wherever they occur.  -> in how many rows"""
    texts = [func.lower(cast(getattr(table, name), Text)) for name in names]
    found = or_(
        *(one.contains(value.lower(), autoescape=True) for one in texts for value in values)
    )
    count = last = 0
    while rows := db.session.scalars(
        select(table).where(table.id > last, own, found).order_by(table.id).limit(BATCH)
    ).all():
        for row in rows:
            for name in names:
                setattr(row, name, person.scrub(getattr(row, name), values))
        count, last = count + len(rows), rows[-1].id
        db.session.commit()
    return count
