"""``POST /webhooks/wp`` and ``/webhooks/wp/<source>``: a lean blueprint, no session, no limiter.

``/webhooks/key`` and ``/webhooks/wp/<source>/key`` answer a site's questions about its keys.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, current_app, request
from flask.blueprints import BlueprintSetupState
from werkzeug.routing import Rule

from relay.errors import Unavailable
from relay.extensions import csrf, limiter
from relay.ingest import responses
from relay.ingest.gateway import Gateway, rate_limited
from relay.ingest.keys import views as key_views
from relay.ingest.rejections import RejectionRecord
from relay.ingest.request import RequestHead, check_declared, read_body, read_head, source_address
from relay.ingest.responses import IngestRefusal, IngestResponse
from relay.observability import metrics, tracing
from relay.observability.logging import log

blueprint = Blueprint("ingest", __name__)
csrf.exempt(blueprint)
limiter.exempt(blueprint)
PATHS = ("/webhooks/wp", "/webhooks/wp/<source>")
KEY_PATHS = ("/webhooks/key", "/webhooks/wp/<source>/key")


@blueprint.record
def add_paths(state: BlueprintSetupState) -> None:
    """Every method leads here, so that a wrong one gets the contract's answer too."""
    for path in PATHS:
        state.app.url_map.add(Rule(path, endpoint="ingest.take", methods=None))
    for path in KEY_PATHS:
        state.app.url_map.add(Rule(path, endpoint="ingest.take_question", methods=None))
    state.app.view_functions |= {"ingest.take": take, "ingest.take_question": take_question}


def take(source: str | None = None) -> Response:
    """Flask's side of it: the request's bytes in, the answer out."""
    request.environ["relay.slug"] = source
    return receive_event(current_app.extensions["relay_ingest"], request.environ, source).response()


def take_question(source: str | None = None) -> Response:
    """The same for a question about keys."""
    request.environ["relay.slug"] = source
    gateway: Gateway = current_app.extensions["relay_ingest"]
    return answered(gateway, request.environ, source, receive_question).response()


def receive_event(gateway: Gateway, environ: dict[str, Any], slug: str | None) -> IngestResponse:
    """The way in of an event."""
    return answered(gateway, environ, slug, receive)


def answered(
    gateway: Gateway,
    environ: dict[str, Any],
    slug: str | None,
    receive: Callable[[Gateway, RequestHead, bytes, str | None], IngestResponse],
) -> IngestResponse:
    """Every answer of the contract leaves here; ``receive`` goes on where the head is whole."""
    began = time.perf_counter()
    head: RequestHead | None = None
    limit = gateway.config.max_body_bytes
    try:
        check_declared(environ, limit)
        check_method(environ["REQUEST_METHOD"])
        raw = read_body(environ, limit)
        head = read_head(environ)
        return receive(gateway, head, raw, slug)
    except IngestRefusal as away:
        return refuse(gateway, environ, head, away)
    except Unavailable:
        return refuse(gateway, environ, head, responses.unavailable())
    except Exception as exc:  # a fault of ours: the site keeps the event and sends it again
        log("ingest.failed", reason=repr(exc), trace=traceback.format_exc())
        return refuse(gateway, environ, head, responses.unavailable())
    finally:
        metrics.ingest_seconds.observe(time.perf_counter() - began)


def receive(gateway: Gateway, head: RequestHead, raw: bytes, slug: str | None) -> IngestResponse:
    """The checks of a request with a whole head, in the contract's order."""
    began_ns = time.time_ns()
    sources = gateway.candidates(head, slug)
    gateway.check_address(sources, head)
    source, key = gateway.authenticate(sources, head, raw)
    event = gateway.load(head, raw, source.id)
    stored = gateway.store(event, source, key, head.address)
    (metrics.events_accepted if stored.new else metrics.events_duplicate).inc()
    log(
        "event.accepted" if stored.new else "event.duplicate",
        correlation_id=event.event_id,
        id=stored.row_id,
        source=source.slug,
        type=event.event_type,
        key=key.key_id,
    )
    if stored.new:
        facts = {"relay.source": source.slug, "relay.event_type": event.event_type}
        tracing.received(event.event_id, began_ns, facts)
    return responses.stored(stored.row_id, event.event_id, stored.new)


def receive_question(
    gateway: Gateway, head: RequestHead, raw: bytes, slug: str | None
) -> IngestResponse:
    """The same checks for a question about keys; nothing of it is kept."""
    sources = gateway.candidates(head, slug)
    gateway.check_address(sources, head)
    source, key = gateway.authenticate(sources, head, raw)
    wait = gateway.limits.take_key_question(source.id)
    if wait is not None:
        raise rate_limited(wait, "The site asked too often about its keys.", source.id)
    want = key_views.wanted(gateway.read(head, raw, source.id), source.id)
    found = key_views.answer(gateway.engine, gateway.box, source, key, head, want)
    if "sealed" in found:
        gateway.snapshots.catch_up()  # the site tries the new key at once
    log("key.asked", source=source.slug, key=key.key_id, status=found["status"])
    return responses.about_keys(found)


def check_method(method: str) -> None:
    if method != "POST":
        raise IngestRefusal(405, "method_not_allowed", "method", f"The method was {method[:20]!a}.")


def refuse(
    gateway: Gateway, environ: dict[str, Any], head: RequestHead | None, away: IngestRefusal
) -> IngestResponse:
    """Tell the sender as little as the contract says, and the source's owner the true reason."""
    metrics.events_rejected.labels(away.reason).inc()
    address = head.address if head else source_address(environ)
    gateway.rejections.keep(
        RejectionRecord(
            source_id=away.source_id or gateway.known_source(environ.get("relay.slug")),
            reason=away.reason,
            sentence=away.sentence[:1000],
            status=away.status,
            address=address,
            event_id=head.event_id if head else None,
        )
    )
    log("event.refused", reason=away.reason, status=away.status, address=address)
    return responses.refused(away)
