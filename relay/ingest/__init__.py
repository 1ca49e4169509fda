"""The way in: a signed request becomes a committed event."""

from __future__ import annotations

from flask import Flask


def init_app(app: Flask) -> None:
    """Register the endpoint and start what stands behind it."""
