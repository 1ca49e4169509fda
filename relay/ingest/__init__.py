"""Ingest: turns a signed request into a committed event."""

from __future__ import annotations

import atexit
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask

from relay.extensions import db
from relay.ingest.gateway import Gateway
from relay.ingest.views import EVENT_PATH, blueprint, receive_event

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

__all__ = ["blueprint", "create_ingest_app", "init_app"]


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


class IngestApp(Flask):
    """The ingest endpoint alone, without sessions, sign-in, CSRF protection or other hooks.

    A request for one of ``EVENT_PATHS`` is answered before Flask's request cycle, by the function that
    the blueprint's view calls: the cycle costs a third of what an event costs in all
    (docs/performance.md).  Every other path goes through the blueprint.
    """

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        found = EVENT_PATH.fullmatch(environ["PATH_INFO"])
        if found is None:
            return super().wsgi_app(environ, start_response)
        response = receive_event(self.extensions["relay_ingest"], environ, found[1])
        start_response(response.status_line, response.headers())
        return [response.body]


def create_ingest_app(app: Flask) -> IngestApp:
    """A second Flask application for the web server; it shares the gateway of ``app``."""
    ingest = IngestApp("relay.ingest", static_folder=None)
    ingest.extensions = app.extensions
    ingest.register_blueprint(blueprint)
    return ingest
