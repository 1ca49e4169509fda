"""The browser's rooms: one file a page, and what they share (guard, htmx, forms, words, errors)."""

from __future__ import annotations

from flask import Flask

from relay.dashboard import (
    audit,
    auth,
    dead_letters,
    destinations,
    errors,
    events,
    guard,
    htmx,
    mapping,
    overview,
    pacing,
    replays,
    sources,
    subscriptions,
    words,
)

ROOMS = (
    auth,
    overview,
    sources,
    destinations,
    subscriptions,
    mapping,
    pacing,
    events,
    dead_letters,
    replays,
    audit,
)


def init_app(app: Flask) -> None:
    """Register every room."""
    for part in (guard, htmx, words, pacing, errors):
        part.init_app(app)
    for room in ROOMS:
        app.register_blueprint(room.blueprint)
