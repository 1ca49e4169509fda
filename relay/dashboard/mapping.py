"""What is sent: fields of real events on the left, the destination's on the right, the call below."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request, url_for

from relay.dashboard import forms, guard, htmx, mapping_form
from relay.dashboard.events import subject
from relay.dashboard.mapping_form import MappingRow
from relay.errors import Invalid
from relay.event_types import TEST
from relay.mapping.paths import as_text, in_liquid, readable_path
from relay.models import Subscription
from relay.services.mappings import preview as mapping_preview
from relay.services.mappings import versions as mapping_versions
from relay.services.mappings.preview import MappingPreview, Rules
from relay.services.subscriptions import settings as subscription_settings

blueprint = Blueprint(
    "mapping",
    __name__,
    url_prefix="/destinations/<int:destination_id>/subscriptions/<int:subscription_id>/mapping",
)
SAMPLES_SHOWN = 10


def _bench(subscription: Subscription) -> MappingPreview:
    """For the asked event type, or the first that has a mapping, or the first."""
    types = mapping_preview.types_of(subscription) or [TEST]
    own = [one for one in types if one in mapping_preview.rules_in_use(subscription)]
    asked = request.values.get("type", "")
    return mapping_preview.load_preview(subscription, asked or (own or types)[0])


def _saved_rows(bench: MappingPreview) -> list[MappingRow]:
    if bench.sends_all:
        return [mapping_form.row_of(name, rule) for name, rule in (bench.in_use or {}).items()]
    used = bench.default_mapping if bench.in_use is None else bench.in_use
    return mapping_form.rows_of(used, bench.targets)


def _respond(
    bench: MappingPreview,
    rows: list[MappingRow],
    own: bool,
    errors: dict[str, list[str]] | None = None,
    tried: Any = None,
    fresh: str = "",
) -> Any:
    """``own`` is whether a mapping is made; for a kind that may also get the whole event."""
    sample = bench.sample(_sample_id())
    try:
        rules = _rules(bench, rows, own)
        looked, dry = (
            mapping_preview.preview_event(bench, rules, sample),
            mapping_preview.dry_run(bench, rules),
        )
    except Invalid as exc:
        looked, dry, errors = None, None, errors or exc.reasons
    return htmx.respond(
        "mapping/page.html",
        "mapping/_bench.html",
        422 if errors else 200,
        bench=bench,
        subscription=bench.subscription,
        destination=bench.subscription.destination,
        sentence=subscription_settings.sentence_of(bench.subscription),
        types=mapping_preview.types_of(bench.subscription),
        versions=mapping_versions.versions(bench.subscription),
        rows=rows,
        own=own,
        errors=errors or {},
        sample=sample,
        samples=bench.samples[:SAMPLES_SHOWN],
        subject=subject,
        looked=looked,
        dry=dry,
        tried=tried,
        fresh=fresh,
        words=mapping_form.TYPES,
        free_types=mapping_form.FREE_TYPES,
        as_text=as_text,
        in_liquid=in_liquid,
        in_words=readable_path,
        here=_here(bench),
    )


def _here(bench: MappingPreview) -> dict[str, Any]:
    found = bench.subscription
    return {"destination_id": found.destination_id, "subscription_id": found.id}


def _rules(bench: MappingPreview, rows: list[MappingRow], own: bool) -> Rules:
    """Raises Invalid."""
    if not own and bench.sends_all:
        return {}
    return mapping_form.rules_of(rows)


@blueprint.get("")
@guard.requires("admin")
def page(destination_id: int, subscription_id: int) -> Any:
    bench = _bench(subscription_settings.find(destination_id, subscription_id))
    return _respond(bench, _saved_rows(bench), bench.in_use is not None)


@blueprint.post("")
@guard.requires("admin")
def update(destination_id: int, subscription_id: int) -> Any:
    """A button changes the rows, tries them out or saves them."""
    bench = _bench(subscription_settings.find(destination_id, subscription_id))
    rows, own = mapping_form.posted(request.form, bench.targets), "own" in request.form
    do = forms.text("do")
    try:
        if do in ("save", ""):
            return _save(bench, rows, own)
        if do == "test":
            rules = _rules(bench, rows, own)
            sample = bench.sample(_sample_id())
            tried = mapping_versions.send_test(bench, rules, sample, guard.current_by())
            return _respond(bench, rows, own, tried=tried)
        rows, own = _pressed(bench, rows, own, do)
    except Invalid as exc:
        return _respond(bench, rows, own, exc.reasons)
    return _respond(bench, rows, own, fresh=do)


def _sample_id() -> int | None:
    number = request.values.get("sample", "")
    return int(number) if number.isascii() and number.isdigit() and len(number) < 19 else None


def _pressed(
    bench: MappingPreview, rows: list[MappingRow], own: bool, do: str
) -> tuple[list[MappingRow], bool]:
    """The rows after a button.  Raises Invalid."""
    if do == "ready":
        return mapping_form.rows_of(bench.default_mapping, bench.targets), False
    if do == "own":
        return mapping_form.free_rows(bench.fields), True
    return mapping_form.changed(rows, do, forms.text("wanted"), bench.targets), own


def _save(bench: MappingPreview, rows: list[MappingRow], own: bool) -> Any:
    """Raises Invalid."""
    rules: Rules | None = _rules(bench, rows, own)
    if bench.sends_all:
        if own and not rules:
            raise Invalid({"rows": ["Fill at least one field, or send the whole event."]})
        rules = rules if own else None
    mapping_versions.save(bench, rules, guard.current_by())
    warned = len(
        mapping_preview.preview_event(
            bench, rules or bench.default_mapping, bench.samples[0]
        ).warnings
    )
    told = f" Look at the {warned} {'note' if warned == 1 else 'notes'} below." if warned else ""
    htmx.toast(f"Saved. It holds for the events that come from now on.{told}")
    return htmx.redirect(url_for("mapping.page", **_here(bench), type=bench.event_type))


@blueprint.post("/back/<int:number>")
@guard.requires("admin")
def go_back(destination_id: int, subscription_id: int, number: int) -> Any:
    found = subscription_settings.find(destination_id, subscription_id)
    made = mapping_versions.go_back(found, number, guard.current_by())
    htmx.toast(f"Version {number} holds again, as version {made.number}.")
    here: dict[str, Any] = {"destination_id": destination_id, "subscription_id": subscription_id}
    return htmx.redirect(url_for("mapping.page", **here, type=request.form.get("type") or None))
