"""Relay takes events from WordPress sites and delivers them to the destinations of their owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from config import Config

__version__ = "1.2.0"


def create_app(config: Config | None = None, *, pages: bool = True, ingest: bool = True) -> Flask:
    """Build the Flask application.  Raises SettingsError if a setting is missing or wrong.

    ``pages``: the dashboard, the API's pages and the commands, which workers and the scheduler lack.
    ``ingest``: the endpoint of events, which pages need, and most commands do not.
    """
    from relay.application import build  # here, so that a command's help does not wait for it

    return build(config, pages, ingest)


def create_migrating_app(config: Config | None = None) -> Flask:
    """Build the application of ``flask db`` and ``flask init``: the tables and the migrations, no pages and
    no endpoint.
    """
    from relay.application import add_migrations, build

    app = build(config, pages=False, ingest=False)
    add_migrations(app)
    return app
