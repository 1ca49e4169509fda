"""Replays: preview one, start it and follow its progress."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, abort, request, url_for
from werkzeug.datastructures import MultiDict

from relay import database
from relay.dashboard import dead_letter_filter, forms, guard, htmx, privacy
from relay.dashboard.numbers import row_number
from relay.dashboard.time_zones import instant
from relay.errors import Invalid, NotFound
from relay.i18n import _
from relay.models import Delivery, Replay, db
from relay.rules.states import ReplayMapping
from relay.services.replays import actions as replay_actions
from relay.services.replays import preview as replay_preview
from relay.services.replays import progress
from relay.services.replays.actions import ReplaySelection

blueprint = Blueprint("replays", __name__, url_prefix="/replays")
MAPPINGS = tuple(ReplayMapping)


def requested_selection(args: MultiDict[str, str]) -> ReplaySelection:
    """The selection in a URL or form: one delivery, all since a time, or dead letters.

    Raises Invalid, NotFound.
    """
    if args.get("delivery"):
        number = args.get("delivery", type=row_number)
        if number is None:
            raise NotFound(_("There is no delivery with this number."))
        return replay_preview.select_delivery(number)
    if args.get("recover"):
        return replay_preview.select_since(
            args.get("recover", type=row_number) or args["recover"],
            start_time(args.get("since", "")),
            args.get("which") == "all",
        )
    return replay_preview.select_dead_letters(dead_letter_filter.selection(args).bounded())


def start_time(text: str) -> datetime:
    """The value of a date and time field; empty means one day ago.  Raises Invalid."""
    if not text:
        return database.now(db.session) - timedelta(days=1)
    try:
        return instant(text)
    except (ValueError, OverflowError):
        raise Invalid({"since": [_("Enter a date and time, such as 2026-03-01 14:30.")]}) from None


def chosen_mapping(args: MultiDict[str, str]) -> str:
    mapping = args.get("mapping", ReplayMapping.CURRENT)
    return mapping if mapping in MAPPINGS else ReplayMapping.CURRENT


@blueprint.get("")
@guard.requires("viewer", limited=True)
def list_page() -> Any:
    page = replay_actions.list_replays(50, forms.page_after())
    return htmx.respond(
        "replays/page.html",
        "replays/_table.html",
        page=page,
        progress=progress.progress_by_id(page.items),
        running=any(replay.ended_at is None for replay in page.items),
        url=url_for("replays.list_page"),
    )


@blueprint.get("/new")
@guard.requires("support", limited=True)
def preview() -> Any:
    """What a replay would send and what the result would be, with an example request."""
    selection, mapping = requested_selection(request.args), chosen_mapping(request.args)
    found = replay_preview.dry_run(selection, mapping)
    examples = replay_preview.samples(found.ids, limit=5)
    number = request.args.get("sample", type=row_number)
    example = next(
        (delivery for delivery in examples if delivery.id == number),
        examples[0] if examples else None,
    )
    return htmx.respond(
        "replays/new.html",
        "replays/_preview.html",
        selection=selection,
        previews=found.places,
        total=found.total,
        is_cut=found.is_cut,
        examined=len(found.ids),
        mapping=mapping,
        differ=replay_preview.mappings_differ(found.ids),
        examples=examples,
        example=example,
        lines=_compare(example) if example else [],
        kept=list(request.args.items(multi=True)),
        sample_url=_sample_url,
        token=secrets.token_hex(16),
    )


def _compare(example: Delivery) -> list[replay_preview.DiffLine]:
    """The request of the last attempt beside the new one, as this person may see them."""
    event = example.event
    old, new = (
        replay_preview.body_of(
            example,
            mapping,
            lambda call: privacy.shown_call(call, event) or {},
            lambda sentence: privacy.shown(sentence, event),
        )
        for mapping in ("original", "current")
    )
    return list(replay_preview.compare(old, new))


def _sample_url(number: int) -> str:
    """The URL of the same preview with another example."""
    args: dict[str, Any] = request.args.to_dict(flat=False) | {"sample": number}
    return url_for("replays.preview", **args)


@blueprint.post("")
@guard.requires("support", limited=True)
def start() -> Any:
    replay = replay_actions.start(
        requested_selection(request.form),
        guard.current_by(),
        forms.text("once")[:40] or secrets.token_hex(16),
        chosen_mapping(request.form),
    )
    return htmx.redirect(url_for("replays.detail", replay_id=replay.id))


@blueprint.post("/now/<int:delivery_id>")
@guard.requires("support", limited=True)
def retry_now(delivery_id: int) -> Any:
    """Try a pending delivery now instead of at its next retry."""
    delivery = replay_actions.retry_now(delivery_id, guard.current_by())
    htmx.toast(_("Retrying now."))
    return htmx.redirect(url_for("events.detail", event_id=delivery.event_pk))


@blueprint.get("/<int:replay_id>")
@guard.requires("viewer", limited=True)
def detail(replay_id: int) -> Any:
    return _detail(replay_actions.find_replay(replay_id))


def _detail(replay: Replay) -> Any:
    return htmx.respond(
        "replays/detail.html",
        "replays/_progress.html",
        replay=replay,
        progress=progress.progress_of(replay),
        waits_at=[] if replay.ended_at else progress.waits_at(replay),
        now=database.now(db.session),
    )


@blueprint.post("/<int:replay_id>/<verb>")
@guard.requires("support", limited=True)
def change_state(replay_id: int, verb: str) -> Any:
    """Pause, resume or cancel a replay."""
    verbs = {
        "pause": replay_actions.pause,
        "resume": replay_actions.resume,
        "cancel": replay_actions.cancel,
    }
    if verb not in verbs:
        abort(404)
    replay = verbs[verb](replay_id, guard.current_by())
    if htmx.wants_fragment():
        return _detail(replay)
    return htmx.redirect(url_for("replays.detail", replay_id=replay.id))
