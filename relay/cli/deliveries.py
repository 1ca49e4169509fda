"""``flask deliveries …``"""

from __future__ import annotations

import click

from relay.cli.events import delivery_of, state_in_words
from relay.cli.output import ID, command, iso, paged, show, show_list
from relay.rules.lifecycle import State
from relay.services import deliveries


@click.group("deliveries")
def group() -> None:
    """Show deliveries and their attempts."""


@command(group, "list", "deliveries list --state dead --destination Slack")
@click.option("--state", type=click.Choice([s.value for s in State]), help="Only this state.")
@click.option("--destination", default="", help="Only those to this destination (name or id).")
@paged
def list_(
    state: str | None, destination: str, limit: int, after: int | None, as_json: bool
) -> None:
    """List deliveries, newest first."""
    page = deliveries.list_deliveries(state or "", destination, limit, after)
    items = [delivery_of(d) | {"event_id": d.event.event_id, "key": d.key} for d in page.items]
    if not as_json:
        for item, delivery in zip(items, page.items, strict=True):
            item["state"] = state_in_words(delivery)
    columns = ("id", "event_id", "destination", "state", "attempts", "last_status", "due_at")
    show_list(items, page.total, as_json, *columns, next_after=page.next_after)


@command(group, "show", "deliveries show 1042")
@click.argument("delivery_id", type=ID)
def show_(delivery_id: int, as_json: bool) -> None:
    """Show a delivery and its attempts."""
    delivery = deliveries.find_delivery(delivery_id)
    history = [
        {
            "request_id": attempt.key,
            "number": attempt.number,
            "outcome": attempt.outcome,
            "status": attempt.status,
            "code": attempt.code,
            "detail": attempt.sentence,
            "notes": [note["sentence"] for note in attempt.notes or ()],
            "at": iso(attempt.started_at),
            "ms": attempt.elapsed_ms,
        }
        for attempt in delivery.history
    ]
    found = delivery_of(delivery) | {
        "event_id": delivery.event.event_id,
        "key": delivery.key,
        "history": history,
    }
    lines = [f"Delivery {delivery.id} to {delivery.destination.name}: {state_in_words(delivery)}"]
    for attempt in delivery.history:
        told = [attempt.sentence, *(note["sentence"] for note in attempt.notes or ())]
        line = f"{attempt.number}. {attempt.outcome} {attempt.status or ''} {' '.join(told)}"
        lines.append(line.rstrip())
    show(found, as_json, "\n".join(lines))
