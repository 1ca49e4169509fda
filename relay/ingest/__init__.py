"""Ingest: turns a signed request into a committed event."""

from __future__ import annotations

import atexit

from flask import Flask

from relay.extensions import db
from relay.ingest.gateway import Gateway
from relay.ingest.views import blueprint


def init_app(app: Flask) -> None:
    """Register the endpoint.  Its threads start with the first request, after the server has forked."""
    with app.app_context():
        gateway = Gateway(
            app.extensions["relay_config"],
            db.engine,
            app.extensions["relay_secrets"],
            app.extensions["relay_broker"],
        )
    app.extensions["relay_ingest"] = gateway
    app.extensions["relay_commit_check"] = gateway.commit_check
    app.register_blueprint(blueprint)
    atexit.register(gateway.close)
