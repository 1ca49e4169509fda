"""Deliveries that wait for a person."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request, url_for

from relay.dashboard import forms, guard, htmx
from relay.lifecycle import OPEN
from relay.services import dead_letters, destinations

blueprint = Blueprint("dead_letters", __name__, url_prefix="/dead-letters")


def asked() -> int | str:
    """The destination in the address bar: its number, or a name."""
    text = request.args.get("destination", "")[:120]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text


@blueprint.get("")
@guard.requires("viewer")
def list_page() -> Any:
    chosen = asked()
    return htmx.respond(
        "dead_letters/page.html",
        "dead_letters/_table.html",
        page=dead_letters.list_open(chosen, 50, forms.page_after()),
        url=url_for("dead_letters.list_page", destination=chosen or None),
        chosen=chosen,
        destinations=destinations.list_destinations(500).items,
        open_states=OPEN,
    )


@blueprint.get("/<int:letter_id>")
@guard.requires("viewer")
def row(letter_id: int) -> Any:
    """One row as it stands; while its delivery is under way it asks again by itself."""
    letter = dead_letters.find_dead_letter(letter_id)
    return htmx.respond(
        "dead_letters/one.html", "dead_letters/_row.html", letter=letter, open_states=OPEN
    )


@blueprint.post("/<int:letter_id>/replay")
@guard.requires("support")
def replay(letter_id: int) -> Any:
    dead_letters.replay(letter_id, guard.current_by())
    return _settled(letter_id, "It is sent again.")


@blueprint.post("/<int:letter_id>/discard")
@guard.requires("support")
def discard(letter_id: int) -> Any:
    dead_letters.discard(letter_id, guard.current_by())
    return _settled(letter_id, "Discarded. It will not be sent.")


def _settled(letter_id: int, words: str) -> Any:
    htmx.toast(words)
    if htmx.wants_fragment():
        return row.__wrapped__(letter_id)  # type: ignore[attr-defined]
    here = url_for("dead_letters.list_page")
    return htmx.redirect(guard.local_path(request.form.get("next", here)))
