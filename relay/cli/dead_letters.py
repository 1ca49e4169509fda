"""``flask dead-letters …``"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from relay.cli.output import (
    ID,
    TIMES,
    command,
    end_of,
    iso,
    page_in_memory,
    paged,
    show,
    show_list,
    utc,
)
from relay.models import DeadLetter
from relay.services.audit import COMMAND_LINE
from relay.services.dead_letters import actions as dead_letter_actions
from relay.services.dead_letters import bulk, causes
from relay.services.dead_letters.causes import Cause
from relay.services.dead_letters.selection import STATES, Selection
from relay.services.destinations import settings as destination_settings
from relay.services.replays import actions as replay_actions


@click.group("dead-letters")
def group() -> None:
    """List, replay and discard failed deliveries."""


def as_dict(dead_letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": dead_letter.id,
        "delivery": dead_letter.delivery_id,
        "event_id": dead_letter.delivery.event.event_id,
        "destination": dead_letter.destination.name,
        "state": dead_letter.state,
        "code": dead_letter.code,
        "field": dead_letter.field,
        "detail": dead_letter.sentence,
        "attempts": dead_letter.delivery.attempts,
        "owner": dead_letter.owner,
        "note": dead_letter.note,
        "created_at": iso(dead_letter.created_at),
    }


def cause_as_dict(cause: Cause) -> dict[str, Any]:
    """``detail`` says what happened, ``remedy`` what to do; ``newest`` is the id of a dead letter."""
    return {
        "destination": cause.destination.name,
        "code": cause.newest.code,
        "field": cause.newest.field,
        "count": cause.count,
        "open": cause.fresh,
        "detail": cause.advice.headline,
        "remedy": cause.advice.advice,
        "owners": list(cause.owners),
        "note": cause.note,
        "newest": cause.newest.id,
        "event_id": cause.newest.delivery.event.event_id,
        "first_at": iso(cause.first_at),
        "last_at": iso(cause.last_at),
    }


@command(group, "list", "dead-letters list --destination Slack", "dead-letters list --group")
@click.option("--destination", default="", help="Only those of this destination (name or id).")
@click.option("--code", default="", help="Only those with this error code, such as http_404.")
@click.option("--state", type=click.Choice(STATES), help="By default all that are not resolved.")
@click.option("--group", "grouped", is_flag=True, help="Show one line per cause.")
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
    """List failed deliveries, newest first, or their causes."""
    selection = Selection(destination=destination, code=code, state=state or "")
    if grouped:
        found = causes.list_causes(selection)
        shown, more = page_in_memory(found, lambda cause: cause.newest.id, limit, after)
        headings = ("destination", "code", "field", "count", "detail", "remedy")
        rows = [cause_as_dict(cause) for cause in shown]
        show_list(rows, len(found), as_json, *headings, next_after=more)
        return
    page = dead_letter_actions.list_letters(selection, limit, after)
    columns = ("id", "event_id", "destination", "code", "detail")
    items = [as_dict(dead_letter) for dead_letter in page.items]
    show_list(items, page.total, as_json, *columns, next_after=page.next_after)


def selection_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--id``, ``--destination`` or ``--all``, ``--since``, ``--until`` and ``--dry-run``."""
    for option in (
        click.option("--dry-run", is_flag=True, help="Change nothing, only report the effect."),
        click.option(
            "--until",
            type=TIMES,
            help="Only those that failed before this time or up to this day (UTC).",
        ),
        click.option(
            "--since", type=TIMES, help="Only those that failed since this time or day (UTC)."
        ),
        click.option("--all", "every", is_flag=True, help="All open failed deliveries."),
        click.option("--destination", default="", help="All of this destination (name or id)."),
        click.option("--id", "id_", type=ID, help="Only this one."),
    ):
        function = option(function)
    return function


def select(
    id_: int | None,
    destination: str,
    every: bool,
    since: datetime | None,
    until: datetime | None,
) -> tuple[Selection, int]:
    """-> the selection and its size.  Raises NotFound for an unknown id or destination."""
    given = (id_ is not None) + bool(destination) + every
    if given > 1 or not (given or since or until):
        raise click.UsageError(
            "Give one of --id, --destination and --all, or a time with --since or --until."
        )
    begin, end = utc(since), end_of(until)
    selection = Selection(
        (id_,) if id_ is not None else (), destination, since=begin, until=end
    ).bounded()
    count = dead_letter_actions.count(selection)
    if destination and not count:
        destination_settings.find_destination(destination)
    if id_ is not None and not count:
        dead_letter_actions.find_open(id_)
    return selection, count


@command(
    group,
    "replay",
    "dead-letters replay --destination Slack --dry-run",
    "dead-letters replay --since 2026-03-01 --until 2026-03-02T12:00:00",
)
@selection_options
def replay(dry_run: bool, as_json: bool, **chosen_by: Any) -> None:
    """Send failed deliveries again, with the same idempotency keys."""
    selection, count = select(**chosen_by)
    result: dict[str, Any] = {"selected": count, "replayed": 0, "skipped": 0, "dry_run": dry_run}
    from relay.services.replays import preview as replay_preview  # here: it fills the mappings

    chosen = replay_preview.select_dead_letters(selection)
    if dry_run:
        previews = replay_preview.dry_run(chosen, most=None).places
        result["outlook"] = [
            {
                "destination": preview.destination.name,
                "new": preview.new,
                "unclear": preview.unclear,
                "again": preview.again,
                "skipped": preview.skipped,
                "broken": preview.broken,
                "seconds": preview.seconds,
            }
            for preview in previews
        ]
        lines = [f"{preview.destination.name}: {preview.sentence}" for preview in previews]
        show(result, as_json, "\n".join([f"{count} would be replayed.", *lines]))
        return
    if count:
        started = replay_actions.start(chosen, COMMAND_LINE, secrets.token_hex(16))
        result |= {"replayed": started.total, "replay": started.id}
        result["skipped"] = count - started.total
    show(result, as_json, f"{result['replayed']} replayed, {result['skipped']} skipped.")


@command(group, "discard", 'dead-letters discard --destination Slack --reason "test data"')
@selection_options
@click.option("--reason", default="", help="The reason, for the audit log.")
def discard(dry_run: bool, reason: str, as_json: bool, **chosen_by: Any) -> None:
    """Close failed deliveries without sending them."""
    selection, count = select(**chosen_by)
    discarded = 0 if dry_run or not count else bulk.discard(selection, COMMAND_LINE, reason)
    skipped = 0 if dry_run else count - discarded
    result = {
        "selected": count,
        "discarded": discarded,
        "skipped": skipped,
        "dry_run": dry_run,
    }
    text = f"{discarded} discarded, {skipped} skipped."
    show(result, as_json, f"{count} would be discarded." if dry_run else text)
