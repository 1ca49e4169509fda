"""Alerts: list, show, acknowledge, snooze, add a note."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from marshmallow import fields

from relay import database
from relay.api.v1.access import current_by
from relay.api.v1.operations import OperationGroup
from relay.api.v1.privacy import shown, shown_note
from relay.api.v1.shapes import (
    AnswerShape,
    InputShape,
    Moment,
    NoteBody,
    PageQuery,
    choice,
    optional,
    text,
)
from relay.models import Alert, AlertEntry, db
from relay.rules.alerts import RULES
from relay.rules.states import Severity
from relay.services.alerts import actions, listing
from relay.services.alerts.listing import AlertFilter
from relay.services.alerts.wording import subject_names
from relay.services.paging import Page

group = OperationGroup("Alerts")


class AlertShape(AnswerShape):
    id = fields.Integer()
    rule = text("The rule that opened it.")
    subject = text("Such as `destination:3` or `site:shop`; empty for the installation.")
    subject_name = text("What people call the subject.")
    severity = choice([one.value for one in Severity])
    sentence = text("What is wrong.")
    advice = text("What to do.")
    url = text("The page that shows the cause.")
    since = Moment(metadata={"description": "When the problem began."})
    opened_at = Moment()
    resolved_at = Moment(allow_none=True)
    count = fields.Integer()
    acknowledged_by = fields.String(allow_none=True)
    note = fields.String()
    snoozed_until = Moment(allow_none=True)
    owner = fields.String(allow_none=True)
    covered_by = text("The rule of another open alert that reports the same problem.")


class TimelineShape(AnswerShape):
    at = Moment()
    action = fields.String()
    actor = fields.String()
    text = fields.String()


class AlertInFullShape(AlertShape):
    timeline = fields.List(fields.Nested(TimelineShape))


class AlertQuery(PageQuery):
    open = fields.Boolean(
        load_default=False, metadata={"description": "`true`: only those that are not resolved."}
    )
    rule = choice(["", *RULES], load_default="")
    severity = choice(
        ["", *(one.value for one in Severity)], "This severity and above.", load_default=""
    )
    subject = optional("Only about this subject.")


class SnoozeBody(InputShape):
    until = Moment(
        required=True,
        allow_none=True,
        metadata={
            "description": "Send nothing about it until then, at most 30 days; null ends it."
        },
    )


@group.add("GET", "/alerts", "List alerts, newest first.", AlertShape, query=AlertQuery)
def list_alerts(query: dict[str, Any]) -> Page[Any]:
    chosen = AlertFilter(query["rule"], query["severity"], query["subject"])
    page = listing.list_alerts(chosen, query["open"], query["limit"], query["cursor"])
    names, now = subject_names(alert.subject for alert in page.items), database.now(db.session)
    items = [of_alert(alert, names[alert.subject], now) for alert in page.items]
    return Page(items, page.total, page.next_after)


@group.add("GET", "/alerts/<int:alert_id>", "Show an alert with its timeline.", AlertInFullShape)
def show_alert(alert_id: int) -> Any:
    return in_full(listing.find_alert(alert_id))


@group.add(
    "POST",
    "/alerts/<int:alert_id>/acknowledge",
    "Record that a person has seen an alert.",
    AlertInFullShape,
    role="support",
    body=NoteBody,
)
def acknowledge_alert(alert_id: int, body: dict[str, Any]) -> Any:
    actions.acknowledge(alert_id, body["note"], current_by())
    return in_full(listing.find_alert(alert_id))


@group.add(
    "POST",
    "/alerts/<int:alert_id>/snooze",
    "Send nothing about an alert for some time.",
    AlertInFullShape,
    role="support",
    body=SnoozeBody,
)
def snooze_alert(alert_id: int, body: dict[str, Any]) -> Any:
    if body["until"] is None:
        actions.end_snooze(alert_id, current_by())
    else:
        actions.snooze(alert_id, body["until"], current_by())
    return in_full(listing.find_alert(alert_id))


@group.add(
    "POST",
    "/alerts/<int:alert_id>/notes",
    "Add a note to the timeline of an alert.",
    AlertInFullShape,
    role="support",
    body=NoteBody,
)
def add_alert_note(alert_id: int, body: dict[str, Any]) -> Any:
    actions.add_note(alert_id, body["note"], current_by())
    return in_full(listing.find_alert(alert_id))


def of_alert(alert: Alert, name: str, now: datetime) -> dict[str, Any]:
    return {
        "id": alert.id,
        "rule": alert.rule,
        "subject": alert.subject,
        "subject_name": name,
        "severity": alert.severity.value,
        "sentence": shown(alert.sentence),
        "advice": shown_note(alert.advice),
        "url": listing.page_url(alert),
        "since": alert.since or alert.opened_at,
        "opened_at": alert.opened_at,
        "resolved_at": alert.resolved_at,
        "count": alert.count,
        "acknowledged_by": alert.acknowledged_by,
        "note": shown_note(alert.note),
        "snoozed_until": alert.snoozed_until if listing.is_snoozed(alert, now) else None,
        "owner": alert.owner,
        "covered_by": alert.covered_by,
    }


def in_full(alert: Alert) -> dict[str, Any]:
    db.session.refresh(alert, ["entries"])
    name, now = subject_names([alert.subject])[alert.subject], database.now(db.session)
    return of_alert(alert, name, now) | {"timeline": [_entry(entry) for entry in alert.entries]}


def _entry(entry: AlertEntry) -> dict[str, Any]:
    return {
        "at": entry.at,
        "action": entry.action,
        "actor": entry.actor,
        "text": shown_note(entry.text),
    }
