"""Health checks: ``doctor`` checks everything, ``/readyz`` whether an event could be committed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any

from flask import current_app

from config import Config
from relay.i18n import N_
from relay.observability import health
from relay.observability.health import Finding, Level
from relay.services.operations.checks import (
    accounts,
    alerting,
    destinations,
    files,
    network,
    processes,
    references,
)
from relay.services.operations.checks import database as stored
from relay.services.operations.checks.runner import isolated, run_groups

BUDGET_S = 8.0
NEEDED = ("database", "migrations", "encryption key", "events")  # by /readyz


def diagnose(
    is_offline: bool = False, clock_url: str = "", budget_s: float = BUDGET_S
) -> list[Finding]:
    """Every check, problems first, within ``budget_s`` seconds.  Never raises.

    ``is_offline``: without calls.  ``clock_url``: the server to compare the clock with, instead of
    that of RELAY_CLOCK_URL.
    """
    config: Config = current_app.extensions["relay_config"]
    usable: Future[bool] = Future()

    def if_usable(check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
        if usable.result():
            yield from check()

    groups = {
        N_("Database"): partial(stored.check, usable),
        N_("Broker and processes"): partial(processes.check, _client(), usable),
        N_("Destinations"): partial(if_usable, destinations.check),
        N_("Secrets"): partial(if_usable, references.check),
        N_("Accounts"): partial(if_usable, accounts.check),
        N_("Alerts and backups"): partial(if_usable, alerting.check),
        N_("Files and disk"): partial(files.check, config),
        N_("Network"): partial(network.check, config, is_offline, clock_url or config.clock_url),
    }
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    return run_groups(app, groups, budget_s)


def readiness() -> tuple[list[str], list[str]]:
    """-> why an event could not be committed now (empty if it could), and other problems."""
    findings = stored.check_tables()
    if all(one.level is not Level.ERROR for one in findings):
        findings += isolated("encryption key", stored.check_signing_keys)
        findings += isolated("stored secrets", stored.check_secrets)
    findings += stored.check_events()
    reasons = [one for one in findings if one.level is Level.ERROR and one.check in NEEDED]
    findings += (broker := health.check_broker(_client()))
    if not health.is_broken(broker):
        findings += health.check_heartbeats(_client())
    warnings = [one for one in findings if one.level is not Level.OK and one not in reasons]
    return (
        [f"{one.check}: {one.sentence}" for one in reasons],
        [f"{one.check}: {one.sentence}" for one in warnings],
    )


def _client() -> Any:
    return current_app.extensions["relay_broker"].client
