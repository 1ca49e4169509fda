"""``flask dead-letters …``"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import click

from relay.cli.output import command, iso, page_in_memory, paged, show, show_list
from relay.models import DeadLetter
from relay.services.audit import COMMAND_LINE
from relay.services.dead_letters import actions as dead_letter_actions
from relay.services.dead_letters import bulk, causes
from relay.services.dead_letters.causes import Cause
from relay.services.dead_letters.selection import STATES, Selection
from relay.services.destinations import settings as destination_settings
from relay.services.replays import actions as replay_actions
from relay.services.replays import preview as replay_preview


@click.group("dead-letters")
def group() -> None:
    """Deliveries that wait for a person."""


def as_dict(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "delivery": letter.delivery_id,
        "event_id": letter.delivery.event.event_id,
        "destination": letter.destination.name,
        "state": letter.state,
        "code": letter.code,
        "field": letter.field,
        "detail": letter.sentence,
        "attempts": letter.delivery.attempts,
        "owner": letter.owner,
        "note": letter.note,
        "created_at": iso(letter.created_at),
    }


def cause_as_dict(cause: Cause) -> dict[str, Any]:
    """``detail`` says what happened, ``remedy`` what to do; ``newest`` is a dead letter's id."""
    return {
        "destination": cause.destination.name,
        "code": cause.newest.code,
        "field": cause.newest.field,
        "count": cause.count,
        "open": cause.fresh,
        "detail": cause.remedy.headline,
        "remedy": cause.remedy.advice,
        "owners": list(cause.owners),
        "note": cause.note,
        "newest": cause.newest.id,
        "event_id": cause.newest.delivery.event.event_id,
        "first_at": iso(cause.first_at),
        "last_at": iso(cause.last_at),
    }


@command(group, "list")
@click.option("--destination", default="")
@click.option("--code", default="", help="As the list shows it, such as http_404.")
@click.option("--state", type=click.Choice(STATES), help="All that are not resolved by default.")
@click.option("--group", "grouped", is_flag=True, help="One line a cause.")
@paged
def list_(
    destination: str,
    code: str,
    state: str | None,
    grouped: bool,
    limit: int,
    after: int | None,
    as_json: bool,
) -> None:
    """Show dead letters, newest first, or their causes."""
    selection = Selection(destination=destination, code=code, state=state or "")
    if grouped:
        found = causes.list_causes(selection)
        shown, more = page_in_memory(found, lambda cause: cause.newest.id, limit, after)
        heads = ("destination", "code", "field", "count", "detail", "remedy")
        rows = [cause_as_dict(cause) for cause in shown]
        show_list(rows, len(found), as_json, *heads, next_after=more)
        return
    page = dead_letter_actions.list_letters(selection, limit, after)
    columns = ("id", "event_id", "destination", "code", "detail")
    items = [as_dict(letter) for letter in page.items]
    show_list(items, page.total, as_json, *columns, next_after=page.next_after)


def selected(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--id``, ``--destination`` or ``--all``, and ``--dry-run``."""
    for option in (
        click.option("--dry-run", is_flag=True, help="Only say what would be done."),
        click.option("--all", "every", is_flag=True),
        click.option("--destination", default=""),
        click.option("--id", "one", type=click.IntRange(1, 2**63 - 1)),
    ):
        function = option(function)
    return function


def chosen(one: int | None, destination: str, every: bool) -> tuple[Selection, int]:
    """The selection and how many it takes.  A mistyped name is not an empty selection."""
    if (one is not None) + bool(destination) + every != 1:
        raise click.UsageError("Say one of --id, --destination or --all.")
    selection = Selection((one,) if one is not None else (), destination).bounded()
    count = dead_letter_actions.count(selection)
    if destination and not count:
        destination_settings.find_destination(destination)
    if one is not None and not count:
        dead_letter_actions.find_open(one)
    return selection, count


@command(group, "replay")
@selected
def replay(one: int | None, destination: str, every: bool, dry_run: bool, as_json: bool) -> None:
    """Send dead deliveries again, with the same keys, as one replay."""
    selection, count = chosen(one, destination, every)
    told: dict[str, Any] = {"selected": count, "replayed": 0, "skipped": 0, "dry_run": dry_run}
    wish = replay_preview.select_dead_letters(selection)
    if dry_run:
        outlook = replay_preview.preview(wish)
        told["outlook"] = [
            {
                "destination": to.destination.name,
                "new": to.new,
                "unclear": to.unclear,
                "again": to.again,
                "skipped": to.skipped,
                "broken": to.broken,
                "seconds": to.seconds,
            }
            for to in outlook
        ]
        lines = [f"{to.destination.name}: {to.sentence}" for to in outlook]
        show(told, as_json, "\n".join([f"{count} would be replayed.", *lines]))
        return
    if count:
        started = replay_actions.start(wish, COMMAND_LINE, secrets.token_hex(16))
        told |= {"replayed": started.total, "replay": started.id}
        told["skipped"] = count - started.total
    show(told, as_json, f"{told['replayed']} replayed, {told['skipped']} skipped.")


@command(group, "discard")
@selected
@click.option("--reason", default="", help="Kept in the audit trail.")
def discard(
    one: int | None, destination: str, every: bool, dry_run: bool, reason: str, as_json: bool
) -> None:
    """Decide that they need not arrive."""
    selection, count = chosen(one, destination, every)
    done = 0 if dry_run or not count else bulk.discard(selection, COMMAND_LINE, reason)
    skipped = 0 if dry_run else count - done
    told = {"selected": count, "discarded": done, "skipped": skipped, "dry_run": dry_run}
    text = f"{count} would be discarded." if dry_run else f"{done} discarded, {skipped} skipped."
    show(told, as_json, text)
