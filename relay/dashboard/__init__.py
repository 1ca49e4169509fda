"""The browser's rooms: one file a page, and what they share (guard, htmx, forms, words, errors)."""

from __future__ import annotations

from flask import Flask

from relay.dashboard import (
    accounts,
    ai,
    ai_steps,
    alerts,
    audit,
    auth,
    dead_letters,
    destinations,
    errors,
    events,
    guard,
    htmx,
    ledger,
    overview,
    pacing,
    replays,
    sources,
    triage,
    words,
)

ROOMS = (
    *(auth, overview, sources, destinations, pacing, accounts, events),
    *(dead_letters, triage, replays, ai, ai_steps, ledger, alerts, audit),
)


def init_app(app: Flask) -> None:
    """Register every room."""
    for part in (guard, htmx, words, pacing, accounts, events, ai_steps, errors):
        part.init_app(app)
    for room in ROOMS:
        app.register_blueprint(room.blueprint)
