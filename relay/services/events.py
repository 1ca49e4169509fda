"""Events: the list, one event in detail, and a signed test event through Relay's own endpoint."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets as random
import time
from dataclasses import dataclass
from datetime import datetime

import requests
from flask import current_app
from sqlalchemy import ColumnElement, Select, and_, case, exists, literal, or_, select
from sqlalchemy.orm import joinedload, selectinload

from relay import database, secrets
from relay.email_digests import EmailDigests
from relay.errors import Invalid, NotFound, Refusal
from relay.event_types import INTERNAL_TYPES, SAMPLES, TEST
from relay.mapping.people import email_in
from relay.models import DeadLetter, Delivery, EmailDigest, Event, RedactedEvent, Source, db
from relay.rules.lifecycle import OPEN, State
from relay.rules.states import DeadLetterState
from relay.services.audit import By, record
from relay.services.paging import Page, page_of
from relay.services.sources import keys
from relay.services.sources.settings import find_source

# The state of an event as a whole, by its deliveries; the first that matches counts.
STATES = ("received", "dead", "pending", "delivered", "discarded", "unmatched")


def _has(*states: State) -> ColumnElement[bool]:
    return exists().where(Delivery.event_pk == Event.id, Delivery.state.in_(states))


STATE = case(
    (Event.routed_at.is_(None), "received"),
    (_has(State.DEAD), "dead"),
    (_has(*OPEN), "pending"),
    (_has(State.DELIVERED), "delivered"),
    (_has(State.DISCARDED), "discarded"),
    else_="unmatched",
)


def state_of(event: Event) -> str:
    """The rule of STATE for an event with its deliveries loaded."""
    if event.routed_at is None:
        return "received"
    states = {delivery.state for delivery in event.deliveries}
    if State.DEAD in states:
        return "dead"
    if states & set(OPEN):
        return "pending"
    return next((s for s in (State.DELIVERED, State.DISCARDED) if s in states), "unmatched")


@dataclass(frozen=True)
class EventFilter:
    """Which events to list.

    ``state`` is one of STATES; the datetimes are aware.  ``text`` is an id or an e-mail address, in
    full.  With ``anywhere`` it may be a part of any value, so it is only for people who may see the
    values: others could guess them with it.
    Internal events, which sites send to Relay itself, are listed only if ``event_type`` names them.
    """

    event_type: str = ""
    source: str = ""
    state: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None
    anywhere: bool = False

    def conditions(self) -> list[ColumnElement[bool]]:
        """Raises Invalid for an unknown state."""
        wanted: list[ColumnElement[bool]] = []
        if self.event_type:
            if self.event_type.endswith(".*"):
                wanted.append(Event.event_type.startswith(self.event_type[:-1], autoescape=True))
            else:
                wanted.append(Event.event_type == self.event_type)
        if self.event_type not in INTERNAL_TYPES:
            wanted.append(Event.event_type.not_in(INTERNAL_TYPES))
        if self.source:
            wanted.append(Event.source_id.in_(select(Source.id).where(Source.slug == self.source)))
        if self.state:
            if self.state not in STATES:
                raise Invalid({"state": [f"A state is one of {', '.join(STATES)}."]})
            wanted.append(self.state == STATE)  # type: ignore[arg-type]
        if self.text:
            text = self.text.strip().replace("\x00", "")[:200]
            found = Event.event_id == text
            if self.anywhere:
                found |= Event.search_text.contains(text.lower(), autoescape=True)
            if email_in(text) == text:
                found |= _has_address(text.lower())
            wanted.append(found)
        if self.since:
            wanted.append(Event.received_at >= self.since)
        if self.until:
            wanted.append(Event.received_at < self.until)
        return wanted


def _has_address(email: str) -> ColumnElement[bool]:
    """The address as a word of its own, or by the hash of one that was removed at intake."""
    words = literal(" ").concat(Event.search_text).concat(" ")
    return or_(
        words.contains(f" {email} ", autoescape=True), Event.id.in_(with_removed_address(email))
    )


def with_removed_address(email: str) -> Select[int]:
    """The rows of events that had this address before their site's privacy settings removed it."""
    digests = EmailDigests(current_app.extensions["relay_config"].encryption_keys)
    return select(EmailDigest.event_pk).where(EmailDigest.digest.in_(digests.all_digests(email)))


def redacted_fields(event: Event) -> list[dict[str, str]]:
    """What the site's privacy settings changed before the event was stored, as ``RedactedEvent.fields``."""
    found = db.session.get(RedactedEvent, event.id)
    return found.fields if found else []


def list_events(
    wanted: EventFilter | None = None, limit: int = 50, after: int | None = None
) -> Page[Event]:
    """Newest first, with source and deliveries loaded.  Raises Invalid."""
    return page_of(
        select(Event).where(and_(True, *(wanted or EventFilter()).conditions())),
        Event.id,
        limit,
        after,
        joinedload(Event.source),
        selectinload(Event.deliveries).joinedload(Delivery.destination),
    )


def newest_events(limit: int) -> list[Event]:
    """The newest events of sites, with source and the states of their deliveries."""
    return list(
        db.session.scalars(
            select(Event)
            .where(*EventFilter().conditions())
            .order_by(Event.id.desc())
            .limit(limit)
            .options(joinedload(Event.source), selectinload(Event.deliveries))
        )
    )


def find_event(id_or_event_id: int | str) -> Event:
    """By its row number, as an int; text may also be the site's event id (the newest, if two share
    it).

    Loads source, signing key, deliveries with destination and attempts.  Raises NotFound.
    """
    text = str(id_or_event_id)
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1
    wanted = Event.id == number
    if isinstance(id_or_event_id, str):
        wanted = wanted | (Event.event_id == text)
    event = db.session.scalar(
        select(Event)
        .where(wanted)
        .order_by((Event.event_id == text).desc(), Event.id.desc())
        .limit(1)
        .options(
            joinedload(Event.source),
            joinedload(Event.signing_key),
            selectinload(Event.deliveries).joinedload(Delivery.destination),
            selectinload(Event.deliveries).joinedload(Delivery.subscription),
            selectinload(Event.deliveries).selectinload(Delivery.history),
        )
    )
    if event is None:
        raise NotFound(f"There is no event {text}.")
    return event


def known_types(*patterns: str) -> list[str]:
    """Every event type that can be delivered: those that Relay ships and those that sites sent.

    ``patterns`` are further types, such as the default ones of a kind; groups of types are left out.
    """
    seen = db.session.scalars(select(Event.event_type).distinct().limit(100)).all()
    more = {pattern for pattern in patterns if "*" not in pattern}
    return sorted({*SAMPLES, *seen, *more} - INTERNAL_TYPES)


@dataclass(frozen=True)
class SentTest:
    """``status`` and ``answer`` are the gateway's own."""

    event_id: str
    status: int
    answer: dict[str, object]
    elapsed_ms: float


def send_test_event(slug: str, by: By, event_type: str = TEST, base_url: str = "") -> SentTest:
    """Send a signed sample of ``event_type`` over HTTP to our own endpoint, as a site would.

    ``base_url`` is where the web process listens (by default this host's PORT).
    Raises NotFound, Invalid, Refusal.
    """
    source = find_source(slug)
    if event_type not in SAMPLES:
        raise Invalid({"type": [f"There are samples for {', '.join(sorted(SAMPLES))}."]})
    now = database.now(db.session)
    key = next((k for k in source.keys if keys.shown_state(k, now) == "active"), None)
    if key is None:
        raise Refusal(f"{source.name} has no active signing key. Rotate its key to create one.")
    event_id = f"test_{random.token_hex(8)}"
    body = json.dumps(
        {
            "event": event_type,
            "event_id": event_id,
            "site": source.url,
            "data": SAMPLES[event_type],
        },
        ensure_ascii=False,
    ).encode()
    stamp = str(int(time.time()))
    secret = secrets.box().open_sealed(key.sealed_secret)
    mac = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).digest()
    record(by, "source.send_test", slug, event_id=event_id, event_type=event_type)
    db.session.commit()
    base = base_url or f"http://127.0.0.1:{current_app.extensions['relay_config'].port}"
    began = time.perf_counter()
    try:
        with requests.Session() as session:
            session.trust_env = False
            reply = session.post(
                f"{base}/webhooks/wp/{slug}",
                data=body,
                headers={
                    "Content-Type": "application/json",
                    "X-WP-Timestamp": stamp,
                    "X-Event-Id": event_id,
                    "X-WP-Signature": base64.b64encode(mac).decode(),
                    "X-WP-Key-Id": key.key_id,
                },
                timeout=10,
                allow_redirects=False,
            )
            answer = reply.json()
    except (requests.RequestException, ValueError) as exc:
        raise Refusal(
            f"Relay's own endpoint at {base} did not respond. Check that the web process is running."
        ) from exc
    return SentTest(event_id, reply.status_code, answer, (time.perf_counter() - began) * 1000)


def open_letters(event: Event) -> dict[int, int]:
    """The unresolved dead letters of an event: ``{delivery id: dead letter id}``."""
    rows = db.session.execute(
        select(DeadLetter.delivery_id, DeadLetter.id).where(
            DeadLetter.delivery_id.in_([delivery.id for delivery in event.deliveries]),
            DeadLetter.state != DeadLetterState.RESOLVED,
        )
    )
    return {row.delivery_id: row.id for row in rows}
