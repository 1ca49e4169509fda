"""``flask alerts …``"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import click

from relay import database
from relay.cli import NounGroup
from relay.cli.output import ID, command, iso, paged, show, show_list
from relay.errors import Invalid, Refusal
from relay.models import Alert, AlertEntry, db
from relay.rules.alerts import RULES
from relay.rules.states import Severity
from relay.services.alerts import actions, listing, rule_status, rules
from relay.services.alerts.listing import AlertFilter
from relay.services.alerts.rule_status import RuleStatus
from relay.services.alerts.wording import value_words
from relay.services.audit import COMMAND_LINE
from relay.services.sources import keys

FOREVER = "until --unmute"
ALERT_ID = ID


@click.group("alerts", cls=NounGroup)
def group() -> None:
    """List alerts, act on them, and change their rules and channels."""


def as_dict(alert: Alert) -> dict[str, Any]:
    return {
        "id": alert.id,
        "rule": alert.rule,
        "subject": alert.subject,
        "severity": alert.severity,
        "sentence": alert.sentence,
        "advice": alert.advice,
        "url": listing.page_url(alert),
        "since": iso(alert.since or alert.opened_at),
        "opened_at": iso(alert.opened_at),
        "resolved_at": iso(alert.resolved_at),
        "count": alert.count,
        "acknowledged_by": alert.acknowledged_by,
        "note": alert.note,
        "snoozed_until": iso(alert.snoozed_until),
        "owner": alert.owner,
    }


def entry_as_dict(entry: AlertEntry) -> dict[str, Any]:
    return {
        "at": iso(entry.at),
        "action": entry.action,
        "actor": entry.actor,
        "text": entry.text,
    }


def rule_as_dict(status: RuleStatus) -> dict[str, Any]:
    setting, rule = status.setting, status.setting.rule
    return {
        "rule": rule.name,
        "label": rule.label,
        "scope": rule.scope,
        "severity": rule.severity,
        "threshold": setting.threshold,
        "unit": rule.unit,
        "default": rule.threshold,
        "muted": setting.is_muted,
        "muted_until": iso(setting.muted_until),
        "now": [{"subject": one.subject, "value": one.value} for one in status.subjects],
    }


@command(group, "list", "alerts list --open", "alerts list --rule failure_rate --json")
@click.option("--open", "only_open", is_flag=True, help="Only those that are not resolved.")
@click.option("--rule", type=click.Choice(list(RULES)), default=None, help="Only of this rule.")
@click.option(
    "--severity",
    type=click.Choice([one.value for one in Severity]),
    default=None,
    help="Only this severity and above.",
)
@click.option("--subject", default="", help="Only about this, such as destination:3 or site:shop.")
@paged
def list_(
    only_open: bool,
    rule: str | None,
    severity: str | None,
    subject: str,
    limit: int,
    after: int | None,
    as_json: bool,
) -> None:
    """List alerts, newest first."""
    chosen = AlertFilter(rule or "", severity or "", subject)
    page = listing.list_alerts(chosen, only_open, limit, after)
    columns = ("id", "severity", "sentence", "since", "resolved_at", "acknowledged_by")
    items = [as_dict(alert) for alert in page.items]
    show_list(items, page.total, as_json, *columns, next_after=page.next_after)


@command(group, "show", "alerts show 7")
@click.argument("alert_id", metavar="ID", type=ALERT_ID)
def show_(alert_id: int, as_json: bool) -> None:
    """Show an alert with its timeline."""
    alert = listing.find_alert(alert_id)
    timeline = [entry_as_dict(entry) for entry in alert.entries]
    lines = [f"{one['at']}  {one['action']} by {one['actor']}  {one['text']}" for one in timeline]
    heading = f"{alert.severity}: {alert.sentence} {alert.advice}"
    show(as_dict(alert) | {"timeline": timeline}, as_json, "\n".join([heading, *lines]))


@command(group, "acknowledge", 'alerts acknowledge 7 --note "The shop moves to a new server"')
@click.argument("alert_id", metavar="ID", type=ALERT_ID)
@click.option("--note", required=True, help="What you found.")
def acknowledge(alert_id: int, note: str, as_json: bool) -> None:
    """Record that a person has seen an alert."""
    alert = actions.acknowledge(alert_id, note, COMMAND_LINE)
    show(as_dict(alert), as_json, f"Alert {alert_id} is acknowledged.")


@command(group, "snooze", "alerts snooze 7 --for 4h")
@click.argument("alert_id", metavar="ID", type=ALERT_ID)
@click.option("--for", "span", required=True, help="How long, such as 4h; 0 ends the snooze.")
def snooze(alert_id: int, span: str, as_json: bool) -> None:
    """Send nothing about an alert for some time."""
    wait = _wait(span)
    if not wait:
        alert = actions.end_snooze(alert_id, COMMAND_LINE)
        show(as_dict(alert), as_json, f"Alert {alert_id} is no longer snoozed.")
        return
    alert = actions.snooze(alert_id, database.now(db.session) + wait, COMMAND_LINE)
    text = f"Alert {alert_id} is snoozed until {iso(alert.snoozed_until)}."
    show(as_dict(alert), as_json, text)


@command(group, "assign", "alerts assign 7 ann@example.com")
@click.argument("alert_id", metavar="ID", type=ALERT_ID)
@click.argument("email", required=False)
def assign(alert_id: int, email: str | None, as_json: bool) -> None:
    """Make a user responsible for an alert; without EMAIL, no one."""
    alert = actions.assign(alert_id, email, COMMAND_LINE)
    show(as_dict(alert), as_json, f"Alert {alert_id} is assigned to {alert.owner or 'no one'}.")


@command(group, "note", 'alerts note 7 "Waiting for HubSpot"')
@click.argument("alert_id", metavar="ID", type=ALERT_ID)
@click.argument("text")
def note(alert_id: int, text: str, as_json: bool) -> None:
    """Add a note to the timeline of an alert."""
    alert = actions.add_note(alert_id, text, COMMAND_LINE)
    show(as_dict(alert), as_json, f"The note was added to alert {alert_id}.")


@command(group, "rules", "alerts rules")
def rules_(as_json: bool) -> None:
    """List the rules with their thresholds, and what they see now."""
    items = [rule_as_dict(one) for one in rule_status.statuses(most=rule_status.MOST_OF_ONE_RULE)]
    show_list(items, len(items), as_json, "rule", "severity", "threshold", "unit", "muted", "label")


@command(
    group,
    "set-rule",
    "alerts set-rule failure_rate --threshold 5",
    "alerts set-rule silent_site --mute --for 8h",
)
@click.argument("rule")
@click.option("--threshold", help="A number in the unit of the rule, or default.")
@click.option(
    "--mute",
    is_flag=False,
    flag_value=FOREVER,
    metavar="[SPAN]",
    help="Send nothing about its alerts for this time, such as 4h; without SPAN, until --unmute.",
)
@click.option("--for", "span", help="With --mute: the same as --mute SPAN.")
@click.option("--unmute", is_flag=True, help="Send messages about its alerts again.")
def set_rule(
    rule: str,
    threshold: str | None,
    mute: str | None,
    span: str | None,
    unmute: bool,
    as_json: bool,
) -> None:
    """Change the threshold of a rule, or mute it."""
    if (threshold is not None) + (mute is not None) + unmute != 1:
        raise click.UsageError("Give exactly one of --threshold, --mute and --unmute.")
    if span is not None and mute != FOREVER:
        raise click.UsageError("--for needs --mute without a time of its own.")
    if threshold is not None:
        rules.set_threshold(rule, _number(threshold), COMMAND_LINE)
    elif mute is not None:
        rules.mute(rule, _until(span if mute == FOREVER else mute), COMMAND_LINE)
    else:
        rules.unmute(rule, COMMAND_LINE)
    [status] = rule_status.statuses(rule, rule_status.MOST_OF_ONE_RULE)
    show(rule_as_dict(status), as_json, _setting_words(status))


def _number(text: str) -> float | None:
    if text == "default":
        return None
    try:
        return float(text)
    except ValueError:
        raise click.UsageError("--threshold needs a number, or default.") from None


def _wait(span: str) -> timedelta:
    """The time of ``--for``; its errors name the option."""
    try:
        return keys.parse_window(span)
    except Invalid as exc:
        raise Refusal(f"--for: {' '.join(exc.reasons['window'])}") from None


def _until(span: str | None) -> datetime | None:
    if span is None:
        return None
    wait = _wait(span)
    if not wait:
        raise Refusal("A mute needs a time above zero. The rule was not changed.")
    return database.now(db.session) + wait


def _setting_words(status: RuleStatus) -> str:
    setting, rule = status.setting, status.setting.rule
    words = [f"{rule.label}:"]
    if setting.threshold is not None:
        words.append(f"threshold {value_words(setting.threshold, rule.unit)},")
    until = f" until {iso(setting.muted_until)}" if setting.muted_until else ""
    words.append(f"muted{until}." if setting.is_muted else "not muted.")
    return " ".join(words)
