"""``POST /webhooks/wp`` and ``/webhooks/wp/<source>``: a few calls, one return."""

from __future__ import annotations

import time

from flask import Blueprint, Response, current_app, request
from flask.blueprints import BlueprintSetupState
from werkzeug.routing import Rule

from relay.errors import Unavailable
from relay.extensions import csrf, limiter
from relay.ingest import answers, framing
from relay.ingest.answers import TurnedAway
from relay.ingest.gateway import Gateway
from relay.ingest.head import Head, read_head, source_address
from relay.ingest.rejections import Refusal
from relay.observability import metrics
from relay.observability.logging import log

blueprint = Blueprint("ingest", __name__)
csrf.exempt(blueprint)
limiter.exempt(blueprint)
PATHS = ("/webhooks/wp", "/webhooks/wp/<source>")


@blueprint.record
def add_paths(state: BlueprintSetupState) -> None:
    """Every method leads here, so that a wrong one gets the contract's answer too."""
    for path in PATHS:
        state.app.url_map.add(Rule(path, endpoint="ingest.receive_event", methods=None))
    state.app.view_functions["ingest.receive_event"] = receive_event


def receive_event(source: str | None = None) -> Response:
    """The way in.  Every answer of the contract leaves here."""
    began = time.perf_counter()
    gateway: Gateway = current_app.extensions["relay_ingest"]
    head: Head | None = None
    try:
        framing.check_declared(request.environ, gateway.config.max_body_bytes)
        check_method(request.method)
        raw = framing.read_body(request.environ, gateway.config.max_body_bytes)
        head = read_head(request.environ)
        return receive(gateway, head, raw, source)
    except TurnedAway as away:
        return refuse(gateway, head, away)
    except Unavailable:
        return refuse(gateway, head, answers.unavailable())
    finally:
        metrics.ingest_seconds.observe(time.perf_counter() - began)


def receive(gateway: Gateway, head: Head, raw: bytes, slug: str | None) -> Response:
    """The checks of a request with a whole head, in the contract's order."""
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
    return answers.stored(stored.row_id, event.event_id, stored.new)


def check_method(method: str) -> None:
    if method != "POST":
        raise TurnedAway(405, "method_not_allowed", "method", f"The method was {method[:20]}.")


def refuse(gateway: Gateway, head: Head | None, away: TurnedAway) -> Response:
    """Tell the sender as little as the contract says, and the source's owner the true reason."""
    metrics.events_rejected.labels(away.reason).inc()
    address = head.address if head else source_address(request.environ)
    gateway.rejections.keep(
        Refusal(
            source_id=away.source_id,
            reason=away.reason,
            sentence=away.sentence[:1000],
            status=away.status,
            address=address,
            event_id=head.event_id if head else None,
        )
    )
    log("event.refused", reason=away.reason, status=away.status, address=address)
    return answers.refusal(away)
