"""The dashboard: one module per page, and what the pages share (guard, htmx, forms, filters, errors)."""

from __future__ import annotations

from flask import Flask

from relay.dashboard import (
    ai,
    ai_steps,
    alerts,
    audit,
    auth,
    dead_letters,
    dead_letters_bulk,
    destination_account,
    destinations,
    errors,
    events,
    filters,
    guard,
    htmx,
    ledger,
    mapping,
    navigation,
    overview,
    removal,
    replays,
    sources,
    subscriptions,
    throttling,
)

PAGES = (
    *(
        auth,
        overview,
        sources,
        destinations,
        subscriptions,
        mapping,
        throttling,
        destination_account,
        removal,
        events,
    ),
    *(dead_letters, dead_letters_bulk, replays, ai, ai_steps, ledger, alerts, audit),
)


def init_app(app: Flask) -> None:
    """Register the pages, their filters and the error handlers."""
    for part in (
        guard,
        htmx,
        filters,
        navigation,
        throttling,
        destination_account,
        events,
        ai_steps,
        errors,
    ):
        part.init_app(app)
    for page in PAGES:
        app.register_blueprint(page.blueprint)
