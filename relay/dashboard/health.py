"""The health page: what ``flask doctor`` finds, by group, with the version and the last backup."""

from __future__ import annotations

import platform
from collections import Counter
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, current_app
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from relay import database
from relay.dashboard import guard, htmx
from relay.i18n import N_
from relay.models import db
from relay.observability.health import Finding, Level, RunningProcess, running_processes
from relay.services import overview
from relay.services.operations import doctor
from relay.services.operations.checks import alerting
from relay.services.settings import retention as retention_settings

blueprint = Blueprint("health", __name__, url_prefix="/health")
# What the page calls the checks.  The name itself is the same for every reader: /readyz has it too.
CHECKS = (
    *(
        N_("database"),
        N_("migrations"),
        N_("read-only replica"),
        N_("encryption key"),
        N_("events"),
    ),
    *(N_("stored secrets"), N_("destination secrets"), N_("alert channel secrets"), N_("clock")),
    *(N_("authenticator app secrets"), N_("audit log secrets"), N_("connection pooler")),
    *(N_("broker"), N_("broker memory"), N_("broker policy"), N_("broker persistence")),
    *(N_("worker"), N_("scheduler"), N_("destinations"), N_("paused destination")),
    *(N_("destination on hold"), N_("circuit breaker"), N_("failing destinations")),
    *(N_("deliveries"), N_("secret references"), N_("vault"), N_("admin"), N_("second factor")),
    *(N_("audit log"), N_("backup"), N_("alert channels"), N_("data directory")),
    *(N_("permissions"), N_("disk"), N_("database disk"), N_("metrics"), N_("assets")),
    *(N_("settings"), N_("public URL"), N_("proxies"), N_("clock of another server")),
)
BUDGET_S = 5.0  # a page must not wait longer for what is down


@dataclass(frozen=True)
class HealthGroup:
    """The findings under one heading, problems first."""

    heading: str
    findings: list[Finding]

    @property
    def has_error(self) -> bool:
        return any(one.level is Level.ERROR for one in self.findings)


def grouped(findings: list[Finding]) -> list[HealthGroup]:
    """The groups with problems first, else in the order of ``doctor``."""
    headings = dict.fromkeys(one.group for one in findings)
    return [
        HealthGroup(heading, [one for one in findings if one.group == heading])
        for heading in headings
    ]


@dataclass(frozen=True)
class HealthHost:
    """A host with the number of its processes, by role."""

    name: str
    roles: dict[str, int]


def processes_by_host(found: list[RunningProcess] | None) -> list[HealthHost] | None:
    """The workers and schedulers that run; None if the broker does not answer."""
    if found is None:
        return None
    hosts: dict[str, Counter[str]] = {}
    for one in found:
        hosts.setdefault(one.host, Counter())[one.role] += 1
    return [HealthHost(name, dict(roles)) for name, roles in sorted(hosts.items())]


def facts_of_database() -> dict[str, Any]:
    """What is due, how long events are kept, the last backup and the versions; less while the database is down."""
    facts: dict[str, Any] = {
        "python": platform.python_version(),
        "database": database.product(db.engine),
        "queue": None,
        "retention_days": None,
        "backup_at": None,
    }
    try:
        read = select(database.db_now(), alerting.last_backup())
        now, facts["backup_at"] = db.session.execute(read).one()
        facts["queue"] = overview.load_queue(now)
        facts["retention_days"] = retention_settings.days().retention_days
    except SQLAlchemyError:
        db.session.rollback()
    return facts


@blueprint.get("")
@guard.requires("support")
def page() -> Any:
    findings = doctor.diagnose(budget_s=BUDGET_S)
    client = current_app.extensions["relay_broker"].client
    return htmx.respond(
        "health/page.html",
        "health/_findings.html",
        groups=grouped(findings),
        errors=sum(one.level is Level.ERROR for one in findings),
        warnings=sum(one.level is Level.WARNING for one in findings),
        version=current_app.extensions["relay_version"],
        processes=processes_by_host(running_processes(client)),
        **facts_of_database(),
    )
