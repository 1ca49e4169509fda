"""Deliveries that wait for a person: by their cause, and one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, abort, render_template, request, url_for

from relay.dashboard import choices, forms, guard, htmx
from relay.dashboard.exports import csv_response
from relay.lifecycle import OPEN
from relay.services import (
    causes,
    dead_letters,
    deliveries,
    destinations,
    events,
    sources,
    triage,
)
from relay.services.audit import By
from relay.services.selections import NO_FIELD, STATES, Selection

blueprint = Blueprint("dead_letters", __name__, url_prefix="/dead-letters")
COLUMNS = (
    *("id", "dead since (UTC)", "event id", "event type", "site", "destination", "code", "field"),
    *("why", "attempts", "state", "owner", "note", "how it ended", "reason"),
)


@blueprint.get("")
@guard.requires("viewer")
def list_page() -> Any:
    """A card for each cause."""
    chosen = choices.selection(request.args)
    found = causes.list_causes(chosen)
    return htmx.respond(
        "dead_letters/page.html",
        "dead_letters/_causes.html",
        causes=found,
        total=sum(cause.count for cause in found),
        waiting=deliveries.count_open([cause.destination.id for cause in found]),
        chosen=chosen,
        address=choices.address,
        destinations=destinations.list_destinations(500).items,
    )


@blueprint.get("/list")
@guard.requires("viewer")
def letters() -> Any:
    """One by one, with a filter and boxes to tick."""
    chosen = choices.selection(request.args)
    page = dead_letters.list_letters(chosen, 50, forms.page_after())
    acting = chosen.bounded()
    return htmx.respond(
        "dead_letters/list.html",
        "dead_letters/_list.html",
        page=page,
        chosen=chosen,
        acting=acting,
        matching=dead_letters.count(acting),
        address=choices.address,
        kept=choices.address(chosen),
        url=url_for("dead_letters.letters", **choices.address(chosen)),
        destinations=destinations.list_destinations(500).items,
        sources=sources.list_sources(500).items,
        types=events.known_types(),
        codes=dead_letters.codes(),
        fields=dead_letters.fields(),
        no_field=NO_FIELD,
        states=STATES,
        open_states=OPEN,
    )


@blueprint.get("/list.csv")
@guard.requires("viewer")
def export() -> Any:
    """All that match the filter, not only the page."""
    chosen = choices.selection(request.args)
    return csv_response("dead-letters.csv", COLUMNS, dead_letters.table(chosen))


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
    chosen = choices.selection(request.args)
    seen = request.args.get("seen", 0, type=int)
    now = dead_letters.count(chosen)
    return render_template(
        "dead_letters/_news.html", chosen=chosen, seen=seen, now=now, address=choices.address
    )


@blueprint.get("/<int:letter_id>")
@guard.requires("viewer")
def row(letter_id: int) -> Any:
    """One row as it stands; while its delivery is under way it asks again by itself."""
    letter = dead_letters.find_dead_letter(letter_id)
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
    dead_letters.replay(letter_id, guard.current_by())
    return _settled(letter_id, "It is sent again.")


@blueprint.post("/<int:letter_id>/discard")
@guard.requires("support")
def discard(letter_id: int) -> Any:
    dead_letters.discard(letter_id, guard.current_by(), forms.text("reason")[:500])
    return _settled(letter_id, "Discarded. It will not be sent.")


def _settled(letter_id: int, words: str) -> Any:
    htmx.toast(words)
    if htmx.wants_fragment():
        return row.__wrapped__(letter_id)  # type: ignore[attr-defined]
    return htmx.redirect(_back())


def _back() -> str:
    """Where the form said it stands, on this site."""
    here = request.form.get("next", url_for("dead_letters.list_page"))
    return guard.local_path(here)


Act = Callable[[Selection, By], int]
# what is done: how, and what is said of one and of many
ACTS: dict[str, tuple[Act, str, str]] = {
    "acknowledge": (triage.acknowledge, "1 is marked as seen.", "{} are marked as seen."),
    "take": (
        lambda chosen, by: triage.assign(chosen, by.actor, by),
        "You look after it now.",
        "You look after these {} now.",
    ),
    "release": (
        lambda chosen, by: triage.assign(chosen, "", by),
        "Nobody looks after it now.",
        "Nobody looks after these {} now.",
    ),
    "note": (
        lambda chosen, by: triage.note(chosen, forms.text("note"), by),
        "Noted.",
        "Noted for all {}.",
    ),
    "discard": (
        lambda chosen, by: triage.discard(chosen, by, forms.text("reason")[:500]),
        "Discarded. It will not be sent.",
        "{} discarded. They will not be sent.",
    ),
}


@blueprint.post("/choose")
@guard.requires("support")
def choose() -> Any:
    """Do something to all that a card or a list chose."""
    chosen, verb = choices.selection(request.form), forms.text("do")
    if request.form.get("which") == "ticked" and not chosen.ids:
        return _refused("Nothing was done: tick the ones you mean, or choose all of them.")
    if verb == "replay":
        return htmx.redirect(url_for("replays.preview", **choices.address(chosen)))
    if verb == "discard" and not forms.text("reason"):
        return _refused("Nothing was discarded: say why, since others will ask.")
    act, one, many = ACTS.get(verb) or abort(404)
    done = act(chosen, guard.current_by())
    if not done:
        return _refused("Nothing was left to do: somebody took care of it already.")
    htmx.toast(one if done == 1 else many.format(f"{done:,}".replace(",", "\u202f")))
    return htmx.redirect(_back())


def _refused(sentence: str) -> Any:
    htmx.toast(sentence, "danger")
    return htmx.redirect(_back())
