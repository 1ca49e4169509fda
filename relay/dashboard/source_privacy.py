"""The privacy settings of a site: what is removed before an event is stored, and how long it is kept."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request, url_for

from relay.dashboard import forms, guard, htmx
from relay.errors import Invalid
from relay.i18n import N_, _
from relay.mapping import paths
from relay.mapping.redaction_rules import RedactionAction, RedactionRule, path_from_label
from relay.models import Source
from relay.services.settings import retention as retention_settings
from relay.services.sources import privacy
from relay.services.sources.settings import find_source

blueprint = Blueprint("source_privacy", __name__, url_prefix="/sources")
ACTIONS = (("", N_("Keep")), ("mask", N_("Mask")), ("drop", N_("Drop")))
KNOWN = frozenset(RedactionAction)


@blueprint.get("/<slug>/privacy")
@guard.requires("admin")
def page(slug: str) -> str:
    return _page(find_source(slug))


def _page(source: Source, errors: dict[str, list[str]] | None = None) -> str:
    rules = {rule.path: rule for rule in privacy.rules_of(source)}
    seen = privacy.fields_seen(source)
    known = {one.path for one in seen}
    rows = [(paths.as_text(one.path), one.label, one.example, rules.get(one.path)) for one in seen]
    rows += [
        (paths.as_text(path), rule.label, "", rule)
        for path, rule in rules.items()
        if path not in known
    ]
    kept = retention_settings.days()
    return render_template(
        "sources/privacy.html",
        source=source,
        rows=rows,
        actions=ACTIONS,
        values=forms.posted(),
        errors=errors or {},
        default_days=kept.retention_days,
        limit_days=kept.unresolved_retention_days,
    )


@blueprint.post("/<slug>/privacy")
@guard.requires("admin", proof=True)
def save(slug: str) -> Any:
    """The chosen action of each field, and of one more that is not in the list."""
    try:
        rules = [
            RedactionRule(tuple(paths.from_text(path)), RedactionAction(action))
            for path, action in zip(
                request.form.getlist("path"), request.form.getlist("action"), strict=False
            )
            if action in KNOWN
        ]
        if forms.text("field"):
            more = forms.text("more")
            action = RedactionAction(more) if more in KNOWN else RedactionAction.MASK
            rules.append(RedactionRule(path_from_label(forms.text("field")), action))
        privacy.save_rules(slug, rules, guard.current_by())
    except Invalid as exc:
        return _page(find_source(slug), exc.reasons), 422
    htmx.toast(_("Saved. It applies to events from now on, within 5 seconds."))
    return htmx.redirect(url_for("source_privacy.page", slug=slug))


@blueprint.post("/<slug>/retention")
@guard.requires("admin", proof=True)
def retention(slug: str) -> Any:
    try:
        days = forms.whole_number("retention_days") if forms.text("retention_days") else None
        privacy.set_retention(slug, days, guard.current_by())
    except Invalid as exc:
        return _page(find_source(slug), exc.reasons), 422
    htmx.toast(_("Saved."))
    return htmx.redirect(url_for("source_privacy.page", slug=slug))
