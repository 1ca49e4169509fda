"""The way in: a signed request becomes a committed event."""

from __future__ import annotations

import atexit

from flask import Flask

from relay.extensions import db
from relay.ingest.gateway import Gateway
from relay.ingest.views import Door


def init_app(app: Flask) -> None:
    """Put the door in front of the application.  Its threads start with the first request, after any fork."""
    with app.app_context():
        gateway = Gateway(
            app.extensions["relay_config"],
            db.engine,
            app.extensions["relay_secrets"],
            app.extensions["relay_broker"],
        )
    app.extensions["relay_ingest"] = gateway
    app.wsgi_app = Door(gateway, app.wsgi_app)  # type: ignore[method-assign]
    atexit.register(gateway.close)
