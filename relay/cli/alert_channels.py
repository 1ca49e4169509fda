"""``flask alerts channels …``"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from relay.cli.alerts import group
from relay.cli.destinations import parse_pairs, secrets_of
from relay.cli.output import command, iso, refuse, show, show_list, show_removal
from relay.errors import Invalid
from relay.models import AlertChannel
from relay.rules.states import Severity
from relay.services.alerts import channels as service
from relay.services.alerts.channels import ChannelChoice
from relay.services.audit import COMMAND_LINE

SEVERITIES = click.Choice([one.value for one in Severity])
QUIET = "Only critical alerts at these times, such as 22:00-07:00, or none."
ZONE = "The time zone of the quiet hours and of the times in messages, such as Europe/Vienna."
RULE = "Only alerts of this rule; repeat it for several. all: every rule."


@group.group("channels")
def channels() -> None:
    """Create, test and control the channels that alerts are sent to."""


def as_dict(channel: AlertChannel) -> dict[str, Any]:
    quiet = f"{channel.quiet_from}-{channel.quiet_until}" if channel.quiet_from else None
    return {
        "id": channel.id,
        "name": channel.name,
        "kind": channel.kind,
        "enabled": channel.enabled,
        "position": channel.position + 1,
        "severity": channel.severity,
        "rules": channel.rules,
        "quiet": quiet,
        "timezone": channel.timezone,
        "config": channel.config,
        "secrets": service.shown_secrets(channel),
        "last_sent_at": iso(channel.last_sent_at),
        "failed_at": iso(channel.failed_at),
        "last_error": channel.last_error,
    }


def chosen(
    before: ChannelChoice,
    severity: str | None,
    rules: tuple[str, ...],
    quiet: str | None,
    timezone: str | None,
) -> ChannelChoice:
    """``before`` with what the options name.  Raises Invalid."""
    if severity is not None:
        before = replace(before, severity=severity)
    if rules:
        before = replace(before, rules=() if "all" in rules else rules)
    if quiet is not None:
        start, dash, end = quiet.partition("-")
        if quiet == "none":
            start = end = ""
        elif not dash:
            raise Invalid({"quiet": ["Write quiet hours as 22:00-07:00, or none."]})
        before = replace(before, quiet_from=start.strip(), quiet_until=end.strip())
    return before if timezone is None else replace(before, timezone=timezone)


@command(
    channels,
    "create",
    "alerts channels create slack Operations --secret webhook_url=-",
    "alerts channels create email Owner --set to=owner@example.com --set sender=relay@example.com "
    "--set host=smtp.example.com --severity critical",
)
@click.argument("kind")
@click.argument("name")
@click.option("--set", "values", multiple=True, metavar="FIELD=VALUE", help="Set a setting.")
@click.option(
    "--secret",
    "hidden",
    multiple=True,
    metavar="FIELD=-|REFERENCE",
    help="Set a secret: - reads it from standard input; env:NAME, file:/PATH and "
    "vault:MOUNT/PATH#FIELD refer to it.",
)
@click.option(
    "--severity", type=SEVERITIES, default="warning", show_default=True, help="The lowest it gets."
)
@click.option("--rule", "rules", multiple=True, metavar="RULE", help=RULE)
@click.option("--quiet", metavar="HH:MM-HH:MM", help=QUIET)
@click.option("--timezone", default="UTC", show_default=True, help=ZONE)
def create(
    kind: str,
    name: str,
    values: tuple[str, ...],
    hidden: tuple[str, ...],
    severity: str,
    rules: tuple[str, ...],
    quiet: str | None,
    timezone: str,
    as_json: bool,
) -> None:
    """Create a channel: email, slack, ntfy or webhook.

    The settings have the same names as those of destinations: `flask kinds email`.  ntfy has topic,
    server and the secret access_token.  A webhook without a secret gets one, which is printed once.
    """
    made = service.create_channel(
        kind,
        name,
        parse_pairs(values, "--set") | secrets_of(hidden),
        chosen(ChannelChoice(), severity, rules, quiet, timezone),
        COMMAND_LINE,
    )
    found = as_dict(made.channel) | ({"secret": made.secret} if made.secret else {})
    lines = [f"Created {made.channel.name} (id {made.channel.id})."]
    if made.secret:
        lines.append(f"Signing secret, shown only now: {made.secret}")
    lines.append(f"Test it: flask alerts channels test {made.channel.id}")
    show(found, as_json, "\n".join(lines))


@command(channels, "list", "alerts channels list")
def list_(as_json: bool) -> None:
    """List the channels, in the order in which they take over from each other."""
    found = [as_dict(channel) for channel in service.list_channels()]
    columns = ("position", "name", "kind", "enabled", "severity", "rules", "quiet", "last_error")
    show_list(found, len(found), as_json, *columns)


@command(channels, "show", "alerts channels show Operations")
@click.argument("channel")
def show_(channel: str, as_json: bool) -> None:
    """Show one channel with its settings; secrets are masked."""
    found = as_dict(service.find_channel(channel))
    shown = {name: value for name, value in found.items() if name not in ("config", "secrets")}
    pairs = {**shown, **found["config"], **found["secrets"]}
    lines = [f"{name}: {value}" for name, value in pairs.items() if value not in (None, "", [])]
    show(found, as_json, "\n".join(lines))


@command(
    channels,
    "update",
    "alerts channels update Operations --quiet 22:00-07:00 --timezone Europe/Berlin",
)
@click.argument("channel")
@click.option("--name", help="A new name.")
@click.option("--set", "values", multiple=True, metavar="FIELD=VALUE", help="Set a setting.")
@click.option("--secret", "hidden", multiple=True, metavar="FIELD=-|REFERENCE")
@click.option("--severity", type=SEVERITIES, help="The lowest it gets.")
@click.option("--rule", "rules", multiple=True, metavar="RULE", help=RULE)
@click.option("--quiet", metavar="HH:MM-HH:MM", help=QUIET)
@click.option("--timezone", help=ZONE)
@click.option("--position", type=click.IntRange(1), help="Its place in the order, 1 for the first.")
def update(
    channel: str,
    name: str | None,
    values: tuple[str, ...],
    hidden: tuple[str, ...],
    severity: str | None,
    rules: tuple[str, ...],
    quiet: str | None,
    timezone: str | None,
    position: int | None,
    as_json: bool,
) -> None:
    """Change a channel; what is not named stays as it is."""
    found = service.find_channel(channel)
    changed = service.update_channel(
        found.id,
        found.name if name is None else name,
        found.config | parse_pairs(values, "--set") | secrets_of(hidden),
        chosen(service.choice_of(found), severity, rules, quiet, timezone),
        COMMAND_LINE,
    )
    if position is not None:
        changed = service.move_channel(changed.id, position, COMMAND_LINE)
    show(as_dict(changed), as_json, f"{changed.name} is changed.")


@command(channels, "test", "alerts channels test Operations")
@click.argument("channel")
def test(channel: str, as_json: bool) -> None:
    """Send a test now and show the result."""
    found = service.find_channel(channel)
    name = found.name
    result = service.test_channel(found.id, COMMAND_LINE)
    sentence = result.sentence or f"The test was sent to {name} ({result.elapsed_ms:.0f} ms)."
    report = {"ok": result.ok, "detail": sentence, "ms": round(result.elapsed_ms, 1)}
    if as_json or result.ok:
        show(report, as_json, sentence)
    if not result.ok:
        refuse(sentence)


@command(
    channels,
    "remove",
    "alerts channels remove Operations --dry-run",
    "alerts channels remove Operations",
)
@click.argument("channel")
@click.option("--dry-run", is_flag=True, help="Change nothing, only show what would happen.")
@click.option("--yes", is_flag=True, hidden=True)  # as for sites and destinations
def remove(channel: str, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Remove a channel with its secrets and what waits for it."""
    found = service.find_channel(channel)
    number, name, waiting = found.id, found.name, service.waiting_messages(found)
    others = [one for one in service.list_channels() if one.enabled and one.id != number]
    if not dry_run:
        service.remove_channel(number, COMMAND_LINE)
    counts = {"id": number, "name": name, "removed": not dry_run, "waiting": waiting}
    rows = {
        "messages that wait, not sent": waiting,
        "other channels that are on, which get the alerts": len(others),
    }
    show_removal(name, rows, counts, not dry_run, as_json, needs_yes=False)


@command(channels, "enable", "alerts channels enable Operations")
@click.argument("channel")
def enable(channel: str, as_json: bool) -> None:
    """Turn a channel on."""
    found = service.set_enabled(channel, True, COMMAND_LINE)
    show(as_dict(found), as_json, f"{found.name} is turned on.")


@command(channels, "disable", "alerts channels disable Operations")
@click.argument("channel")
def disable(channel: str, as_json: bool) -> None:
    """Turn a channel off.  What waits for it is not sent."""
    found = service.set_enabled(channel, False, COMMAND_LINE)
    show(as_dict(found), as_json, f"{found.name} is turned off.")
