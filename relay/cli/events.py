"""``flask events …``"""

from __future__ import annotations

import json
from typing import Any

import click

from relay.cli.output import command, iso, paged, refuse, show, show_list
from relay.event_types import INTERNAL_TYPES
from relay.models import Delivery, Event
from relay.services import event_list, events
from relay.services.audit import COMMAND_LINE


@click.group("events")
def group() -> None:
    """Show events and send test events."""


def delivery_of(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "destination": delivery.destination.name,
        "state": delivery.state,
        "not_needed": delivery.shown_state == "superseded",
        "superseded_by": delivery.superseded_by,
        "attempts": delivery.attempts,
        "last_status": delivery.last_status,
        "last_error": delivery.last_error,
        "due_at": iso(delivery.due_at),
    }


def state_in_words(delivery: Delivery) -> str:
    """The state, and whether a newer change made the delivery unnecessary."""
    return f"{delivery.state}{' (not needed)' if delivery.shown_state == 'superseded' else ''}"


def as_dict(event: Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "event_id": event.event_id,
        "type": event.event_type,
        "source": event.source.slug,
        "state": events.state_of(event),
        "received_at": iso(event.received_at),
        "deliveries": [delivery_of(delivery) for delivery in event.deliveries],
    }


@command(
    group, "list", "events list --status dead --source shop", "events list --text jane@example.com"
)
@click.option("--status", "state", type=click.Choice(list(events.STATES)), help="Only this status.")
@click.option(
    "--type", "event_type", default="", help="Only this event type; order.* for all of orders."
)
@click.option("--source", default="", help="Only events of this site (slug).")
@click.option("--text", default="", help="Only events with this text in an id or a value.")
@paged
def list_(
    state: str | None,
    event_type: str,
    source: str,
    text: str,
    limit: int,
    after: int | None,
    as_json: bool,
) -> None:
    """List events, newest first."""
    if event_type and event_type not in INTERNAL_TYPES:  # of those none is listed
        from relay.services.subscriptions.settings import check_patterns

        check_patterns([event_type])
    event_filter = events.EventFilter(event_type, source, state or "", text, anywhere=True)
    page = event_list.list_events(event_filter, limit, after)
    items = [as_dict(event) for event in page.items]
    columns = ("id", "event_id", "type", "source", "state", "received_at")
    show_list(items, page.total, as_json, *columns, next_after=page.next_after)


@command(group, "show", "events show evt-2d0996410633a2ac")
@click.argument("event_id")
def show_(event_id: str, as_json: bool) -> None:
    """Show an event and its deliveries."""
    event = events.find_event(event_id)
    found = as_dict(event) | {"site": event.site, "payload": json.loads(event.payload)}
    lines = [f"{event.event_id}  {event.event_type}  {found['state']}", f"From {event.site}"]
    for delivery in event.deliveries:
        s = "" if delivery.attempts == 1 else "s"
        state = f"{state_in_words(delivery)}, {delivery.attempts} attempt{s}"
        lines.append(f"→ {delivery.destination.name}: {state}")
        lines += [f"  {delivery.last_error}"] if delivery.last_error else []
    show(found, as_json, "\n".join(lines))


@command(group, "send-test", "events send-test shop --type order.created")
@click.argument("source")
@click.option(
    "--type",
    "event_type",
    default="relay.test",
    show_default=True,
    help="The event type of the sample.",
)
@click.option("--base-url", default="", help="The URL of the web process; default: from settings.")
def send_test(source: str, event_type: str, base_url: str, as_json: bool) -> None:
    """Send a signed sample event to Relay over HTTP, as the site does."""
    sent = events.send_test_event(source, COMMAND_LINE, event_type, base_url.rstrip("/"))
    report = {"event_id": sent.event_id, "status": sent.status, "ms": round(sent.elapsed_ms, 1)}
    text = f"{sent.event_id}: {sent.status} in {sent.elapsed_ms:.0f} ms"
    if sent.status >= 400:
        refuse(f"The endpoint responded {sent.status}: {sent.answer.get('error', '')}")
    show(report | {"answer": sent.answer}, as_json, text)
