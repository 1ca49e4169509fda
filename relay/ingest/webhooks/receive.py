"""``POST /webhooks/woocommerce/<source>`` and ``/webhooks/form/<source>``: one webhook becomes one event.

The checks are those of ``/webhooks/wp``, in the same order.  Neither way has a signed time, so a copy of
an old request is recognized only as a duplicate, while the event is stored.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from relay.errors import Unavailable
from relay.ingest import responses, schemas, strict_json
from relay.ingest.gateway import ENDED_KEYS, Gateway, check_address
from relay.ingest.refusals import IngestRefusal, RefusalCode
from relay.ingest.request import (
    EVENT_ID,
    check_content_type,
    check_declared,
    check_method,
    read_body,
    source_address,
)
from relay.ingest.responses import IngestResponse
from relay.ingest.schemas import InboundEvent
from relay.ingest.signature import VerifyingKey
from relay.ingest.snapshots import SourceSnapshot
from relay.ingest.webhooks import forms, woocommerce
from relay.ingest.webhooks.woocommerce import UnreadablePayload
from relay.observability import metrics, tracing
from relay.observability.logging import log
from relay.rules.states import SourceType


@dataclass(frozen=True)
class WebhookRequest:
    """A request to a known source, from an allowed address; not authenticated yet."""

    source: SourceSnapshot
    environ: dict[str, Any]
    raw: bytes
    address: str

    def header(self, name: str) -> str:
        return str(self.environ.get("HTTP_" + name.upper().replace("-", "_"), "")).strip()

    @property
    def content_type(self) -> str:
        return str(self.environ.get("CONTENT_TYPE") or "")


def read(
    gateway: Gateway, environ: dict[str, Any], slug: str, source_type: SourceType
) -> WebhookRequest:
    """Raises IngestRefusal, Unavailable."""
    check_declared(environ, gateway.config.max_body_bytes)
    check_method(environ["REQUEST_METHOD"])
    raw, address = read_body(environ, gateway.config.max_body_bytes), source_address(environ)
    source = gateway.snapshots.current().webhooks.get((source_type, slug))
    if source is None:
        raise failed(gateway, address, RefusalCode.UNKNOWN_SOURCE(slug=slug[:64]))
    check_address([source], address)
    return WebhookRequest(source, environ, raw, address)


def failed(gateway: Gateway, address: str, refusal: IngestRefusal) -> IngestRefusal:
    """The refusal of a request that failed authentication; 429 after too many of them."""
    wait_s = gateway.limits.count_failure(address)
    if wait_s is None:
        return refusal
    return RefusalCode.FAILURES_RATE_LIMITED(
        address=address or "one address",
        last=refusal.sentence,
        retry_after_s=wait_s,
        source_id=refusal.source_id,
    )


def find_key(
    gateway: Gateway, request: WebhookRequest, keys: Iterable[VerifyingKey], bad: IngestRefusal
) -> VerifyingKey:
    """The live one of ``keys``, which all match the request.  Raises IngestRefusal (401), Unavailable."""
    now, matching = gateway.snapshots.now(), list(keys)
    live = next((key for key in matching if key.is_live(now)), None)
    if live is None:
        refusal = bad
        if matching:
            code = ENDED_KEYS[matching[0].state(now)]
            refusal = code(key_id=matching[0].key_id, source_id=request.source.id)
        raise failed(gateway, request.address, refusal)
    if gateway.snapshots.is_stale:  # the key may have been revoked since
        raise Unavailable("The database cannot be read.")
    return live


def count(gateway: Gateway, source: SourceSnapshot) -> None:
    """Raises IngestRefusal (429) if the source is over its limit."""
    wait_s = gateway.limits.count_event(source.id, source.per_minute)
    if wait_s is not None:
        raise RefusalCode.EVENTS_RATE_LIMITED(
            per_minute=source.per_minute, retry_after_s=wait_s, source_id=source.id
        )


# ---- WooCommerce ---------------------------------------------------------------------------------


def accept_woocommerce(gateway: Gateway, environ: dict[str, Any], slug: str) -> IngestResponse:
    """Raises IngestRefusal, Unavailable."""
    request = read(gateway, environ, slug, SourceType.WOOCOMMERCE)
    source, raw = request.source, request.raw
    topic, signature = (
        request.header("X-WC-Webhook-Topic"),
        request.header("X-WC-Webhook-Signature"),
    )
    if not topic and not signature and woocommerce.PING.match(raw):
        log("webhook.ping", source=source.slug)
        return responses.for_webhook("ok")
    if not signature or not woocommerce.TOPIC.match(topic):
        raise RefusalCode.WEBHOOK_HEADERS(source_id=source.id)
    given = signature.encode("latin-1", "replace")
    signing = (
        key for key in source.keys if hmac.compare_digest(base64.b64encode(key.mac_of(raw)), given)
    )
    key = find_key(gateway, request, signing, RefusalCode.WEBHOOK_SIGNATURE(source_id=source.id))
    count(gateway, source)
    payload = parse_json(request)
    try:
        found = woocommerce.event_of(topic, payload)
    except UnreadablePayload as exc:
        raise RefusalCode.WEBHOOK_PAYLOAD(
            topic=topic, problems=str(exc), source_id=source.id
        ) from exc
    if found is None:
        log("webhook.ignored", source=source.slug, topic=topic, reason="draft")
        return responses.for_webhook("ignored")
    # A deletion has no time: the same one within an hour is a duplicate.
    now = datetime.now(UTC)
    part = now.strftime("%Y%m%d%H") if found.revision is None else found.revision
    digest = hashlib.sha256(raw).hexdigest()[:16]
    body: dict[str, Any] = {
        "event": found.event_type,
        "event_id": f"wc.{topic[:60]}.{found.object_id}.{part}.{digest}",
        "site": source.url,
        "data": found.data,
    }
    if found.revision is not None:
        body["occurred_at"] = datetime.fromtimestamp(found.revision, UTC).isoformat()
        # A shop's clock may be ahead: later changes, made with the right time, are still newer.
        body["revision"] = min(found.revision, int(now.timestamp()))
    return store(gateway, request, key, body, topic)


# ---- forms ---------------------------------------------------------------------------------------


def accept_form(gateway: Gateway, environ: dict[str, Any], slug: str) -> IngestResponse:
    """Raises IngestRefusal, Unavailable."""
    request = read(gateway, environ, slug, SourceType.FORM)
    source = request.source
    scheme, _, token = request.header("Authorization").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise failed(gateway, request.address, RefusalCode.TOKEN_MISSING(source_id=source.id))
    given = token.strip().encode("latin-1", "replace")
    matching = [key for key in source.keys if hmac.compare_digest(key.secret.encode(), given)]
    key = find_key(gateway, request, matching, RefusalCode.BAD_TOKEN(source_id=source.id))
    count(gateway, source)
    media_type = request.content_type.partition(";")[0].strip().lower()
    if media_type not in (*forms.FORM_TYPES, *forms.JSON_TYPES):
        raise RefusalCode.FORM_CONTENT_TYPE(
            content_type=request.content_type[:80], source_id=source.id
        )
    try:
        data = forms.lead_of(forms.read_body(request.content_type, request.raw), source.name)
    except strict_json.NotStrict as exc:
        raise RefusalCode.FORM_BODY(problem=str(exc), source_id=source.id) from exc
    if not data["fields"]:
        raise RefusalCode.FORM_BODY(problem="It has no field with a value.", source_id=source.id)
    now = datetime.now(UTC)
    data["created_at"] = now.isoformat(timespec="seconds")
    body = {
        "event": "lead.created",
        "event_id": form_event_id(request, now),
        "site": source.url,
        "occurred_at": data["created_at"],
        "data": data,
    }
    return store(gateway, request, key, body, media_type or "none")


def form_event_id(request: WebhookRequest, now: datetime) -> str:
    """The id that the sender gave, else one that is the same for the same body within an hour."""
    given = request.header("Idempotency-Key") or request.header("X-Event-Id")
    if EVENT_ID.match(given) and len(given) <= 100:
        return f"form.{given}"
    return f"form.{now:%Y%m%d%H}.{hashlib.sha256(request.raw).hexdigest()[:32]}"


# ---- both ----------------------------------------------------------------------------------------


def parse_json(request: WebhookRequest) -> Any:
    """Raises IngestRefusal (400, 415)."""
    try:
        check_content_type(request.content_type)
        return strict_json.loads(request.raw)
    except IngestRefusal as refusal:
        refusal.source_id = request.source.id
        raise
    except strict_json.NotStrict as exc:
        raise RefusalCode.INVALID_JSON(problem=str(exc), source_id=request.source.id) from exc


def load(request: WebhookRequest, body: dict[str, Any], topic: str, max_bytes: int) -> InboundEvent:
    """The event, with the digest of the body that was sent.  Raises IngestRefusal (413, 422)."""
    written = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    if len(written) > max_bytes:  # an event may be larger than the request that it is made from
        raise RefusalCode.TOO_LARGE(limit=max_bytes, source_id=request.source.id)
    try:
        event = schemas.load_event(body, written, body["event_id"])
    except schemas.InvalidEvent as exc:
        raise RefusalCode.WEBHOOK_PAYLOAD(
            topic=topic, problems=str(exc), source_id=request.source.id
        ) from exc
    return replace(event, body_sha256=hashlib.sha256(request.raw).digest())


def store(
    gateway: Gateway, request: WebhookRequest, key: VerifyingKey, body: dict[str, Any], topic: str
) -> IngestResponse:
    """Commit the event.  Raises IngestRefusal, Unavailable."""
    began_ns, source = time.time_ns(), request.source
    event = load(request, body, topic, gateway.config.max_body_bytes)
    stored = gateway.store(event, source, key, request.address)
    (metrics.events_accepted if stored.new else metrics.events_duplicate).inc()
    log(
        "event.accepted" if stored.new else "event.duplicate",
        correlation_id=event.event_id,
        id=stored.row_id,
        source=source.slug,
        type=event.event_type,
        key=key.key_id,
        way=source.type,
    )
    if stored.new and tracing.is_on():
        path = f"/webhooks/{source.type}/<source>"
        scheme = str(request.environ.get("wsgi.url_scheme", "http"))
        facts = tracing.request_facts("POST", scheme, path, source.slug, 202)
        facts |= {"relay.source": source.slug, "relay.event_type": event.event_type}
        tracing.received(event.event_id, began_ns, facts, request.header("traceparent"))
    return responses.for_event(stored.row_id, event.event_id, stored.new)
