"""Failed deliveries (dead letters): grouped by cause, and as a list."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request, url_for

from relay.dashboard import (
    dead_letter_filter,
    dead_letters_bulk,
    forms,
    guard,
    htmx,
    navigation,
    privacy,
    views,
)
from relay.dashboard.exports import csv_response
from relay.dashboard.numbers import row_number
from relay.delivery.payload import parse_payload
from relay.i18n import _
from relay.mapping.masking import EventMask
from relay.rules.lifecycle import OPEN
from relay.services import deliveries, events
from relay.services.dead_letters import actions as dead_letter_actions
from relay.services.dead_letters import causes
from relay.services.dead_letters.selection import NO_FIELD
from relay.services.destinations import settings as destination_settings
from relay.services.sources import settings as source_settings

blueprint = Blueprint("dead_letters", __name__, url_prefix="/dead-letters")
COLUMNS = (
    *("id", "failed at (UTC)", "event id", "event type", "site", "destination", "code", "field"),
    *("error", "attempts", "state", "owner", "note", "resolution", "reason"),
)


@blueprint.get("")
@guard.requires("viewer", limited=True, replica=True)
def list_page() -> Any:
    """One card per cause."""
    chosen = dead_letter_filter.selection(request.args)
    found = causes.list_causes(chosen)
    there_are_more = len(found) == causes.MOST
    return htmx.respond(
        "dead_letters/page.html",
        "dead_letters/_causes.html",
        causes=found,
        total=dead_letter_actions.count_shown(chosen)
        if there_are_more
        else sum(cause.count for cause in found),
        there_are_more=there_are_more,
        waiting=deliveries.count_open([cause.destination.id for cause in found]),
        chosen=chosen,
        address=dead_letter_filter.address,
        destinations=[] if htmx.wants_fragment() else destination_settings.destination_choices(),
    )


@blueprint.get("/list")
@guard.requires("viewer", limited=True, replica=True)
def table_page() -> Any:
    """A table with filters, and actions on the selected rows."""
    chosen = dead_letter_filter.selection(request.args)
    page = dead_letter_actions.list_letters(chosen, 50, forms.page_after())
    bounded = chosen.bounded()
    return htmx.respond(
        "dead_letters/table.html",
        "dead_letters/_table.html",
        page=page,
        chosen=chosen,
        filter=bounded,
        matching=dead_letter_actions.count_shown(bounded),
        address=dead_letter_filter.address,
        kept=dead_letter_filter.address(chosen),
        url=url_for("dead_letters.table_page", **dead_letter_filter.address(chosen)),
        no_field=NO_FIELD,
        open_states=OPEN,
        **({} if htmx.wants_fragment() else _filter_choices()),
    )


def _filter_choices() -> dict[str, Any]:
    """The values that the filter offers."""
    return {
        "saved": views.shown("dead_letters"),
        "destinations": destination_settings.destination_choices(),
        "sources": source_settings.source_choices(),
        "types": events.known_types(),
        "codes": dead_letter_actions.codes(),
        "fields": dead_letter_actions.fields(),
    }


@blueprint.post("/list.csv")
@guard.requires("viewer", proof=True, limited=True, download=True)
def export() -> Any:
    """All dead letters that match the filter.  A POST, because the export itself is recorded."""
    chosen = dead_letter_filter.selection(request.form)
    found = dead_letter_actions.table(chosen, with_payload=privacy.is_masked())
    rows = [_shown_row(row) for row in found]
    dead_letter_actions.record_export(len(rows), guard.current_by())
    return csv_response("dead-letters.csv", COLUMNS, rows)


def _shown_row(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row of the export as this person may see it."""
    if not privacy.is_masked():
        return row
    *cells, payload = row
    mask = EventMask(parse_payload(payload))
    for name in ("error", "note", "reason"):
        at = COLUMNS.index(name)
        cells[at] = mask.text(cells[at])
    return tuple(cells)


@blueprint.get("/count")
@guard.requires("viewer", limited=True)
def count() -> Any:
    """The count in the navigation, which polls."""
    if not htmx.wants_fragment():
        return htmx.redirect(url_for("dead_letters.list_page"))
    return render_template("dead_letters/_count.html", failed_count=navigation.failed_count())


@blueprint.get("/updates")
@guard.requires("viewer", limited=True)
def updates() -> Any:
    """Whether the number of dead letters has changed.  The cards change only when a person refreshes."""
    if not htmx.wants_fragment():
        return htmx.redirect(url_for("dead_letters.list_page"))
    chosen = dead_letter_filter.selection(request.args)
    seen = request.args.get("seen", 0, type=row_number)
    now = dead_letter_actions.count_shown(chosen)
    return render_template(
        "dead_letters/_updates.html",
        chosen=chosen,
        seen=seen,
        now=now,
        address=dead_letter_filter.address,
    )


@blueprint.get("/<int:dead_letter_id>")
@guard.requires("viewer", limited=True)
def row(dead_letter_id: int) -> Any:
    """One row, which polls while its delivery is in progress."""
    dead_letter = dead_letter_actions.find_dead_letter(dead_letter_id)
    return htmx.respond(
        "dead_letters/detail.html",
        "dead_letters/_row.html",
        dead_letter=dead_letter,
        selectable="selectable" in request.args,
        open_states=OPEN,
    )


@blueprint.post("/<int:dead_letter_id>/reveal")
@guard.requires("support", limited=True)
def reveal(dead_letter_id: int) -> Any:
    """The failed delivery with the personal data in its error, for this one response."""
    event = dead_letter_actions.find_dead_letter(dead_letter_id).delivery.event
    privacy.reveal(event, "failed delivery")
    return row.__wrapped__(dead_letter_id)  # type: ignore[attr-defined]


@blueprint.post("/<int:dead_letter_id>/replay")
@guard.requires("support", limited=True)
def replay(dead_letter_id: int) -> Any:
    dead_letter_actions.replay(dead_letter_id, guard.current_by())
    return _settled(dead_letter_id, _("Resending."))


@blueprint.post("/<int:dead_letter_id>/discard")
@guard.requires("support", limited=True)
def discard(dead_letter_id: int) -> Any:
    dead_letter_actions.discard(dead_letter_id, guard.current_by(), forms.text("reason")[:500])
    return _settled(dead_letter_id, _("Discarded. Relay stops sending this delivery."))


def _settled(dead_letter_id: int, sentence: str) -> Any:
    htmx.toast(sentence)
    if htmx.wants_fragment():
        response = row.__wrapped__(dead_letter_id)  # type: ignore[attr-defined]
        response.headers["HX-Trigger"] = (
            "dead-letters-changed"  # updates the count in the navigation
        )
        return response
    return htmx.redirect(dead_letters_bulk.back())
