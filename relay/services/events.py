"""Events: the list, one event in detail, and a signed test event through Relay's own endpoint."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets as random
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import ColumnElement, Select, and_, exists, literal, or_, select
from sqlalchemy.orm import joinedload, selectinload

from relay import database, secrets
from relay.email_digests import EmailDigests
from relay.errors import Invalid, NotFound, Refusal
from relay.event_types import CANARY, FAMILIES, INTERNAL_TYPES, RELAY_TEST, SAMPLES, TEST
from relay.i18n import _
from relay.mapping.people import email_in
from relay.models import DeadLetter, Delivery, EmailDigest, Event, Intake, RedactedEvent, Source, db
from relay.models.event import EVENT_KEY
from relay.rules.lifecycle import OPEN, State
from relay.rules.states import DeadLetterState, SourceType
from relay.services import type_names
from relay.services.audit import By, record
from relay.services.sources import keys
from relay.services.sources.settings import find_source

WORD = re.compile(r'"([^"]+)"|(\S+)')
NOUNS = {noun for family in FAMILIES.values() for noun in (family.name, family.plural)}
MOST_WORDS = 8
SEEN_DAYS = 90  # a type that no site sent for longer is not offered


def _has(*states: State) -> ColumnElement[bool]:
    found = exists().where(Delivery.event_pk == Event.id)
    return found.where(Delivery.state.in_(states)) if states else found


def _states() -> dict[str, list[ColumnElement[bool]]]:
    is_routed = Event.routed_at.is_not(None)
    dead, waits = _has(State.DEAD), _has(*OPEN)
    delivered = _has(State.DELIVERED)
    return {
        "received": [Event.routed_at.is_(None)],
        "dead": [is_routed, dead],
        "pending": [is_routed, ~dead, waits],
        "delivered": [is_routed, ~dead, ~waits, delivered],
        "discarded": [is_routed, ~dead, ~waits, ~delivered, _has(State.DISCARDED)],
        "unmatched": [is_routed, ~_has()],
    }


# The state of an event as a whole, by its deliveries; the first that matches counts.
STATES = _states()


def state_of(event: Event) -> str:
    """The rule of STATES for an event with its deliveries loaded."""
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
    Internal events, which sites send to Relay itself, are listed only if ``event_type`` names them, and
    canaries never.
    """

    event_type: str = ""
    source: str = ""
    state: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None
    anywhere: bool = False

    def conditions(self) -> list[ColumnElement[bool]]:
        """Of ``Event``: all of them.  Raises Invalid for an unknown state."""
        wanted = [*self.drive(), *self.is_listed(), *self.has_type(), *self.has_state()]
        if self.source:
            wanted.append(Event.source_id.in_(select(Source.id).where(Source.slug == self.source)))
        if self.words:
            wanted.append(or_(Event.event_id == self.words, *self.has_text()))
        return wanted

    @property
    def words(self) -> str:
        """The searched text."""
        return self.text.strip().replace("\x00", "")[:200]

    def drive(self) -> list[ColumnElement[bool]]:
        """The time range."""
        return [
            *([Event.received_at >= self.since] if self.since else []),
            *([Event.received_at < self.until] if self.until else []),
        ]

    def is_listed(self) -> list[ColumnElement[bool]]:
        named = {self.event_type} - {CANARY}
        return [Event.event_type.not_in(INTERNAL_TYPES - named)]

    def has_type(self) -> list[ColumnElement[bool]]:
        if self.event_type.endswith(".*"):
            return [Event.event_type.startswith(self.event_type[:-1], autoescape=True)]
        return [Event.event_type == self.event_type] if self.event_type else []

    def has_state(self) -> list[ColumnElement[bool]]:
        if not self.state:
            return []
        if self.state not in STATES:
            raise Invalid({"state": [_("A state is one of %(states)s.", states=", ".join(STATES))]})
        return STATES[self.state]

    def has_text(self) -> list[ColumnElement[bool]]:
        """Alternatives without the id: none if the person may not search in the values."""
        return [
            *([_has_words(self.words)] * self.anywhere),
            *([_has_address(self.words.lower())] if email_in(self.words) == self.words else []),
        ]


def words_of(text: str) -> list[str]:
    """The words of a search, each of which must occur; text in double quotes is one of them.

    "Order #5003" is how a page names an event of which the values have only the number, so # is left out
    before a word, and so is the noun of a family beside other words.
    """
    found = [(quoted or word.lstrip("#"), quoted) for quoted, word in WORD.findall(text.lower())]
    words = [word for word, quoted in found if quoted or word not in NOUNS]
    words = words or [word for word, _quoted in found]
    return list(dict.fromkeys(filter(None, (word.strip() for word in words))))[:MOST_WORDS]


def _has_words(text: str) -> ColumnElement[bool]:
    words = words_of(text) or [text.lower()]
    return and_(*(Event.search_text.contains(word, autoescape=True) for word in words))


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


def ids_of(event_id: str) -> list[int]:
    """The rows with a site's event id, at most one of each site: one step in an index for each."""
    return list(db.session.scalars(by_event_id(event_id)))


def by_event_id(event_id: str) -> Select[Any]:
    if database.has_partitions(db.session.connection()):
        return select(EVENT_KEY.c.event_pk).where(EVENT_KEY.c.event_id == event_id)
    sources = select(Source.id)
    return select(Event.id).where(Event.source_id.in_(sources), Event.event_id == event_id)


def find_event(id_or_event_id: int | str) -> Event:
    """By its row number, as an int; text may also be the site's event id (the newest, if two share
    it).

    Loads source, signing key, deliveries with destination and attempts.  Raises NotFound.
    """
    text = str(id_or_event_id)
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1
    if isinstance(id_or_event_id, str):
        number = max(ids_of(text), default=number)
    event = db.session.scalar(
        select(Event)
        .where(Event.id == number, Event.event_type != CANARY)
        .options(
            joinedload(Event.source),
            joinedload(Event.signing_key),
            selectinload(Event.deliveries).joinedload(Delivery.destination),
            selectinload(Event.deliveries).joinedload(Delivery.subscription),
            selectinload(Event.deliveries).selectinload(Delivery.history),
        )
    )
    if event is None:
        raise NotFound(_("There is no event %(id)s.", id=text))
    return event


def known_types(*patterns: str) -> list[str]:
    """Every event type that can be delivered: those that Relay ships and those that sites sent lately.

    ``patterns`` are further types, such as the default ones of a kind; groups of types are left out.
    """
    lately = database.now(db.session).date() - timedelta(days=SEEN_DAYS)
    seen = db.session.scalars(
        select(Intake.event_type).where(Intake.day >= lately).distinct().limit(100)
    ).all()
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
        listed = _("There are samples for %(types)s.", types=", ".join(sorted(SAMPLES)))
        raise Invalid({"type": [type_names.unknown(event_type, SAMPLES, listed)]})
    if source.type is not SourceType.PLUGIN:
        raise Refusal(
            _(
                "%(site)s sends webhooks of another program, so Relay cannot send a test event as it does. "
                "Save the webhook there, or submit the form, to send one.",
                site=source.name,
            )
        )
    now = database.now(db.session)
    key = next((k for k in source.keys if keys.shown_state(k, now) == "active"), None)
    if key is None:
        raise Refusal(
            _("%(site)s has no active signing key. Rotate its key to create one.", site=source.name)
        )
    event_id = f"{RELAY_TEST}{random.token_hex(8)}"
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
    import requests  # here, so that a command that only reads events does not wait for it

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
            _(
                "Relay's own endpoint at %(url)s did not respond. Check that the web process is running.",
                url=base,
            )
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
