"""Lists of alerts, and one alert with its timeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import current_app
from sqlalchemy import ColumnElement, ScalarSelect, case, func, or_, select
from sqlalchemy.orm import selectinload

from config import Config
from relay.errors import NotFound
from relay.i18n import _
from relay.models import Alert, db, db_now
from relay.rules.states import Severity
from relay.services.alerts.wording import parts_of
from relay.services.paging import Page, page_of

MOST_OPEN = 500  # open alerts on one page; each rule has at most one for a subject
MOST_SEVERE_FIRST = case(*((Alert.severity == one, -one.rank) for one in Severity), else_=0)


@dataclass(frozen=True)
class AlertFilter:
    """Empty means all.  ``severity`` is the lowest; ``subject`` also finds the parts of a site."""

    rule: str = ""
    severity: str = ""
    subject: str = ""

    def conditions(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if self.rule:
            found.append(Alert.rule == self.rule)
        if self.severity in [one.value for one in Severity]:
            lowest = Severity(self.severity)
            found.append(Alert.severity.in_([one for one in Severity if one.rank >= lowest.rank]))
        if self.subject == "installation":
            found.append(or_(Alert.subject == "", Alert.subject.startswith("channel:")))
        elif self.subject:
            found.append(or_(*self._subject()))
        return found

    def _subject(self) -> list[ColumnElement[bool]]:
        slug = parts_of(self.subject).key
        return [
            Alert.subject == self.subject,
            Alert.subject.startswith(f"{self.subject}:", autoescape=True),
            # how the ledger wrote them before the rules existed
            Alert.subject.startswith(f"{slug} ", autoescape=True),
        ]


def open_now(chosen: AlertFilter | None = None) -> Sequence[Alert]:
    """The open alerts: the most severe first, then the one that has lasted longest."""
    wanted = select(Alert).where(
        Alert.resolved_at.is_(None), *(chosen or AlertFilter()).conditions()
    )
    since = func.coalesce(Alert.since, Alert.opened_at)
    return db.session.scalars(
        wanted.order_by(MOST_SEVERE_FIRST, since, Alert.id).limit(MOST_OPEN)
    ).all()


def past(chosen: AlertFilter, limit: int = 25, after: int | None = None) -> Page[Alert]:
    """The resolved alerts, newest first."""
    wanted = select(Alert).where(Alert.resolved_at.is_not(None), *chosen.conditions())
    return page_of(wanted, Alert.id, limit, after)


def list_alerts(
    chosen: AlertFilter, only_open: bool, limit: int = 50, after: int | None = None
) -> Page[Alert]:
    """Open and resolved alerts, newest first."""
    wanted = select(Alert).where(*chosen.conditions())
    if only_open:
        wanted = wanted.where(Alert.resolved_at.is_(None))
    return page_of(wanted, Alert.id, limit, after)


def find_alert(alert_id: int) -> Alert:
    """With its timeline.  Raises NotFound."""
    found = db.session.get(Alert, alert_id, options=[selectinload(Alert.entries)])
    if found is None:
        raise NotFound(_("There is no such alert."))
    return found


def is_snoozed(alert: Alert, now: datetime) -> bool:
    return alert.snoozed_until is not None and alert.snoozed_until > now


def needs_attention(alert: Alert, now: datetime) -> bool:
    """Whether it is open, no one has seen it, and no other alert reports the same problem."""
    seen = alert.acknowledged_by is not None or is_snoozed(alert, now)
    return alert.resolved_at is None and not seen and not alert.covered_by


def count_needing_attention() -> ScalarSelect[int]:
    """How many open alerts need attention; the same rule as ``needs_attention``."""
    return (
        select(func.count())
        .where(
            Alert.resolved_at.is_(None),
            Alert.acknowledged_by.is_(None),
            Alert.covered_by == "",
            or_(Alert.snoozed_until.is_(None), Alert.snoozed_until <= db_now()),
        )
        .scalar_subquery()
    )


def page_url(alert: Alert) -> str:
    """The URL of the page that shows it; a path if Relay does not know its own URL."""
    config: Config = current_app.extensions["relay_config"]
    return config.public_url.rstrip("/") + (alert.path or f"/alerts/{alert.id}")
