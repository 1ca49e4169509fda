"""The URL that people and sites use for Relay."""

from __future__ import annotations

from flask import current_app


def relay_url() -> str:
    """RELAY_PUBLIC_URL; empty if it is not set."""
    return str(current_app.extensions["relay_config"].public_url)
