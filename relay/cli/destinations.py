"""``flask destinations …``"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from relay.cli.output import command, from_stdin, paged, refuse, show, show_list
from relay.models import Destination, Subscription
from relay.services.audit import COMMAND_LINE
from relay.services.destinations import settings as destination_settings
from relay.services.destinations import throttling
from relay.services.subscriptions import settings as subscription_settings


@click.group("destinations")
def group() -> None:
    """Where events go."""


def as_dict(destination: Destination) -> dict[str, Any]:
    return {
        "id": destination.id,
        "name": destination.name,
        "kind": destination.kind,
        "state": destination.state,
        "config": destination.config,
        "secrets": destination_settings.shown_secrets(destination),
        "source": next((o.slug for s in destination.subscriptions for o in s.sources), None),
        "events": sorted({t for s in destination.subscriptions for t in s.event_types}),
        "subscriptions": [subscription_of(one) for one in destination.subscriptions],
        "paused_reason": destination.paused_reason,
        "rate": f"{destination.rate_count}/{destination.rate_unit}"
        if destination.rate_count
        else None,
        "concurrency": destination.concurrency,
        "retry_after_s": list(throttling.waits_of(destination)),
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


def pairs(given: tuple[str, ...], option: str) -> dict[str, str]:
    found = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{option} wants field=value, not {one!r}.")
        found[name] = value
    return found


@command(group, "create")
@click.argument("kind")
@click.argument("name")
@click.option("--set", "values", multiple=True, metavar="FIELD=VALUE")
@click.option("--secret", "hidden", multiple=True, metavar="FIELD=-|env:NAME|file:/PATH")
@click.option(
    "--events", default="*", help="Types and patterns, separated by commas; all by default."
)
@click.option(
    "--source", default="all", help="Slugs of sources, separated by commas; all by default."
)
def create(
    kind: str,
    name: str,
    values: tuple[str, ...],
    hidden: tuple[str, ...],
    events: str,
    source: str,
    as_json: bool,
) -> None:
    """Make a destination."""
    secrets = pairs(hidden, "--secret")
    if sum(value == "-" for value in secrets.values()) > 1:
        raise click.UsageError("Only one secret can come from standard input.")
    secrets = {
        field: from_stdin(f"The secret {field}") if value == "-" else value
        for field, value in secrets.items()
    }
    made = destination_settings.create_destination(
        kind,
        name,
        pairs(values, "--set") | secrets,
        COMMAND_LINE,
        ["*"] if events == "all" else events.split(","),
        [] if source == "all" else source.split(","),
    )
    show(as_dict(made), as_json, f"{made.name} is destination {made.id}.")


@command(group, "list")
@paged
def list_(limit: int, after: int | None, as_json: bool) -> None:
    """Show all destinations."""
    page = destination_settings.list_destinations(limit, after)
    items = [as_dict(one) for one in page.items]
    columns = ("id", "name", "kind", "state", "events", "source")
    show_list(items, page.total, as_json, *columns, next_after=page.next_after)


@command(group, "test")
@click.argument("destination")
@click.option("--type", "event_type", default="comment.created", show_default=True)
def test(destination: str, event_type: str, as_json: bool) -> None:
    """Send one sample now and show the answer."""
    result = destination_settings.send_test(destination, COMMAND_LINE, event_type)
    told = {
        "ok": result.ok,
        "detail": result.sentence,
        "status": result.reply.status,
        "ms": round(result.reply.elapsed_ms, 1),
        "request": result.request,
    }
    if as_json or result.ok:
        show(told, as_json, result.sentence)
    if not result.ok:
        refuse(result.sentence)


@command(group, "pause")
@click.argument("destination")
@click.option("--reason", default="")
def pause(destination: str, reason: str, as_json: bool) -> None:
    """Let deliveries wait."""
    found = destination_settings.pause(destination, COMMAND_LINE, reason)
    show(as_dict(found), as_json, f"{found.name} is paused; its deliveries wait.")


@command(group, "resume")
@click.argument("destination")
def resume(destination: str, as_json: bool) -> None:
    """Send what waited."""
    found = destination_settings.resume(destination, COMMAND_LINE)
    show(as_dict(found), as_json, f"{found.name} goes on.")


@command(group, "pace")
@click.argument("destination")
@click.option("--rate", help="10/second, 60/minute, 1000/hour or none.")
@click.option("--concurrency", type=int, help="Calls at the same time, 1 to 64.")
@click.option("--retry", help="patient, long, quick, or waits such as '5 s, 5 min, 2 h'.")
def pace(
    destination: str, rate: str | None, concurrency: int | None, retry: str | None, as_json: bool
) -> None:
    """Say how fast and how patiently it is served; what is not named stays."""
    wanted = throttling.throttling_of(destination_settings.find_destination(destination))
    if rate is not None:
        count, unit = throttling.parse_rate(rate)
        wanted = replace(wanted, rate_count=count, rate_unit=unit)
    if concurrency is not None:
        wanted = replace(wanted, concurrency=concurrency)
    if retry is not None:
        wanted = replace(wanted, waits=throttling.parse_schedule(retry))
    found = throttling.set_throttling(destination, wanted, COMMAND_LINE)
    show(as_dict(found), as_json, f"{found.name} is served so from now on.")
