"""Deliveries that wait for a person: by their cause, and one by one."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request, url_for

from relay.dashboard import dead_letter_filter, dead_letters_bulk, forms, guard, htmx
from relay.dashboard.exports import csv_response
from relay.rules.lifecycle import OPEN
from relay.services import deliveries, events
from relay.services.dead_letters import actions as dead_letter_actions
from relay.services.dead_letters import causes
from relay.services.dead_letters.selection import NO_FIELD
from relay.services.destinations import settings as destination_settings
from relay.services.sources import settings as source_settings

blueprint = Blueprint("dead_letters", __name__, url_prefix="/dead-letters")
COLUMNS = (
    *("id", "dead since (UTC)", "event id", "event type", "site", "destination", "code", "field"),
    *("why", "attempts", "state", "owner", "note", "how it ended", "reason"),
)


@blueprint.get("")
@guard.requires("viewer")
def list_page() -> Any:
    """A card for each cause."""
    chosen = dead_letter_filter.selection(request.args)
    found = causes.list_causes(chosen)
    there_are_more = len(found) == causes.MOST
    return htmx.respond(
        "dead_letters/page.html",
        "dead_letters/_causes.html",
        causes=found,
        total=dead_letter_actions.count(chosen)
        if there_are_more
        else sum(one.count for one in found),
        there_are_more=there_are_more,
        waiting=deliveries.count_open([cause.destination.id for cause in found]),
        chosen=chosen,
        address=dead_letter_filter.address,
        destinations=destination_settings.list_destinations(500).items,
    )


@blueprint.get("/list")
@guard.requires("viewer")
def letters() -> Any:
    """One by one, with a filter and boxes to tick."""
    chosen = dead_letter_filter.selection(request.args)
    page = dead_letter_actions.list_letters(chosen, 50, forms.page_after())
    acting = chosen.bounded()
    return htmx.respond(
        "dead_letters/list.html",
        "dead_letters/_list.html",
        page=page,
        chosen=chosen,
        acting=acting,
        matching=dead_letter_actions.count(acting),
        address=dead_letter_filter.address,
        kept=dead_letter_filter.address(chosen),
        url=url_for("dead_letters.letters", **dead_letter_filter.address(chosen)),
        destinations=destination_settings.list_destinations(500).items,
        sources=source_settings.list_sources(500).items,
        types=events.known_types(),
        codes=dead_letter_actions.codes(),
        fields=dead_letter_actions.fields(),
        no_field=NO_FIELD,
        open_states=OPEN,
    )


@blueprint.get("/list.csv")
@guard.requires("viewer")
def export() -> Any:
    """All that match the filter, not only the page."""
    chosen = dead_letter_filter.selection(request.args)
    return csv_response("dead-letters.csv", COLUMNS, dead_letter_actions.table(chosen))


@blueprint.get("/count")
@guard.requires("viewer")
def count() -> Any:
    """For the navigation, which asks again by itself."""
    if not htmx.wants_fragment():
        return htmx.redirect(url_for("dead_letters.list_page"))
    return render_template("dead_letters/_count.html")


@blueprint.get("/news")
@guard.requires("viewer")
def news() -> Any:
    """Whether there is more or less than the page shows; it does not change under a person's hands."""
    if not htmx.wants_fragment():
        return htmx.redirect(url_for("dead_letters.list_page"))
    chosen = dead_letter_filter.selection(request.args)
    seen = request.args.get("seen", 0, type=int)
    now = dead_letter_actions.count(chosen)
    return render_template(
        "dead_letters/_news.html",
        chosen=chosen,
        seen=seen,
        now=now,
        address=dead_letter_filter.address,
    )


@blueprint.get("/<int:letter_id>")
@guard.requires("viewer")
def row(letter_id: int) -> Any:
    """One row as it stands; while its delivery is under way it asks again by itself."""
    letter = dead_letter_actions.find_dead_letter(letter_id)
    return htmx.respond(
        "dead_letters/one.html",
        "dead_letters/_row.html",
        letter=letter,
        picks="picks" in request.args,
        open_states=OPEN,
    )


@blueprint.post("/<int:letter_id>/replay")
@guard.requires("support")
def replay(letter_id: int) -> Any:
    dead_letter_actions.replay(letter_id, guard.current_by())
    return _settled(letter_id, "It is sent again.")


@blueprint.post("/<int:letter_id>/discard")
@guard.requires("support")
def discard(letter_id: int) -> Any:
    dead_letter_actions.discard(letter_id, guard.current_by(), forms.text("reason")[:500])
    return _settled(letter_id, "Discarded. It will not be sent.")


def _settled(letter_id: int, words: str) -> Any:
    htmx.toast(words)
    if htmx.wants_fragment():
        answer = row.__wrapped__(letter_id)  # type: ignore[attr-defined]
        answer.headers["HX-Trigger"] = "letters"  # the navigation counts anew
        return answer
    return htmx.redirect(dead_letters_bulk.back())
