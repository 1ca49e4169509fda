"""``POST /webhooks/wp`` and ``/webhooks/wp/<source>`` take events, without a session.

``/webhooks/woocommerce/<source>`` and ``/webhooks/form/<source>`` take webhooks of other programs.
``/webhooks/key`` and ``/webhooks/wp/<source>/key`` answer a site's requests about its signing keys.
"""

from __future__ import annotations

import re
import time
import traceback
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, current_app, request
from flask.blueprints import BlueprintSetupState
from werkzeug.routing import PathConverter, Rule

from relay.errors import Unavailable
from relay.event_types import CANARY
from relay.ingest import responses
from relay.ingest.gateway import Gateway
from relay.ingest.keys.views import accept_key_request
from relay.ingest.refusals import IngestRefusal, RefusalCode
from relay.ingest.rejections import RejectionRecord
from relay.ingest.request import RequestHead, read_request, source_address
from relay.ingest.responses import IngestResponse
from relay.ingest.webhooks.receive import accept_form, accept_woocommerce
from relay.observability import metrics, tracing
from relay.observability.logging import log
from relay.rules.states import SourceType

blueprint = Blueprint("ingest", __name__)
EVENT_PATHS = ("/webhooks/wp", "/webhooks/wp/<source>")
EVENT_PATH = re.compile(r"/webhooks/wp(?:/([^/]+))?/?")  # the same paths
WEBHOOKS = re.compile(r"/webhooks/(?:woocommerce|form)/[^/]+/?")
WEBHOOK_PATH = "/webhooks/<any(woocommerce, form):way>/<source>"
KEY_PATHS = ("/webhooks/key", "/webhooks/wp/<source>/key")
OTHER_PATHS = ("/webhooks", "/webhooks/<anything:rest>")
Accept = Callable[[Gateway, RequestHead, bytes, str | None], IngestResponse]


class AnythingConverter(PathConverter):
    """The rest of a path, which may be empty or begin with a slash."""

    regex = ".*?"
    part_isolating = False


@blueprint.record
def add_paths(state: BlueprintSetupState) -> None:
    """Route every method to the views, so that a wrong method gets the contract's 405 too.

    A slash at the end changes nothing, and no path is redirected: a client may repeat a redirected
    POST as a GET.
    """
    state.app.url_map.converters["anything"] = AnythingConverter
    for paths, view in (
        (EVENT_PATHS, post_event),
        (KEY_PATHS, post_key_request),
        ((WEBHOOK_PATH,), post_webhook),
        (OTHER_PATHS, refuse_path),
    ):
        endpoint = f"ingest.{view.__name__}"
        for path in paths:
            for end in ("", "/") if view is not refuse_path else ("",):
                rule = Rule(path + end, endpoint=endpoint, methods=None, merge_slashes=False)
                state.app.url_map.add(rule)
        state.app.view_functions[endpoint] = view


def post_event(source: str | None = None) -> Response:
    gateway: Gateway = current_app.extensions["relay_ingest"]
    return receive_event(gateway, request.environ, source).to_flask()


def post_key_request(source: str | None = None) -> Response:
    gateway: Gateway = current_app.extensions["relay_ingest"]
    return respond(gateway, request.environ, source, accept_key_request).to_flask()


def post_webhook(way: str, source: str) -> Response:
    gateway: Gateway = current_app.extensions["relay_ingest"]
    return receive_webhook(gateway, request.environ, SourceType(way), source).to_flask()


def refuse_path(rest: str = "") -> Response:
    """404 in JSON for a path that has no endpoint, on the page of the site that it names."""
    gateway: Gateway = current_app.extensions["relay_ingest"]
    parts = [part for part in rest.split("/") if part]
    slug = parts[1] if parts[:1] == ["wp"] and len(parts) > 1 else None
    refusal = RefusalCode.UNKNOWN_PATH(path=request.path[:200])
    return refuse(gateway, request.environ, slug, None, refusal).to_flask()


def receive_event(gateway: Gateway, environ: dict[str, Any], slug: str | None) -> IngestResponse:
    """Handle the request of one event.  ``slug`` is the source in the path, if any."""
    return respond(gateway, environ, slug, accept_event)


def respond(
    gateway: Gateway, environ: dict[str, Any], slug: str | None, accept: Accept
) -> IngestResponse:
    """Read the request and let ``accept`` handle it; every error becomes a response."""
    began = time.perf_counter()
    head: RequestHead | None = None
    try:
        head, raw = read_request(environ, gateway.config.max_body_bytes)
        return accept(gateway, head, raw, slug)
    except Exception as exc:
        return refuse(gateway, environ, slug, head, refusal_of(exc))
    finally:
        metrics.ingest_seconds.observe(time.perf_counter() - began)


def receive_webhook(
    gateway: Gateway, environ: dict[str, Any], way: SourceType, slug: str
) -> IngestResponse:
    """Handle the webhook of another program; every error becomes a response."""
    began = time.perf_counter()
    accept = accept_woocommerce if way is SourceType.WOOCOMMERCE else accept_form
    try:
        return accept(gateway, environ, slug)
    except Exception as exc:
        return refuse(gateway, environ, slug, None, refusal_of(exc))
    finally:
        metrics.ingest_seconds.observe(time.perf_counter() - began)


def refusal_of(exc: Exception) -> IngestRefusal:
    """The refusal for an error.  After one in Relay, with a 503, the site sends the event again."""
    if isinstance(exc, IngestRefusal):
        return exc
    if not isinstance(exc, Unavailable):
        log("ingest.failed", level="error", reason=repr(exc), trace=traceback.format_exc())
    return RefusalCode.UNAVAILABLE()


def accept_event(
    gateway: Gateway, head: RequestHead, raw: bytes, slug: str | None
) -> IngestResponse:
    """Check and store one event.  Raises IngestRefusal, Unavailable."""
    began_ns = time.time_ns()
    source, key = gateway.authenticate(head, raw, slug)
    event = gateway.parse_event(head, raw, source.id)
    stored = gateway.store(event, source, key, head.address)
    if event.event_type != CANARY:  # no event of a site
        (metrics.events_accepted if stored.new else metrics.events_duplicate).inc()
    log(
        "event.accepted" if stored.new else "event.duplicate",
        correlation_id=event.event_id,
        id=stored.row_id,
        source=source.slug,
        type=event.event_type,
        key=key.key_id,
    )
    if stored.new and tracing.is_on():
        facts = tracing.request_facts("POST", head.scheme, EVENT_PATHS[slug is not None], slug, 202)
        facts |= {"relay.source": source.slug, "relay.event_type": event.event_type}
        tracing.received(event.event_id, began_ns, facts, head.traceparent)
    return responses.for_event(stored.row_id, event.event_id, stored.new)


def refuse(
    gateway: Gateway,
    environ: dict[str, Any],
    slug: str | None,
    head: RequestHead | None,
    refusal: IngestRefusal,
) -> IngestResponse:
    """Record the true reason for the site's owner; the response has only what the contract allows."""
    metrics.events_rejected.labels(refusal.reason).inc()
    address = head.address if head else source_address(environ)
    source_id = refusal.source_id or gateway.source_id_of(slug)

    def record(exact: IngestRefusal) -> RejectionRecord:
        return RejectionRecord(
            source_id=exact.source_id or source_id,
            reason=exact.reason,
            sentence=exact.sentence[:1000],
            status=exact.status,
            address=address,
            event_id=head.event_id if head else None,
        )

    explain = refusal.explain
    gateway.rejections.add(record(refusal), (lambda: record(explain())) if explain else None)
    # A known site loses time.  What scanners send to no site is normal.
    log(
        "event.refused",
        level="warning" if source_id is not None or refusal.status >= 500 else "info",
        reason=refusal.reason,
        status=refusal.status,
        address=address,
    )
    return responses.for_refusal(refusal)
