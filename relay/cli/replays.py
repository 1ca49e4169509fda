"""``flask replays …``"""

from __future__ import annotations

from typing import Any

import click

from relay.cli.output import ID, command, iso, paged, show, show_list
from relay.models import Replay
from relay.services.audit import COMMAND_LINE
from relay.services.replays import actions
from relay.services.replays.progress import Progress, progress_by_id, progress_of


@click.group("replays")
def group() -> None:
    """Follow, pause and cancel replays.

    `flask dead-letters replay` starts one.
    """


def as_dict(replay: Replay, progress: Progress) -> dict[str, Any]:
    return {
        "id": replay.id,
        "title": replay.title,
        "state": replay.state,
        "mapping": replay.mapping,
        "requested_by": replay.requested_by,
        "total": progress.total,
        "waiting": progress.waiting,
        "in_flight": progress.sending,
        "delivered": progress.delivered,
        "failed": progress.failed,
        "withdrawn": progress.withdrawn,
        "discarded": progress.discarded,
        "percent": progress.percent,
        "created_at": iso(replay.created_at),
        "ended_at": iso(replay.ended_at),
    }


def shown(replay: Replay) -> dict[str, Any]:
    return as_dict(replay, progress_of(replay))


@command(group, "list", "replays list --limit 10")
@paged
def list_(limit: int, after: int | None, as_json: bool) -> None:
    """List replays, newest first."""
    page = actions.list_replays(limit, after)
    progress = progress_by_id(page.items)
    items = [as_dict(replay, progress[replay.id]) for replay in page.items]
    columns = ("id", "state", "total", "delivered", "failed", "title")
    show_list(items, page.total, as_json, *columns, next_after=page.next_after)


@command(group, "show", "replays show 12")
@click.argument("replay_id", type=ID)
def show_(replay_id: int, as_json: bool) -> None:
    """Show a replay and its progress."""
    found = shown(actions.find_replay(replay_id))
    lines = [
        f"{found['title']} ({found['state']}, {found['percent']} %)",
        f"{found['delivered']} of {found['total']} delivered, {found['failed']} failed, "
        f"{found['waiting']} waiting, {found['withdrawn']} withdrawn, {found['discarded']} discarded",
        f"Requested by {found['requested_by']} at {found['created_at']}",
    ]
    show(found, as_json, "\n".join(lines))


@command(group, "pause", "replays pause 12")
@click.argument("replay_id", type=ID)
def pause(replay_id: int, as_json: bool) -> None:
    """Pause a replay.  Calls in progress finish, the rest waits."""
    found = shown(actions.pause(replay_id, COMMAND_LINE))
    show(found, as_json, f"Replay {replay_id} is paused. {found['waiting']} deliveries wait.")


@command(group, "resume", "replays resume 12")
@click.argument("replay_id", type=ID)
def resume(replay_id: int, as_json: bool) -> None:
    """Resume a paused replay."""
    found = shown(actions.resume(replay_id, COMMAND_LINE))
    show(found, as_json, f"Replay {replay_id} is running again.")


@command(group, "cancel", "replays cancel 12")
@click.argument("replay_id", type=ID)
def cancel(replay_id: int, as_json: bool) -> None:
    """Cancel a replay.  What was not sent yet returns to its former state."""
    found = shown(actions.cancel(replay_id, COMMAND_LINE))
    show(found, as_json, f"Replay {replay_id} is cancelled. {found['withdrawn']} were not sent.")
