"""The canary: a signed synthetic event per site that goes through all of Relay, as a site's own would.

It is posted to Relay's endpoint, stored, and routed as a delivery to the internal inbox, which a drain
claims, sends and settles as any other.  When it is settled, it has arrived: ``receive`` stores that time
in ``CanaryRun`` and deletes the event with its delivery, when a newer event exists.  The internal inbox is a destination that people
neither see nor change (``models.destination.is_shown``), so a canary is in no list and no count.

A site with a list of allowed addresses gets none: Relay's own address is not on that list, and the
list is not weakened for a test.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import json
import math
import secrets as random
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import current_app
from sqlalchemy import Connection, delete, func, insert, or_, select, update

from config import Config
from relay import database, secrets
from relay.database import READ_ONLY
from relay.errors import SecretUnreadable
from relay.event_types import CANARY, EVENT_TYPES
from relay.i18n import _
from relay.models import (
    AllowedNetwork,
    Attempt,
    CanaryRun,
    DeadLetter,
    Delivery,
    Destination,
    Event,
    MappingVersion,
    SigningKey,
    Source,
    Subscription,
    db,
    db_now,
)
from relay.models.destination import INTERNAL_KIND
from relay.observability.logging import log
from relay.rules.lifecycle import State
from relay.rules.states import DestinationState, KeyState, SourceState, SourceType
from relay.services.audit import RELAY
from relay.transport.client import Transport
from relay.transport.proxy import Proxy
from relay.transport.request import OutboundRequest, Reply

EVERY_S = 5.0  # how often ``send_due`` is called
KEPT = timedelta(days=2)
BATCH = 500
DATA = EVENT_TYPES[CANARY].sample
TIMEOUT_S = 10.0
NAME = "Internal  inbox"  # two spaces: a name that people enter has none
LATEST = 100
SPREAD = 0.618033988749895  # multiples of it, modulo 1, are spread evenly
# The URL is a setting of the operator, so it may lead to any network.
ANYWHERE = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
NOT_TESTABLE = (403, 429)  # the site's own limits: they say nothing about Relay


def base_url(config: Config) -> str:
    """Where canaries are sent: RELAY_CANARY_URL, by default RELAY_PUBLIC_URL or this host's port."""
    return config.canary_url or config.base_url


def is_due(site_id: int, last: datetime, now: datetime, interval_s: float) -> bool:
    """Whether the site's next turn began after ``last``.  The turns of the sites are spread evenly."""
    offset = interval_s * (site_id * SPREAD % 1)

    def turn(at: datetime) -> float:
        return (at.timestamp() - offset) // interval_s

    return turn(now) > turn(last)


def is_testable() -> Any:
    """Whether a ``Source`` can get a canary: active, of signed events, with a valid key and without
    allowed networks.
    """
    has_key = select(SigningKey.id).where(SigningKey.source_id == Source.id, *_is_active())
    is_limited = select(AllowedNetwork.id).where(AllowedNetwork.source_id == Source.id)
    return (
        Source.state == SourceState.ACTIVE,
        Source.type == SourceType.PLUGIN,
        has_key.exists(),
        ~is_limited.exists(),
    )


def _is_active() -> tuple[Any, ...]:
    return (
        SigningKey.state == KeyState.ACTIVE,
        SigningKey.not_before <= db_now(),
        or_(SigningKey.not_after.is_(None), SigningKey.not_after > db_now()),
    )


def send_due() -> int:
    """Record those that arrived, and send the canaries that are due.  -> how many were sent

    Raises SQLAlchemyError.
    """
    config: Config = current_app.extensions["relay_config"]
    if not config.canary_minutes:
        return 0
    receive()
    interval_s = config.canary_minutes * 60.0
    newest = select(func.max(CanaryRun.sent_at)).where(CanaryRun.source_id == Source.id)
    last = func.coalesce(newest.correlate(Source).scalar_subquery(), Source.created_at)
    with db.engine.connect().execution_options(**READ_ONLY) as connection:
        now = database.now(connection)
        sites = connection.execute(
            select(Source.id, last.label("last_at")).where(*is_testable()).order_by(last)
        ).all()
    due = [site.id for site in sites if is_due(site.id, site.last_at, now, interval_s)]
    most = math.ceil(2 * len(sites) * EVERY_S / interval_s)  # after a break, not all at once
    for source_id in due[:most]:
        send(source_id)
    return len(due[:most])


def send(source_id: int) -> str | None:
    """Send one canary for a site now.  -> its event id, None if the site has no valid key

    Raises SQLAlchemyError.
    """
    config: Config = current_app.extensions["relay_config"]
    event_id = f"canary-{random.token_hex(12)}"
    with db.engine.begin() as connection:
        key = connection.execute(
            select(SigningKey.key_id, SigningKey.sealed_secret, Source.slug, Source.url)
            .join(Source)
            .where(SigningKey.source_id == source_id, *_is_active())
            .order_by(SigningKey.id.desc())
            .limit(1)
        ).one_or_none()
        if key is None:
            return None
        ensure_inbox(connection)
        connection.execute(insert(CanaryRun).values(source_id=source_id, event_id=event_id))
    try:
        request = _request(f"{base_url(config)}/webhooks/wp/{key.slug}", event_id, key)
    except SecretUnreadable:
        error = _(
            "RELAY_ENCRYPTION_KEYS cannot decrypt the secret of its signing key "
            "%(key_id)s, so the site's own events are refused too",
            key_id=key.key_id,
        )
        _record(event_id, error=error)
        return event_id
    reply = _transport().send(request)
    if reply.status in (200, 202):
        _record(event_id, accepted_at=db_now())
    elif reply.status not in NOT_TESTABLE:
        _record(event_id, error=_error_of(reply, request.url))
    return event_id


def _record(event_id: str, **values: Any) -> None:
    with db.engine.begin() as connection:
        connection.execute(update(CanaryRun).where(CanaryRun.event_id == event_id).values(**values))


def _error_of(reply: Reply, url: str) -> str:
    if reply.status is None:
        return _("%(url)s did not respond: %(why)s", url=url, why=reply.sentence.rstrip("."))
    return _("%(url)s responded with status %(status)s", url=url, status=reply.status)


def _request(url: str, event_id: str, key: Any) -> OutboundRequest:
    """Raises SecretUnreadable."""
    secret = secrets.box().open_sealed(key.sealed_secret)
    event = {"event": CANARY, "event_id": event_id, "site": key.url, "data": DATA}
    body, stamp = json.dumps(event, ensure_ascii=False).encode(), str(int(time.time()))
    mac = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).digest()
    headers = (
        ("Content-Type", "application/json"),
        ("X-WP-Timestamp", stamp),
        ("X-Event-Id", event_id),
        ("X-WP-Signature", base64.b64encode(mac).decode()),
        ("X-WP-Key-Id", key.key_id),
    )
    return OutboundRequest("POST", url, headers, body, timeout_s=TIMEOUT_S, secrets=(secret,))


def _transport() -> Transport:
    """The guarded client, which may call any address, and this host without the outbound proxy."""
    app = current_app
    found: Transport | None = app.extensions.get("relay_canary_transport")
    if found is None:
        config: Config = app.extensions["relay_config"]
        host = urlsplit(base_url(config)).hostname or ""
        proxy = None if _is_here(host) else Proxy.of(config.outbound_proxy)
        found = Transport(ANYWHERE, config.ca_file, pool_size=1, proxy=proxy)
        app.extensions["relay_canary_transport"] = found
    return found


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def ensure_inbox(connection: Connection) -> int:
    """The internal inbox, active and with its subscription.  -> its id.  The caller commits."""
    table: Any = Destination.__table__
    made = connection.scalar(
        database.upsert(connection, Destination)
        .values(name=NAME, kind=INTERNAL_KIND, config={})
        .on_conflict_do_nothing()
        .returning(table.c.id)
    )
    if made is None:
        wanted = select(table.c.id, table.c.state).where(table.c.kind == INTERNAL_KIND)
        found = connection.execute(wanted).one()
        if found.state != DestinationState.ACTIVE:  # a restored backup pauses every destination
            active = {"state": DestinationState.ACTIVE, "paused_reason": ""}
            connection.execute(update(table).where(table.c.id == found.id).values(**active))
        return int(found.id)
    subscription = connection.scalar(
        insert(Subscription)
        .values(destination_id=made, event_types=[CANARY])
        .returning(Subscription.id)
    )
    version = {"subscription_id": subscription, "number": 1, "made_by": RELAY.actor}
    connection.execute(insert(MappingVersion).values(rules={}, **version))
    return int(made)


def receive() -> int:
    """Record the canaries with a settled delivery, and delete them.  -> how many arrived

    The newest event stays until there is a newer one: SQLite gives the number of a deleted last row to
    the next row, and links name events by number.  Raises SQLAlchemyError.
    """
    with db.engine.begin() as connection:
        events = connection.execute(
            select(
                *(Event.id, Event.event_id, Event.source_id),
                *(Delivery.id.label("delivery_id"), Delivery.settled_at),
            )
            .outerjoin(Delivery, Delivery.event_pk == Event.id)
            .where(
                Event.event_type == CANARY,
                Event.routed_at.is_not(None),
                or_(Delivery.id.is_(None), Delivery.state == State.DELIVERED.value),
            )
            .order_by(Event.id)
            .limit(BATCH)
            .with_for_update(skip_locked=True, of=Event)
        ).all()
        arrived = [event for event in events if event.delivery_id is not None]
        recorded = [event for event in arrived if _record_arrival(connection, event)]
        # A router of an older version does not know the internal inbox: that says nothing.
        for event in events:
            if event.delivery_id is None:
                connection.execute(delete(CanaryRun).where(*_is_run_of(event)))
        highest = connection.scalar(select(func.max(Event.id))) or 0
        _delete_events(connection, [event.id for event in events if event.id < highest])
    for event in recorded:
        log("canary.arrived", correlation_id=event.event_id)
    return len(recorded)


def _record_arrival(connection: Connection, event: Any) -> bool:
    """-> whether it was not recorded before"""
    done = connection.execute(
        update(CanaryRun)
        .where(*_is_run_of(event), CanaryRun.arrived_at.is_(None))
        .values(arrived_at=event.settled_at)
    )
    return bool(done.rowcount)


def _is_run_of(event: Any) -> tuple[Any, ...]:
    return CanaryRun.event_id == event.event_id, CanaryRun.source_id == event.source_id


def _delete_events(connection: Connection | Any, ids: Sequence[int]) -> None:
    """The events of canaries with what belongs to them."""
    if not ids:
        return
    deliveries = select(Delivery.id).where(Delivery.event_pk.in_(ids))
    for table, column in ((Attempt, Attempt.delivery_id), (DeadLetter, DeadLetter.delivery_id)):
        connection.execute(delete(table).where(column.in_(deliveries)))
    connection.execute(delete(Delivery).where(Delivery.event_pk.in_(ids)))
    connection.execute(delete(Event).where(Event.id.in_(ids)))


def prune(now: datetime) -> int:
    """Delete runs older than two days, and the events of canaries that never arrived.  -> how many runs

    Commits the session's transaction.  Raises SQLAlchemyError.
    """
    before = now - KEPT
    events = select(Event.id).where(
        Event.event_type == CANARY,
        Event.received_at < before,
        Event.routed_at.is_not(None),
        Event.id < select(func.max(Event.id)).scalar_subquery(),
    )
    while ids := db.session.scalars(events.limit(BATCH)).all():
        _delete_events(db.session.connection(), ids)
        db.session.commit()
    count = 0
    runs = select(CanaryRun.id).where(CanaryRun.sent_at < before)
    while ids := db.session.scalars(runs.limit(BATCH)).all():
        db.session.execute(delete(CanaryRun).where(CanaryRun.id.in_(ids)))
        db.session.commit()
        count += len(ids)
    return count


def latest(connection: Connection) -> dict[str, float]:
    """The time of the newest canary of each active site by its slug, in seconds, slowest first.

    At most LATEST sites.  A canary that has not arrived counts with the time since it was sent.
    Raises SQLAlchemyError.
    """
    now = database.now(connection)
    newest = (
        select(func.max(CanaryRun.id).label("id"))
        .where(CanaryRun.sent_at > now - KEPT)
        .group_by(CanaryRun.source_id)
        .subquery()
    )
    rows = connection.execute(
        select(Source.slug, CanaryRun.sent_at, CanaryRun.arrived_at)
        .join(newest, newest.c.id == CanaryRun.id)
        .join(Source, Source.id == CanaryRun.source_id)
        .where(Source.state == SourceState.ACTIVE)
    )
    seconds = {row.slug: ((row.arrived_at or now) - row.sent_at).total_seconds() for row in rows}
    slowest = sorted(seconds.items(), key=lambda pair: -pair[1])
    return {slug: max(0.0, number) for slug, number in slowest[:LATEST]}
