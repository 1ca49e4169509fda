"""``flask destinations …``"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from relay.cli.output import command, from_stdin, paged, refuse, show, show_list, show_removal
from relay.models import Destination, Subscription
from relay.rules.states import AccessState
from relay.services.audit import COMMAND_LINE
from relay.services.destinations import settings as destination_settings
from relay.services.destinations import throttling
from relay.services.subscriptions import settings as subscription_settings


@click.group("destinations")
def group() -> None:
    """Create, test and control destinations."""


def as_dict(destination: Destination) -> dict[str, Any]:
    return {
        "id": destination.id,
        "name": destination.name,
        "kind": destination.kind,
        "state": destination.state,
        "config": destination.config,
        "secrets": destination_settings.shown_secrets(destination),
        "source": next(
            (source.slug for sub in destination.subscriptions for source in sub.sources), None
        ),
        "events": sorted({t for s in destination.subscriptions for t in s.event_types}),
        "subscriptions": [subscription_of(sub) for sub in destination.subscriptions],
        "paused_reason": destination.paused_reason,
        "rate": f"{destination.rate_count}/{destination.rate_unit}"
        if destination.rate_count
        else None,
        "concurrency": destination.concurrency,
        "retry_after_s": list(throttling.waits_of(destination)),
        "on_status": destination.on_status or {},
        "circuit": destination.circuit,
    }


def subscription_of(subscription: Subscription) -> dict[str, Any]:
    return {
        "id": subscription.id,
        "state": subscription.state,
        "events": subscription.event_types,
        "sources": [source.slug for source in subscription.sources],
        "conditions": subscription.conditions,
        "mapping_version": subscription.version,
        "sentence": subscription_settings.sentence_of(subscription),
    }


def parse_pairs(texts: tuple[str, ...], option: str) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{option} takes FIELD=VALUE, not {text!r}.")
        pairs[name] = value
    return pairs


@command(
    group,
    "create",
    "destinations create webhook ERP --set url=https://erp.example.com/in",
    'destinations create slack Sales --secret webhook_url=- --events "order.*"',
)
@click.argument("kind")
@click.argument("name")
@click.option("--set", "values", multiple=True, metavar="FIELD=VALUE", help="Set a setting.")
@click.option(
    "--secret",
    "secret_values",
    multiple=True,
    metavar="FIELD=-|REFERENCE",
    help="Set a secret: - reads it from standard input; env:NAME, file:/PATH and "
    "vault:MOUNT/PATH#FIELD refer to it.",
)
@click.option(
    "--events", default="*", help="Event types, such as order.*, separated by commas; default: all."
)
@click.option("--source", default="all", help="Slugs of sites, separated by commas; default: all.")
def create(
    kind: str,
    name: str,
    values: tuple[str, ...],
    secret_values: tuple[str, ...],
    events: str,
    source: str,
    as_json: bool,
) -> None:
    """Create a destination.

    `flask kinds` lists the KINDs, and `flask kinds KIND` the settings of one.  For a webhook that signs
    and has no secret, Relay makes one and prints it once.
    """
    given = parse_pairs(values, "--set") | secrets_of(secret_values)
    made = destination_settings.kind_of(kind).new_secrets(given)
    created = destination_settings.create_destination(
        kind,
        name,
        given | made,
        COMMAND_LINE,
        ["*"] if events == "all" else events.split(","),
        [] if source == "all" else source.split(","),
    )
    corrections = destination_settings.kind_of(kind).corrections(given, created.config)
    lines = [" ".join([f"Created {created.name} (id {created.id}).", *corrections])]
    lines += [f"{field}: {secret}" for field, secret in made.items()]
    lines += ["Copy the secret now. It is not shown again."] if made else []
    shown = as_dict(created) | ({"new_secrets": made} if made else {})
    show(shown, as_json, "\n".join(lines))


def secrets_of(hidden: tuple[str, ...]) -> dict[str, str]:
    """``--secret`` options by field; the value of one that is ``-`` comes from standard input."""
    secrets = parse_pairs(hidden, "--secret")
    if sum(value == "-" for value in secrets.values()) > 1:
        raise click.UsageError("Only one secret can be read from standard input.")
    return {
        field: from_stdin(f"The secret {field}") if value == "-" else value
        for field, value in secrets.items()
    }


@command(group, "show", "destinations show Sales")
@click.argument("destination")
def show_(destination: str, as_json: bool) -> None:
    """Show one destination with its settings; secrets are masked."""
    found = as_dict(destination_settings.find_destination(destination))
    lines = [f"{found['name']} ({found['kind']}, {found['state']})"]
    lines += [f"{name}: {value}" for name, value in found["config"].items()]
    lines += [f"{name}: {value}" for name, value in found["secrets"].items()]
    lines += [one["sentence"] for one in found["subscriptions"]]
    show(found, as_json, "\n".join(lines))


@command(group, "update", "destinations update ERP --set url=https://erp.example.com/in/2")
@click.argument("destination")
@click.option("--name", help="A new name.")
@click.option("--set", "values", multiple=True, metavar="FIELD=VALUE")
@click.option("--secret", "hidden", multiple=True, metavar="FIELD=-|REFERENCE")
def update(
    destination: str,
    name: str | None,
    values: tuple[str, ...],
    hidden: tuple[str, ...],
    as_json: bool,
) -> None:
    """Change settings; what is not named stays as it is."""
    found = destination_settings.find_destination(destination)
    changed = destination_settings.update_destination(
        found.id,
        found.name if name is None else name,
        found.config | parse_pairs(values, "--set") | secrets_of(hidden),
        COMMAND_LINE,
    )
    show(as_dict(changed), as_json, f"{changed.name} is changed.")


@command(group, "remove", "destinations remove Sales --yes")
@click.argument("destination")
@click.option("--yes", is_flag=True, help="Remove it; without this, only show what would happen.")
def remove(destination: str, yes: bool, as_json: bool) -> None:
    """Remove a destination; what waits for it is discarded, its history stays."""
    name = destination_settings.find_destination(destination).name
    from relay.services.destinations import removal  # here: no other command needs it

    found = removal.remove(destination, COMMAND_LINE) if yes else removal.preview(destination)
    counts = {
        "id": found.destination.id,
        "name": name,
        "removed": yes,
        "waiting": found.pending,
        "in_flight": found.in_flight,
        "failed": found.failed,
        "subscriptions": found.subscriptions,
        "asked_by": list(found.asked_by),
        "kept": found.kept,
    }
    rows = {
        "pending deliveries, discarded": found.pending,
        "failed deliveries, discarded": found.failed,
        "deliveries in progress; calls that have started finish": found.in_flight,
        "subscriptions, removed": found.subscriptions,
        "deliveries in all, which stay on record": found.kept,
    }
    show_removal(name, rows, counts, yes, as_json)


@command(group, "list", "destinations list")
@paged
def list_(limit: int, after: int | None, as_json: bool) -> None:
    """List destinations."""
    page = destination_settings.list_destinations(limit, after)
    items = [as_dict(destination) for destination in page.items]
    columns = ("id", "name", "kind", "state", "events", "source")
    show_list(items, page.total, as_json, *columns, next_after=page.next_after)


@command(group, "check", "destinations check Sales")
@click.argument("destination")
def check(destination: str, as_json: bool) -> None:
    """Check the credentials with a call that changes nothing.  Exits with 1 if they are rejected."""
    found = destination_settings.check_access(destination, COMMAND_LINE)
    report = {"state": found.access_state, "detail": found.access_text}
    is_ok = found.access_state == AccessState.OK
    if as_json or is_ok:
        show(report, as_json, found.access_text)
    if not is_ok:
        refuse(found.access_text)


@command(group, "test", "destinations test Sales --type order.created")
@click.argument("destination")
@click.option(
    "--type",
    "event_type",
    default="comment.created",
    show_default=True,
    help="The event type of the sample.",
)
def test(destination: str, event_type: str, as_json: bool) -> None:
    """Send a sample event now and show the response."""
    result = destination_settings.send_test(destination, COMMAND_LINE, event_type)
    report = {
        "ok": result.ok,
        "detail": result.sentence,
        "status": result.reply.status,
        "ms": round(result.reply.elapsed_ms, 1),
        "request": result.request,
    }
    if as_json or result.ok:
        show(report, as_json, result.sentence)
    if not result.ok:
        refuse(result.sentence)


@command(group, "pause", 'destinations pause Sales --reason "moving to another channel"')
@click.argument("destination")
@click.option("--reason", default="", help="The reason, shown on the destination's page.")
def pause(destination: str, reason: str, as_json: bool) -> None:
    """Stop sending.  Deliveries stay pending."""
    found = destination_settings.pause(destination, COMMAND_LINE, reason)
    show(as_dict(found), as_json, f"{found.name} is paused. Its deliveries stay pending.")


@command(group, "resume", "destinations resume Sales")
@click.argument("destination")
def resume(destination: str, as_json: bool) -> None:
    """Send again, starting with the pending deliveries."""
    found = destination_settings.resume(destination, COMMAND_LINE)
    show(as_dict(found), as_json, f"{found.name} is active again.")


@command(
    group,
    "pace",
    "destinations pace ERP --rate 10/second --concurrency 4",
    "destinations pace ERP --retry patient --on-status 404=fail",
)
@click.argument("destination")
@click.option("--rate", help="Rate limit: 10/second, 60/minute, 1000/hour or none.")
@click.option("--concurrency", type=int, help="Maximum calls at the same time, 1 to 64.")
@click.option(
    "--retry", help="Retry schedule: patient, long, quick, or waits such as '5 s, 5 min, 2 h'."
)
@click.option(
    "--on-status",
    "on_status",
    multiple=True,
    metavar="STATUS=ACTION",
    help="After a status such as 404 or 5xx: retry, first_hour, fail, pause or default.",
)
def pace(
    destination: str,
    rate: str | None,
    concurrency: int | None,
    retry: str | None,
    on_status: tuple[str, ...],
    as_json: bool,
) -> None:
    """Set the rate limit, the concurrency, the retry schedule and what to do after an HTTP status.

    Settings without an option do not change.
    """
    settings = throttling.throttling_of(destination_settings.find_destination(destination))
    if rate is not None:
        count, unit = throttling.parse_rate(rate)
        settings = replace(settings, rate_count=count, rate_unit=unit)
    if concurrency is not None:
        settings = replace(settings, concurrency=concurrency)
    if retry is not None:
        settings = replace(settings, waits=throttling.parse_schedule(retry))
    if on_status:
        chosen = throttling.parse_on_status(on_status, settings.on_status)
        settings = replace(settings, on_status=chosen)
    found = throttling.set_throttling(destination, settings, COMMAND_LINE)
    show(as_dict(found), as_json, f"The new limits of {found.name} apply now.")
