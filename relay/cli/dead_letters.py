"""``flask dead-letters …``"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from relay.cli.output import command, iso, paged, show, show_list
from relay.errors import Refusal
from relay.models import Delivery
from relay.services import dead_letters, destinations
from relay.services.audit import COMMAND_LINE, By


@click.group("dead-letters")
def group() -> None:
    """Deliveries that wait for a person."""


@command(group, "list")
@click.option("--destination", default="")
@paged
def list_(destination: str, limit: int, after: int | None, as_json: bool) -> None:
    """Show open dead letters, newest first."""
    page = dead_letters.list_open(destination, limit, after)
    items = [
        {
            "id": letter.id,
            "delivery": letter.delivery_id,
            "event_id": letter.delivery.event.event_id,
            "destination": letter.destination.name,
            "state": letter.state,
            "code": letter.code,
            "detail": letter.sentence,
            "attempts": letter.delivery.attempts,
            "created_at": iso(letter.created_at),
        }
        for letter in page.items
    ]
    columns = ("id", "event_id", "destination", "code", "detail")
    show_list(items, page.total, as_json, *columns, next_after=page.next_after)


def selected(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--id``, ``--destination`` or ``--all``, and ``--dry-run``."""
    for option in (
        click.option("--dry-run", is_flag=True, help="Only say how many."),
        click.option("--all", "every", is_flag=True),
        click.option("--destination", default=""),
        click.option("--id", "one", type=click.IntRange(1, 2**63 - 1)),
    ):
        function = option(function)
    return function


def each(
    act: Callable[[int, By], Delivery],
    one: int | None,
    destination: str,
    every: bool,
    dry_run: bool,
    as_json: bool,
    word: str,
) -> None:
    """Do ``act`` to all that are selected; what somebody else took care of meanwhile is skipped."""
    if (one is not None) + bool(destination) + every != 1:
        raise click.UsageError("Say one of --id, --destination or --all.")
    ids = dead_letters.Selection(one, destination).ids()
    if destination and not ids:
        destinations.find_destination(destination)  # a mistyped name is not an empty selection
    done = skipped = 0
    for number in [] if dry_run else ids:
        try:
            act(number, COMMAND_LINE)
            done += 1
        except Refusal:
            if one is not None:
                raise
            skipped += 1
    told = {"selected": len(ids), word: done, "skipped": skipped, "dry_run": dry_run}
    text = f"{len(ids)} would be {word}." if dry_run else f"{done} {word}, {skipped} skipped."
    show(told, as_json, text)


@command(group, "replay")
@selected
def replay(one: int | None, destination: str, every: bool, dry_run: bool, as_json: bool) -> None:
    """Send dead deliveries again, with the same keys."""
    each(dead_letters.replay, one, destination, every, dry_run, as_json, "replayed")


@command(group, "discard")
@selected
@click.option("--reason", default="", help="Kept in the audit trail.")
def discard(
    one: int | None, destination: str, every: bool, dry_run: bool, reason: str, as_json: bool
) -> None:
    """Decide that they need not arrive."""
    discard_one = functools.partial(dead_letters.discard, reason=reason)
    each(discard_one, one, destination, every, dry_run, as_json, "discarded")
