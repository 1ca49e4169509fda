"""The service pages: is it up, is it ready, and what does it count."""

from __future__ import annotations

import hmac
import ipaddress

from flask import Blueprint, Response, current_app, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from prometheus_client.registry import CollectorRegistry
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from relay.extensions import limiter
from relay.lifecycle import State
from relay.models import Delivery, Destination, db
from relay.observability import metrics
from relay.services import dead_letters, keys, overview, system

blueprint = Blueprint("api", __name__)
limiter.exempt(blueprint)


@blueprint.get("/healthz")
def healthz() -> Response:
    """The process is up."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """200 when database, migrations, broker policy and encryption key are right, else 503 and why."""
    bad = [f"{f.check}: {f.sentence}" for f in system.examine(system.READY) if f.level == "fail"]
    if bad:
        return jsonify(status="unavailable", reasons=bad), 503
    return jsonify(status="ready"), 200


@blueprint.get("/metrics")
def show_metrics() -> Response | tuple[Response, int]:
    """Prometheus' text, to this host itself or with the token."""
    if not may_read_metrics():
        return jsonify(error="forbidden", detail="Only from this host, or with the token."), 403
    text = generate_latest(metrics.collected())
    try:
        text += generate_latest(gauges())
    except SQLAlchemyError:
        db.session.rollback()  # the counters still help; the gauges come back with the database
    return Response(text, mimetype=CONTENT_TYPE_LATEST)


def may_read_metrics() -> bool:
    token = current_app.extensions["relay_config"].metrics_token
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token and hmac.compare_digest(token.encode(), given.encode("latin-1", "replace")):
        return True
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False


def gauges() -> CollectorRegistry:
    """What the database says at this moment."""
    registry = CollectorRegistry()
    by_state = Gauge("relay_deliveries", "Deliveries.", ["state"], registry=registry)
    counts = dict(
        db.session.execute(select(Delivery.state, func.count()).group_by(Delivery.state)).all()
    )
    for state in State:
        by_state.labels(state.value).set(counts.get(state.value, 0))
    now = keys.database_now()
    late = Gauge("relay_oldest_due_seconds", "Lateness of the oldest due one.", registry=registry)
    late.set(overview.oldest_due_s(now))
    dead = Gauge("relay_dead_letters_open", "Open dead letters.", registry=registry)
    dead.set(dead_letters.count_open())
    circuit = Gauge(
        "relay_circuit_state",
        "0 open for calls, 1 held, 2 paused.",
        ["destination"],
        registry=registry,
    )
    for one in db.session.scalars(select(Destination).where(Destination.state != "closed")):
        held = one.held_until is not None and one.held_until > now
        circuit.labels(one.name).set(2 if one.state == "paused" else int(held))
    return registry
