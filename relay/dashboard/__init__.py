"""The dashboard: one module per page, and what the pages share (guard, htmx, forms, filters, errors)."""

from __future__ import annotations

from typing import Any

from flask import Flask

from relay.dashboard import (
    account,
    ai,
    ai_steps,
    alert_channels,
    alert_rules,
    alerts,
    audit,
    auth,
    connect,
    dead_letters,
    dead_letters_bulk,
    destination_account,
    destinations,
    errors,
    events,
    filters,
    finder,
    first_steps,
    guard,
    headers,
    health,
    help,
    hosts,
    htmx,
    languages,
    ledger,
    mapping,
    navigation,
    numbers,
    overview,
    pager,
    passwords,
    people,
    privacy,
    removal,
    replays,
    replica,
    script_texts,
    second_factor,
    second_step,
    settings,
    sign_in_policy,
    single_sign_on,
    source_privacy,
    sources,
    subscriptions,
    team,
    throttling,
    time_zones,
    tokens,
    traffic,
    views,
)

PAGES = (
    *(
        auth,
        overview,
        connect,
        sources,
        destinations,
        subscriptions,
        mapping,
        throttling,
        destination_account,
        removal,
        events,
    ),
    *(dead_letters, dead_letters_bulk, replays, ai, ai_steps, ledger, alerts, alert_rules),
    *(alert_channels, health, audit, people, source_privacy),
    *(second_step, second_factor, sign_in_policy, single_sign_on),
    *(team, account, tokens, passwords, views, finder, traffic, settings, first_steps, help),
)


def init_app(app: Flask) -> None:
    """Register the pages, their filters and the error handlers."""
    for part in (
        numbers,
        languages,
        script_texts,
        hosts,
        guard,
        replica,
        headers,
        htmx,
        filters,
        time_zones,
        pager,
        finder,
        navigation,
        throttling,
        destination_account,
        events,
        privacy,
        ai_steps,
        alerts,
        alert_rules,
        traffic,
        errors,
    ):
        part.init_app(app)
    for page in PAGES:
        app.register_blueprint(page.blueprint)
    keep_hooks_to_pages(app)


def keep_hooks_to_pages(app: Flask) -> None:
    """Run the extensions' hooks for the dashboard only: form tokens, sign-in limits, cookies.

    The extensions register them for every request, so also for each event that a site sends.
    """
    hooks: tuple[dict[Any, list[Any]], ...] = (
        app.before_request_funcs,
        app.after_request_funcs,
        app.teardown_request_funcs,
    )
    for by_blueprint in hooks:
        for_all = by_blueprint.pop(None, [])
        for page in PAGES:
            own = by_blueprint.get(page.blueprint.name, [])
            by_blueprint[page.blueprint.name] = [*for_all, *own]
