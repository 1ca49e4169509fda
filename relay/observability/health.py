"""``/healthz``, ``/readyz`` and ``/metrics``."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

service_pages = Blueprint("service", __name__)


@service_pages.get("/healthz")
def healthz() -> Response:
    """The process is up."""
    return jsonify(status="ok")
