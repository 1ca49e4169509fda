"""The health page: what ``flask doctor`` finds, by group, with the version and the last backup."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, current_app
from sqlalchemy.exc import SQLAlchemyError

from config import Config
from relay.dashboard import guard, htmx
from relay.observability.health import Finding, Level
from relay.services.operations import doctor
from relay.services.operations.checks import alerting

blueprint = Blueprint("health", __name__, url_prefix="/health")
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


@blueprint.get("")
@guard.requires("support")
def page() -> Any:
    config: Config = current_app.extensions["relay_config"]
    findings = doctor.diagnose(budget_s=BUDGET_S)
    try:
        backup_at = alerting.last_backup()
    except SQLAlchemyError:
        backup_at = None
    return htmx.respond(
        "health/page.html",
        "health/_findings.html",
        groups=grouped(findings),
        errors=sum(one.level is Level.ERROR for one in findings),
        warnings=sum(one.level is Level.WARNING for one in findings),
        version=current_app.extensions["relay_version"],
        backup_at=backup_at,
        retention_days=config.retention_days,
    )
