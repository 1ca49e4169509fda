"""``flask subscriptions …``"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from relay.cli.destinations import subscription_of
from relay.cli.output import ID, command, page_in_memory, paged, show, show_list, show_removal
from relay.mapping.conditions import ConditionGroup, group_of
from relay.models import Subscription
from relay.rules.states import SubscriptionState
from relay.services.audit import COMMAND_LINE
from relay.services.destinations import settings as destination_settings
from relay.services.subscriptions import settings as subscription_settings
from relay.services.subscriptions.settings import SubscriptionSettings


@click.group("subscriptions")
def group() -> None:
    """Choose which events a destination gets."""


def as_dict(subscription: Subscription) -> dict[str, Any]:
    return subscription_of(subscription) | {"destination": subscription.destination.name}


def find(destination: str, subscription_id: int) -> Subscription:
    found = destination_settings.find_destination(destination)
    return subscription_settings.find(found.id, subscription_id)


def conditions_from(text: str) -> ConditionGroup:
    """The conditions in the form of ``list --json``; empty text means none."""
    try:
        group = group_of(json.loads(text) if text else {})
        for one in group.conditions():
            if not all(isinstance(part, str) for part in (*one.path, one.op, one.value)):
                raise ValueError("a part is not a text")
        return group
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise click.UsageError(
            "--conditions takes JSON as `flask subscriptions list DESTINATION --json` prints it."
        ) from exc


def settings_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option(
            "--conditions",
            metavar="JSON",
            help='As `subscriptions list --json` prints them; "" removes them.',
        ),
        click.option("--source", help="Slugs of sites, separated by commas, or all."),
        click.option("--events", help="Event types, such as order.*, separated by commas, or all."),
    ):
        function = option(function)
    return function


def changed(
    before: SubscriptionSettings, events: str | None, source: str | None, conditions: str | None
) -> SubscriptionSettings:
    """The settings with those that were given."""
    return SubscriptionSettings(
        before.event_types if events is None else ["*"] if events == "all" else events.split(","),
        before.sources if source is None else [] if source == "all" else source.split(","),
        before.conditions if conditions is None else conditions_from(conditions),
    )


@command(group, "list", "subscriptions list Slack")
@click.argument("destination")
@paged
def list_(destination: str, limit: int, after: int | None, as_json: bool) -> None:
    """List the subscriptions of a destination."""
    found = destination_settings.find_destination(destination)
    existing = [one for one in found.subscriptions if one.state != SubscriptionState.CLOSED]
    page, more = page_in_memory(existing, lambda one: one.id, limit, after)
    items = [as_dict(one) for one in page]
    columns = ("id", "state", "events", "sources", "sentence")
    show_list(items, len(existing), as_json, *columns, next_after=more)


@command(
    group,
    "create",
    "subscriptions create Slack --events order.created,order.status_changed",
    'subscriptions create Slack --events "lead.*" --source shop,blog',
)
@click.argument("destination")
@settings_options
def create(
    destination: str, events: str | None, source: str | None, conditions: str | None, as_json: bool
) -> None:
    """Send more events to a destination."""
    if events is None:
        raise click.UsageError("Give --events: event types such as order.*, or all.")
    found = destination_settings.find_destination(destination)
    wanted = changed(SubscriptionSettings(), events, source, conditions)
    made = as_dict(subscription_settings.create(found, wanted, COMMAND_LINE))
    show(made, as_json, f"Created subscription {made['id']}. {made['sentence']}")


@command(group, "update", 'subscriptions update Slack 3 --events "order.*" --source all')
@click.argument("destination")
@click.argument("subscription_id", type=ID)
@settings_options
def update(
    destination: str,
    subscription_id: int,
    events: str | None,
    source: str | None,
    conditions: str | None,
    as_json: bool,
) -> None:
    """Change a subscription; what is not named stays as it is."""
    found = find(destination, subscription_id)
    before = SubscriptionSettings(
        found.event_types, [one.slug for one in found.sources], group_of(found.conditions)
    )
    wanted = changed(before, events, source, conditions)
    made = as_dict(subscription_settings.change(found, wanted, COMMAND_LINE))
    show(made, as_json, f"Subscription {made['id']} is changed. {made['sentence']}")


@command(group, "pause", "subscriptions pause Slack 3")
@click.argument("destination")
@click.argument("subscription_id", type=ID)
def pause(destination: str, subscription_id: int, as_json: bool) -> None:
    """Pause a subscription.  Its deliveries wait."""
    found = find(destination, subscription_id)
    subscription_settings.pause(found, COMMAND_LINE)
    show(as_dict(found), as_json, f"Subscription {found.id} is paused. Its deliveries wait.")


@command(group, "resume", "subscriptions resume Slack 3")
@click.argument("destination")
@click.argument("subscription_id", type=ID)
def resume(destination: str, subscription_id: int, as_json: bool) -> None:
    """Resume a paused subscription and send what waited."""
    found = find(destination, subscription_id)
    subscription_settings.resume(found, COMMAND_LINE)
    show(as_dict(found), as_json, f"Subscription {found.id} is active again.")


@command(group, "remove", "subscriptions remove Slack 3 --dry-run", "subscriptions remove Slack 3")
@click.argument("destination")
@click.argument("subscription_id", type=ID)
@click.option("--dry-run", is_flag=True, help="Change nothing, only show what would happen.")
@click.option("--yes", is_flag=True, hidden=True)  # as for sites and destinations
def remove(destination: str, subscription_id: int, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Remove a subscription; what it has not delivered is discarded."""
    found = find(destination, subscription_id)
    unsent = subscription_settings.unsent(found.destination_id)[found.id]
    name = f"subscription {found.id} of {found.destination.name}"
    counts = as_dict(found) | {
        "removed": not dry_run,
        "waiting": unsent.pending,
        "failed": unsent.failed,
    }
    if not dry_run:
        counts["discarded"] = subscription_settings.remove(found, COMMAND_LINE)
    rows = {
        "pending deliveries, discarded": unsent.pending,
        "failed deliveries, discarded": unsent.failed,
    }
    show_removal(name[0].upper() + name[1:], rows, counts, not dry_run, as_json, needs_yes=False)
