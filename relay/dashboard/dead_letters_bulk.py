"""Actions on many dead letters: those of a card, or the selected rows of the list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, abort, request, url_for

from relay.dashboard import dead_letter_filter, forms, guard, htmx
from relay.dashboard.filters import number
from relay.i18n import N_, _
from relay.services.audit import By
from relay.services.dead_letters import bulk
from relay.services.dead_letters.selection import Selection

blueprint = Blueprint("dead_letters_bulk", __name__, url_prefix="/dead-letters")


def back() -> str:
    """The page that the form came from."""
    return guard.local_path(request.form.get("next", url_for("dead_letters.list_page")))


Action = Callable[[Selection, By], int]
# verb: (action, toast for one dead letter, toast for many)
ACTIONS: dict[str, tuple[Action, str, str]] = {
    "acknowledge": (
        bulk.acknowledge,
        N_("Acknowledged."),
        N_("%(count)s acknowledged."),
    ),
    "assign": (
        lambda chosen, by: bulk.assign(chosen, by.actor, by),
        N_("Assigned to you."),
        N_("%(count)s assigned to you."),
    ),
    "unassign": (
        lambda chosen, by: bulk.assign(chosen, "", by),
        N_("Unassigned."),
        N_("%(count)s unassigned."),
    ),
    "note": (
        lambda chosen, by: bulk.note(chosen, forms.text("note"), by),
        N_("Note saved."),
        N_("Note saved for %(count)s."),
    ),
    "discard": (
        lambda chosen, by: bulk.discard(chosen, by, forms.text("reason")[:500]),
        N_("Discarded. Relay stops sending this delivery."),
        N_("%(count)s discarded. Relay stops sending these deliveries."),
    ),
}


@blueprint.post("/bulk")
@guard.requires("support", limited=True)
def apply() -> Any:
    """Apply the action of the button to the dead letters of a card or to the selected rows."""
    chosen, verb = dead_letter_filter.selection(request.form), forms.text("do")
    if request.form.get("which") == "selected" and not chosen.ids:
        return _refused(_("Nothing is selected. Select at least one delivery, or choose all."))
    if verb == "replay":
        return htmx.redirect(url_for("replays.preview", **dead_letter_filter.address(chosen)))
    if verb == "discard" and not forms.text("reason"):
        return _refused(_("Nothing was discarded. Enter a reason for your team."))
    action, sentence, many_sentence = ACTIONS.get(verb) or abort(404)
    count = action(chosen, guard.current_by())
    if not count:
        return _refused(_("Nothing has changed. Someone else may have done this already."))
    htmx.toast(_(sentence) if count == 1 else _(many_sentence, count=number(count)))
    return htmx.redirect(back())


def _refused(sentence: str) -> Any:
    htmx.toast(sentence, "danger")
    return htmx.redirect(back())
