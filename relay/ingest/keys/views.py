"""A site's key requests: the status of the key it signs with, and the newer key after a rotation.

A key request is signed and checked like an event, but it is not stored.  Relay sends the newer key
only while the key that signed is retiring and inside its rotation window, once for each such key, and
only to an address that the site sent events from before the rotation: anyone who stole the old key would
otherwise get the newer one as well.  The newer key is encrypted with the secret of the old one, and the
audit trail records it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, select, update
from sqlalchemy.exc import SQLAlchemyError

from relay import database
from relay.errors import Unavailable
from relay.event_types import CANARY
from relay.ingest import responses
from relay.ingest.gateway import Gateway
from relay.ingest.keys import handover
from relay.ingest.refusals import RefusalCode
from relay.ingest.request import RequestHead
from relay.ingest.responses import IngestResponse
from relay.ingest.signature import VerifyingKey
from relay.ingest.snapshots import SourceSnapshot
from relay.models import Event, SigningKey
from relay.models.audit_chain import add_audit_entry
from relay.networks import network_of
from relay.observability.logging import log
from relay.rules.states import KeyState
from relay.secrets import SecretBox

WANTS = ("state", "key")
TABLE: Any = SigningKey.__table__
SEARCHED_EVENTS = 10_000  # of a site, the newest ones before the rotation


def accept_key_request(
    gateway: Gateway, head: RequestHead, raw: bytes, slug: str | None
) -> IngestResponse:
    """Check a key request and answer it.  Raises IngestRefusal, SecretUnreadable, Unavailable."""
    source, key = gateway.authenticate(head, raw, slug)
    wait_s = gateway.limits.count_key_request(source.id)
    if wait_s is not None:
        raise RefusalCode.KEY_REQUESTS_RATE_LIMITED(retry_after_s=wait_s, source_id=source.id)
    want = parse_want(gateway.parse_json(head, raw, source.id), source.id)
    key_status = read_key_status(gateway.engine, gateway.box, source, key, head, want)
    if "sealed" in key_status:
        gateway.snapshots.reload()  # the site uses the new key in its next request
    log("key.asked", source=source.slug, key=key.key_id, status=key_status["status"])
    return responses.for_key_status(key_status)


def parse_want(body: Any, source_id: int) -> str:
    """-> ``state`` or ``key``.  Raises IngestRefusal (422)."""
    want = body.get("want") if isinstance(body, dict) else None
    if want not in WANTS:
        raise RefusalCode.INVALID_KEY_REQUEST(source_id=source_id)
    return str(want)


def read_key_status(
    engine: Engine,
    box: SecretBox,
    source: SourceSnapshot,
    signed_by: VerifyingKey,
    head: RequestHead,
    want: str,
) -> dict[str, Any]:
    """-> ``status``: ``current``, ``newer`` or ``no_newer_key``.

    ``newer`` comes with ``until`` (Unix seconds) and, where ``want`` is ``key``, with the sealed key.
    Raises IngestRefusal (401, 409), SecretUnreadable, Unavailable.
    """
    try:
        with engine.begin() as connection:
            now = database.now(connection)
            signer = connection.execute(select(TABLE).where(TABLE.c.id == signed_by.row_id)).one()
            if signer.state == KeyState.ACTIVE:
                return {"status": "current"}
            # the snapshot that authenticated the request may be seconds old
            if signer.state != KeyState.RETIRING or signer.not_after <= now:
                raise RefusalCode.KEY_ENDED(key_id=signer.key_id, source_id=source.id)
            newest = connection.execute(
                select(TABLE)
                .where(
                    TABLE.c.source_id == source.id,
                    TABLE.c.state == KeyState.ACTIVE,
                    TABLE.c.not_before <= now,
                )
                .order_by(TABLE.c.id.desc())
                .limit(1)
            ).one_or_none()
            if newest is None:
                return {"status": "no_newer_key"}
            key_status = {"status": "newer", "until": int(signer.not_after.timestamp())}
            if want == "state":
                return key_status
            _claim_handover(connection, source.id, head, signer, newest, now)
            old, new = box.open_sealed(signer.sealed_secret), box.open_sealed(newest.sealed_secret)
            _record_handover(connection, source, head, signer.key_id, newest.key_id)
            return key_status | handover.seal(old, head.event_id, newest.key_id, new)
    except SQLAlchemyError as exc:
        raise Unavailable("The database cannot be read.") from exc


def _claim_handover(
    connection: Connection,
    source_id: int,
    head: RequestHead,
    signer: Any,
    newest: Any,
    now: datetime,
) -> None:
    """Mark the key that signed: it has had its hand-over.  Raises IngestRefusal (409)."""
    facts: dict[str, Any] = {"key_id": signer.key_id, "source_id": source_id}
    if not has_sent_events(connection, source_id, head.address, newest.created_at):
        raise RefusalCode.KEY_TO_UNKNOWN_ADDRESS(address=head.address or "unknown", **facts)
    claimed = connection.execute(
        update(TABLE)
        .where(TABLE.c.id == signer.id, TABLE.c.handed_over_at.is_(None))
        .values(handed_over_at=now, handed_over_to=head.address)
    )
    if not claimed.rowcount:
        raise RefusalCode.KEY_HANDED_OVER(**facts)


def has_sent_events(connection: Connection, source_id: int, address: str, until: datetime) -> bool:
    """Whether one of the site's newest accepted events until then came from this address.

    An IPv6 address counts with its /64, which a server changes within.
    """
    newest = (
        select(Event.address)
        .where(Event.source_id == source_id, Event.received_at <= until, Event.event_type != CANARY)
        .order_by(Event.received_at.desc())
        .limit(SEARCHED_EVENTS)
        .subquery()
    )
    place = network_of(address)
    found = connection.scalars(select(newest.c.address).distinct())
    return bool(place) and any(network_of(one) == place for one in found)


def _record_handover(
    connection: Connection, source: SourceSnapshot, head: RequestHead, old_id: str, new_id: str
) -> None:
    detail = {"key": new_id, "signed_by": old_id}
    add_audit_entry(connection, "site", "key.hand_over", source.slug, detail, head.address)
