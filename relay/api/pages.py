"""The service pages: ``/healthz``, ``/readyz``, ``/metrics``, ``/api/openapi.json``."""

from __future__ import annotations

import hmac
import ipaddress

from flask import Blueprint, Response, current_app, jsonify, request
from sqlalchemy.exc import SQLAlchemyError

from config import Config
from relay.api import openapi
from relay.extensions import limiter
from relay.observability import metrics
from relay.observability.logging import log
from relay.observability.metrics import Metric
from relay.services.operations import doctor
from relay.services.operations.checks import network

blueprint = Blueprint("api", __name__)
limiter.exempt(blueprint)
FORWARDING_HEADERS = ("X-Forwarded-For", "Forwarded", "X-Real-Ip")


@blueprint.after_request
def forbid_caching(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/healthz")
def healthz() -> Response:
    """200 while the process runs.  ``flask doctor`` asks for a proof that this is its Relay."""
    response = jsonify(status="ok")
    if nonce := request.headers.get(network.HEADER):
        config: Config = current_app.extensions["relay_config"]
        proxies = sum(
            1 for one in request.headers.get("X-Forwarded-For", "").split(",") if one.strip()
        )
        response.headers[network.HEADER] = network.proof(config, nonce, proxies)
    return response


@blueprint.get("/readyz")
def readyz() -> Response:
    """200 if an event could be committed, else 503 with the reasons.  Other problems are warnings."""
    reasons, warnings = doctor.readiness()
    if reasons:
        return unavailable(reasons, warnings)
    return jsonify(status="ready", warnings=warnings)


@blueprint.get("/metrics")
def show_metrics() -> Response:
    """Prometheus text: counters of the processes on this host, gauges from the database."""
    if not may_read_metrics():
        sentence = (
            "Metrics are open to requests from the same host. From elsewhere, send "
            "Authorization: Bearer with the value of RELAY_METRICS_TOKEN."
        )
        response = jsonify(error="forbidden", detail=sentence)
        response.status_code = 403
        return response
    version = metrics.gauge(
        "relay_build_info", "1, with the version of Relay.", {openapi.VERSION: 1}, "version"
    )
    gauges = []
    try:
        gauges = current_gauges()
    except SQLAlchemyError:
        # the counters still help
        log("metrics.no_gauges", level="warning", reason="The database does not answer.")
    text = metrics.exposition([version, *gauges])
    return Response(text, content_type=metrics.CONTENT_TYPE_LATEST)


@blueprint.get("/api/openapi.json")
def openapi_page() -> Response:
    """The OpenAPI 3.1 document."""
    return jsonify(openapi.document())


def unavailable(reasons: list[str], warnings: list[str]) -> Response:
    response = jsonify(status="unavailable", reasons=reasons, warnings=warnings)
    response.status_code = 503
    response.headers["Retry-After"] = "5"
    return response


def may_read_metrics() -> bool:
    """Whether the request has the token or comes from this host, and not through a proxy."""
    config: Config = current_app.extensions["relay_config"]
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if config.metrics_token and scheme.lower() == "bearer":
        return hmac.compare_digest(token.strip().encode(), config.metrics_token.encode())
    is_forwarded = any(name in request.headers for name in FORWARDING_HEADERS)
    if is_forwarded and not config.trusted_proxies:
        return False
    return is_loopback(request.remote_addr or "")


def is_loopback(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return (getattr(parsed, "ipv4_mapped", None) or parsed).is_loopback


def current_gauges() -> list[Metric]:
    """The gauges that are read from the database.  Raises SQLAlchemyError."""
    counts, late_s, dead_letters, circuits = doctor.gauges()
    return [
        metrics.gauge("relay_deliveries", "Deliveries by state.", counts, "state"),
        metrics.gauge(
            "relay_oldest_due_seconds", "How late the oldest due delivery is.", {"": late_s}
        ),
        metrics.gauge("relay_dead_letters_open", "Open dead letters.", {"": dead_letters}),
        metrics.gauge(
            "relay_circuit_state", "0 closed, 1 open or held, 2 paused.", circuits, "destination"
        ),
    ]
