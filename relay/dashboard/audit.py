"""The audit log: who changed what."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request, url_for

from relay.dashboard import exports, forms, guard, htmx
from relay.dashboard.dead_letter_filter import instant
from relay.i18n import SOURCE, _, in_language
from relay.services import audit, audit_check, audit_words
from relay.services.audit_words import AuditLine

blueprint = Blueprint("audit", __name__, url_prefix="/audit")
NAMES = ("actor", "action", "object", "text", "since", "until")
# An export is English, so that programs read every one alike.
HEADER = (
    "Number",
    "Time",
    "User",
    "IP address",  # i18n: keep
    "Action",
    "Code",
    "Object",
    "Details",
)


def requested(values: Any) -> tuple[dict[str, Any], audit.AuditFilter]:
    """-> the filter in a URL or a form: as text to show again, and as the service takes it"""
    kept: dict[str, Any] = {
        name: values.get(name, "").replace("\x00", "").strip()[:200] for name in NAMES
    }
    chosen = audit.AuditFilter(
        actor=kept["actor"],
        action=kept["action"],
        subject=kept["object"],
        text=kept["text"],
        since=instant(kept["since"]),
        until=instant(kept["until"], last=True),
    )
    return {name: value for name, value in kept.items() if value}, chosen


@blueprint.get("")
@guard.requires("admin")
def list_page() -> Any:
    kept, chosen = requested(request.args)
    page = audit.list_entries(chosen, 50, forms.page_after())
    fragment = htmx.wants_fragment()
    return htmx.respond(
        "audit/page.html",
        "audit/_table.html",
        page=page,
        lines=audit_words.lines(page.items),
        url=url_for("audit.list_page", **kept),
        kept=kept,
        actors=[]
        if fragment
        else [(one, audit_words.actor_words(one)) for one in audit.known_actors()],
        actions=sorted(
            ((code, _(words)) for code, words in audit.ACTIONS.items()), key=lambda pair: pair[1]
        ),
    )


@blueprint.post("/export")
@guard.requires("admin", proof=True, download=True)
def export() -> Response:
    """The chosen entries as a file.  A POST, because the export itself is recorded."""
    _, chosen = requested(request.form)
    form = "json" if forms.text("format") == "json" else "csv"
    entries = audit.export_entries(chosen, guard.current_by(), form)
    with in_language(SOURCE):
        found = audit_words.lines(entries)
    if form == "csv":
        return exports.csv_response("relay-audit-log.csv", HEADER, [_cells(one) for one in found])
    items = [one.as_dict() for one in found]
    return exports.json_response("relay-audit-log.json", {"items": items, "total": len(items)})


def _cells(line: AuditLine) -> list[Any]:
    return [
        *(line.seq or "", line.at.isoformat(), line.actor, line.address),
        *(line.action_words, line.action, line.subject, line.detail),
    ]


@blueprint.post("/verify")
@guard.requires("admin")
def verify() -> Response:
    """Check every hash now, and say the result in a message."""
    found = audit_check.verify()
    if found.broken is None:
        htmx.toast(
            _("The audit log is whole: %(count)s entries were checked.", count=found.entries)
        )
    else:
        htmx.toast(
            f"{_('The audit log is broken.')} {found.broken.sentence}", "danger"
        )  # i18n: keep
    return htmx.redirect(url_for("audit.list_page"))
