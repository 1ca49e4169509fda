"""The service pages: ``/healthz``, ``/readyz``, ``/metrics``, ``/api/openapi.json``."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, jsonify, request
from sqlalchemy.exc import SQLAlchemyError

from config import Config
from relay.api import openapi
from relay.database_errors import explain
from relay.observability import metrics_server
from relay.observability.exposition import CONTENT_TYPE_LATEST, build_info, exposition
from relay.observability.logging import log
from relay.services.operations import doctor, gauges
from relay.services.operations.checks import network

blueprint = Blueprint("api", __name__)


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
        response = jsonify(error="forbidden", detail=metrics_server.FORBIDDEN)
        response.status_code = 403
        return response
    shown = [build_info(openapi.VERSION)]
    try:
        shown.extend(gauges.read())
    except SQLAlchemyError as exc:  # the counters, and the gauges that were read before, still help
        log("metrics.no_gauges", level="warning", reason=explain(exc))
    text = exposition(shown)
    return Response(text, content_type=CONTENT_TYPE_LATEST)


@blueprint.get("/api/openapi.json", provide_automatic_options=False)
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
    return metrics_server.may_read(
        request.headers.get,
        request.remote_addr or "",
        config.metrics_token,
        behind_proxy=bool(config.trusted_proxies),
    )
