"""What a person decides about many dead letters at once: those of a card, or those of a list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, abort, request, url_for

from relay.dashboard import dead_letter_filter, forms, guard, htmx
from relay.dashboard.filters import number
from relay.services.audit import By
from relay.services.dead_letters import bulk
from relay.services.dead_letters.selection import Selection

blueprint = Blueprint("triage", __name__, url_prefix="/dead-letters")


def back() -> str:
    """Where the form said it stands, on this site."""
    here = request.form.get("next", url_for("dead_letters.list_page"))
    return guard.local_path(here)


Act = Callable[[Selection, By], int]
# what is done: how, and what is said of one and of many
ACTS: dict[str, tuple[Act, str, str]] = {
    "acknowledge": (bulk.acknowledge, "1 is marked as seen.", "{} are marked as seen."),
    "take": (
        lambda chosen, by: bulk.assign(chosen, by.actor, by),
        "You look after it now.",
        "You look after these {} now.",
    ),
    "release": (
        lambda chosen, by: bulk.assign(chosen, "", by),
        "Nobody looks after it now.",
        "Nobody looks after these {} now.",
    ),
    "note": (
        lambda chosen, by: bulk.note(chosen, forms.text("note"), by),
        "Noted.",
        "Noted for all {}.",
    ),
    "discard": (
        lambda chosen, by: bulk.discard(chosen, by, forms.text("reason")[:500]),
        "Discarded. It will not be sent.",
        "{} discarded. They will not be sent.",
    ),
}


@blueprint.post("/choose")
@guard.requires("support")
def choose() -> Any:
    """Do something to all that a card or a list chose."""
    chosen, verb = dead_letter_filter.selection(request.form), forms.text("do")
    if request.form.get("which") == "ticked" and not chosen.ids:
        return _refused("Nothing was done: tick the ones you mean, or choose all of them.")
    if verb == "replay":
        return htmx.redirect(url_for("replays.preview", **dead_letter_filter.address(chosen)))
    if verb == "discard" and not forms.text("reason"):
        return _refused("Nothing was discarded: say why, since others will ask.")
    act, one, many = ACTS.get(verb) or abort(404)
    done = act(chosen, guard.current_by())
    if not done:
        return _refused("Nothing was left to do: somebody took care of it already.")
    htmx.toast(one if done == 1 else many.format(number(done)))
    return htmx.redirect(back())


def _refused(sentence: str) -> Any:
    htmx.toast(sentence, "danger")
    return htmx.redirect(back())
