"""The mapping editor: event fields on the left, destination fields on the right, a preview below."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request, url_for

from relay.dashboard import dead_letter_filter, forms, guard, htmx, mapping_form
from relay.dashboard.events import subject
from relay.dashboard.filters import number
from relay.dashboard.mapping_form import MappingRow
from relay.errors import Invalid
from relay.event_types import TEST
from relay.i18n import _, ngettext
from relay.mapping.computed import fits, stored
from relay.mapping.lists import STYLES
from relay.mapping.paths import as_text, readable_path
from relay.models import Subscription
from relay.services.dead_letters import actions as dead_letter_actions
from relay.services.dead_letters.selection import Selection
from relay.services.mappings import preview as mapping_preview
from relay.services.mappings import versions as mapping_versions
from relay.services.mappings.preview import ComputedExample, DryRun, MappingPreview, Rules
from relay.services.subscriptions import settings as subscription_settings

blueprint = Blueprint(
    "mapping",
    __name__,
    url_prefix="/destinations/<int:destination_id>/subscriptions/<int:subscription_id>/mapping",
)
SAMPLES_SHOWN = 10
MOST_FIELDS = 300  # in the list of event fields
MOST_OPTIONS = 100  # in the select of each destination field


def _load(subscription: Subscription) -> MappingPreview:
    """The editor for the requested event type, else the first with a custom mapping, else the first."""
    types = mapping_preview.types_of(subscription) or [TEST]
    in_use = mapping_preview.rules_in_use(subscription)
    custom = [event_type for event_type in types if event_type in in_use]
    requested = request.values.get("type", "")
    return mapping_preview.load_preview(subscription, requested or (custom or types)[0])


def _saved_rows(editor: MappingPreview) -> list[MappingRow]:
    if editor.sends_all:
        return [mapping_form.row_of(name, rule) for name, rule in (editor.in_use or {}).items()]
    used = editor.default_mapping if editor.in_use is None else editor.in_use
    return mapping_form.rows_of(used, editor.targets)


def _respond(
    editor: MappingPreview,
    rows: list[MappingRow],
    custom: bool,
    errors: dict[str, list[str]] | None = None,
    test_result: Any = None,
    pressed: str = "",
    broken: DryRun | None = None,
) -> Any:
    """``custom``: whether there is a mapping, for a kind that can also receive the whole event.

    ``broken``: what would fail if the mapping were saved; the page asks whether to save it.
    """
    sample = editor.sample(_sample_id())
    try:
        rules = _rules(editor, rows, custom)
        preview = mapping_preview.preview_event(editor, rules, sample)
        dry_run = mapping_preview.dry_run(editor, rules)
    except Invalid as exc:
        preview, dry_run, errors = None, None, errors or exc.reasons
    return htmx.respond(
        "mapping/page.html",
        "mapping/_editor.html",
        422 if errors or broken else 200,
        broken=broken,
        pointed=request.values.get("field", "")[:120],
        lists={as_text(one.path): one.list_of for one in editor.fields if one.list_of},
        list_styles=[(name, _(words)) for name, words in STYLES.items()],
        known_paths={as_text(one.path) for one in editor.fields},
        most_options=MOST_OPTIONS,
        most_fields=MOST_FIELDS,
        editor=editor,
        subscription=editor.subscription,
        destination=editor.subscription.destination,
        sentence=subscription_settings.sentence_of(editor.subscription),
        types=mapping_preview.types_of(editor.subscription),
        versions=mapping_versions.versions(editor.subscription),
        rows=rows,
        custom=custom,
        errors=errors or {},
        sample=sample,
        samples=editor.samples[:SAMPLES_SHOWN],
        subject=subject,
        preview=preview,
        dry_run=dry_run,
        test_result=test_result,
        pressed=pressed,
        words=mapping_form.TYPES,
        free_types=[(name, _(words)) for name, words in mapping_form.FREE_TYPES],
        as_text=as_text,
        suggested=lambda row: _suggested(editor, row),
        readable_path=readable_path,
        here=_here(editor),
    )


def _broken(editor: MappingPreview, rules: Rules) -> DryRun | None:
    """What would fail: None if all recent events can be sent.  Raises Invalid."""
    mapping_versions.check(editor, dict(stored(rules)))
    if editor.sends_all and not rules:
        return None
    tried = mapping_preview.dry_run(editor, rules)
    return tried if tried.fine < tried.total else None


def _suggested(editor: MappingPreview, row: MappingRow) -> list[ComputedExample]:
    """The computed fields that fit a row, and the one that it has."""
    target, chosen = row.target, row.computed
    type_ = target.type if target else "text"
    is_free = target is None or not target.choices
    return [
        one
        for one in editor.computed
        if fits(one.field, type_, is_free) or one.field.name == chosen
    ]


def _here(editor: MappingPreview) -> dict[str, Any]:
    found = editor.subscription
    return {"destination_id": found.destination_id, "subscription_id": found.id}


def _rules(editor: MappingPreview, rows: list[MappingRow], custom: bool) -> Rules:
    """Raises Invalid."""
    if not custom and editor.sends_all:
        return {}
    return mapping_form.rules_of(rows)


@blueprint.get("")
@guard.requires("admin")
def page(destination_id: int, subscription_id: int) -> Any:
    editor = _load(subscription_settings.find(destination_id, subscription_id))
    return _respond(editor, _saved_rows(editor), editor.in_use is not None)


@blueprint.post("")
@guard.requires("admin")
def update(destination_id: int, subscription_id: int) -> Any:
    """Save, send a test, or answer the other buttons, which change the rows."""
    editor = _load(subscription_settings.find(destination_id, subscription_id))
    rows = mapping_form.posted(request.form, editor.targets)
    custom = "custom" in request.form
    do = forms.text("do")
    try:
        if do in ("save", "save-anyway", "test", ""):
            mapping_form.check_texts(rows)
        if do in ("save", "save-anyway", ""):
            broken = None if do == "save-anyway" else _broken(editor, _rules(editor, rows, custom))
            if broken is not None:
                return _respond(editor, rows, custom, broken=broken)
            return _save(editor, rows, custom)
        if do == "test":
            rules = _rules(editor, rows, custom)
            sample = editor.sample(_sample_id())
            result = mapping_versions.send_test(editor, rules, sample, guard.current_by())
            return _respond(editor, rows, custom, test_result=result)
        rows, custom = _pressed(editor, rows, custom, do)
    except Invalid as exc:
        return _respond(editor, rows, custom, exc.reasons)
    return _respond(editor, rows, custom, pressed=do)


def _sample_id() -> int | None:
    number = request.values.get("sample", "")
    return int(number) if number.isascii() and number.isdigit() and len(number) < 19 else None


def _pressed(
    editor: MappingPreview, rows: list[MappingRow], custom: bool, do: str
) -> tuple[list[MappingRow], bool]:
    """The rows after a button, and whether there is a mapping.  Raises Invalid."""
    if do == "default":
        return mapping_form.rows_of(editor.default_mapping, editor.targets), False
    if do == "custom":
        return mapping_form.free_rows(editor.fields), True
    new_field = forms.text("new_field")
    return mapping_form.changed(rows, do, new_field, editor.targets, editor.standard), custom


def _save(editor: MappingPreview, rows: list[MappingRow], custom: bool) -> Any:
    """Raises Invalid."""
    rules: Rules | None = _rules(editor, rows, custom)
    if editor.sends_all:
        if custom and not rules:
            raise Invalid({"rows": [_("Map at least one field, or send the whole event.")]})
        rules = rules if custom else None
    mapping_versions.save(editor, rules, guard.current_by())
    warnings = len(
        mapping_preview.preview_event(
            editor, rules or editor.default_mapping, editor.samples[0]
        ).warnings
    )
    saved = _("Saved. The mapping applies to new events.")
    if warnings:
        note = ngettext(
            "Check the %(num)s warning below.", "Check the %(num)s warnings below.", warnings
        )
        saved = f"{saved} {note}"
    _offer_resend(editor, saved)
    return htmx.redirect(url_for("mapping.page", **_here(editor), type=editor.event_type))


def _offer_resend(editor: MappingPreview, saved: str) -> None:
    """Say that it is saved, and offer to resend what failed before with the new mapping."""
    subscription = editor.subscription
    failed = Selection(subscription=subscription.id, event_type=editor.event_type).bounded()
    count = dead_letter_actions.count(failed)
    if not count:
        htmx.toast(saved)
        return
    shown = number(count)
    offer = ngettext(
        "%(num)s failed delivery can be resent.",
        "%(num)s failed deliveries can be resent.",
        count,
        num=shown,
    )
    htmx.toast(
        f"{saved} {offer}",
        href=url_for("replays.preview", **dead_letter_filter.address(failed)),
        action=_("Resend %(count)s", count=shown),
    )


@blueprint.get("/fields")
@guard.requires("admin")
def field_list(destination_id: int, subscription_id: int) -> Any:
    """The event fields with ``q`` in their name or example, for lists that a page does not show whole."""
    editor = _load(subscription_settings.find(destination_id, subscription_id))
    words = request.args.get("q", "").lower().split()
    found = [
        one
        for one in editor.fields
        if all(word in f"{readable_path(one.path)} {one.example}".lower() for word in words)
    ]
    if not htmx.wants_fragment():
        return htmx.redirect(url_for("mapping.page", **_here(editor), type=editor.event_type))
    return render_template(
        "mapping/_field_list.html",
        fields=found[:MOST_FIELDS],
        more=len(found) - MOST_FIELDS,
        as_text=as_text,
        readable_path=readable_path,
    )


@blueprint.post("/restore/<int:number>")
@guard.requires("admin")
def restore(destination_id: int, subscription_id: int, number: int) -> Any:
    found = subscription_settings.find(destination_id, subscription_id)
    version = mapping_versions.go_back(found, number, guard.current_by())
    htmx.toast(
        _(
            "Version %(old)s restored as version %(new)s.",
            old=number,
            new=version.number,
        )
    )
    here: dict[str, Any] = {"destination_id": destination_id, "subscription_id": subscription_id}
    return htmx.redirect(url_for("mapping.page", **here, type=request.form.get("type") or None))
