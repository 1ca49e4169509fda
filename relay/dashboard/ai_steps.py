"""The AI step of a subscription: its settings, its limits and a test."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

from flask import Blueprint, Flask, render_template, request, url_for

from relay.dashboard import events, forms, guard, htmx
from relay.delivery.ai import budget
from relay.destinations.ai import amount
from relay.errors import Invalid
from relay.i18n import _
from relay.mapping import ai_answers
from relay.mapping.ai_answers import AnswerField
from relay.models import Subscription
from relay.services.ai import steps as ai_steps
from relay.services.ai import validation as ai_validation
from relay.services.ai.validation import Draft
from relay.services.subscriptions import settings as subscription_settings
from relay.stored_text import figure

blueprint = Blueprint(
    "ai_steps",
    __name__,
    url_prefix="/destinations/<int:destination_id>/subscriptions/<int:subscription_id>/ai",
)
MAX_ROWS = ai_validation.MOST_FIELDS
T = TypeVar("T")


@blueprint.get("")
@guard.requires("admin")
def page(destination_id: int, subscription_id: int) -> Any:
    return _page(subscription_settings.find(destination_id, subscription_id))


def _page(
    subscription: Subscription,
    draft: Draft | None = None,
    errors: dict[str, list[str]] | None = None,
    test_result: ai_steps.Tried | None = None,
) -> str:
    step = ai_steps.find_step(subscription.id)
    recent = ai_steps.recent_events(subscription)
    offered = ai_steps.event_fields_of(subscription, recent)
    if draft is None:
        draft = ai_validation.draft_of(step) if step else ai_steps.first_draft(offered)
    saved = [field.as_json() for field in draft.fields]
    rows = saved if request.method == "GET" else [row for row in _rows() if row["name"]]
    return render_template(
        "ai/step.html",
        subscription=subscription,
        destination=subscription.destination,
        step=step,
        draft=draft,
        rows=rows[:MAX_ROWS],
        errors=errors or {},
        test_result=test_result,
        services=ai_steps.askers(),
        offered=sorted(offered, key=lambda field: field.path not in draft.shown),
        recent=recent,
        subject=events.subject,
        types={name: _(words) for name, words in ai_answers.TYPES.items()},
        event_id=forms.text("event"),
    )


@blueprint.post("")
@guard.requires("admin")
def update(destination_id: int, subscription_id: int) -> Any:
    subscription = subscription_settings.find(destination_id, subscription_id)
    if "more" in request.form:
        return _page(subscription, _draft({}))
    reasons: dict[str, list[str]] = {}
    draft = _draft(reasons)
    try:
        if reasons:
            raise Invalid(reasons)
        ai_steps.save(subscription, draft, guard.current_by())
    except Invalid as exc:
        return _page(subscription, draft, exc.reasons), 422
    htmx.toast(
        _(
            "Saved. The AI step applies to new events. Nothing of its answer is sent until the mapping uses it."
        ),
        href=url_for(
            "mapping.page", destination_id=destination_id, subscription_id=subscription_id
        ),
        action=_("Edit mapping"),
    )
    return htmx.redirect(url_for("destinations.detail", destination_id=destination_id))


@blueprint.post("/try")
@guard.requires("admin")
def try_out(destination_id: int, subscription_id: int) -> Any:
    """Call the AI service once with the values of the form, without saving them."""
    subscription = subscription_settings.find(destination_id, subscription_id)
    reasons: dict[str, list[str]] = {}
    draft, result, event = _draft(reasons), None, forms.text("event")
    try:
        if reasons:
            raise Invalid(reasons)
        chosen = int(event) if event.isascii() and event.isdigit() and len(event) < 19 else None
        result = ai_steps.try_out(subscription, draft, chosen, guard.current_by())
    except Invalid as exc:
        reasons = exc.reasons
    if htmx.wants_fragment():
        return render_template("ai/_test_result.html", test_result=result, errors=reasons)
    subscription = subscription_settings.find(destination_id, subscription_id)
    return _page(subscription, draft, reasons, result), 422 if reasons else 200


@blueprint.post("/remove")
@guard.requires("admin")
def remove(destination_id: int, subscription_id: int) -> Any:
    ai_steps.remove(subscription_settings.find(destination_id, subscription_id), guard.current_by())
    htmx.toast(_("Removed. Events are sent without AI from now on."))
    return htmx.redirect(url_for("destinations.detail", destination_id=destination_id))


def _draft(reasons: dict[str, list[str]]) -> Draft:
    """The values of the form.  Adds to ``reasons`` the fields that are not a number or an amount."""

    def read(name: str, convert: Callable[[str], T], otherwise: T) -> T:
        try:
            return convert(forms.text(name)) if forms.text(name) else otherwise
        except (ValueError, Invalid):
            reasons[name] = [_("Enter a number, such as 10 or 2.50.")]
            return otherwise

    service, _space, model = forms.text("model").partition(" ")
    none: Decimal | None = None
    no_calls: int | None = None
    return Draft(
        destination_id=int(service)
        if service.isascii() and service.isdigit() and len(service) < 10
        else 0,
        model=model,
        instructions=forms.text("instructions"),
        shown=tuple(filter(None, map(_path, request.form.getlist("shown")[:200]))),
        text=forms.text("text"),
        fields=tuple(_field(row) for row in _rows() if row["name"].strip()),
        masking="masking" in request.form,
        max_input_tokens=read("max_input_tokens", _whole, 0),
        max_output_tokens=read("max_output_tokens", _whole, 0),
        wait_s=read("wait_s", _whole, 0),
        day_cap=read("day_cap", amount, none),
        day_calls=read("day_calls", _whole, no_calls),
        fallback=forms.text("fallback"),
    )


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError(text)
    return int(text)


def _path(text: str) -> tuple[str, ...]:
    """The path of an event field in a checkbox; empty if it is invalid."""
    try:
        found = json.loads(text[:2000])
    except (ValueError, RecursionError):
        return ()
    is_path = isinstance(found, list) and 1 <= len(found) <= 8
    return tuple(found) if is_path and all(isinstance(key, str) for key in found) else ()


def _rows() -> list[dict[str, Any]]:
    """The posted answer fields as text, in the order of the form."""
    names = ("name", "type", "choices", "description")
    count = sum(1 for key in request.form if key.startswith("field_name-"))
    return [
        {name: forms.text(f"field_{name}-{number}") for name in names}
        for number in range(min(count, MAX_ROWS))
    ]


def _field(row: dict[str, Any]) -> AnswerField:
    choices = [word.strip() for word in row["choices"].split(",")]
    return AnswerField(
        ai_answers.name_of(row["name"]),
        row["type"],
        row["description"],
        tuple(dict.fromkeys(filter(None, choices))) if row["type"] == "choice" else (),
    )


def money(cost: int, currency: str) -> str:
    """``2.00 EUR``; ``2,00 EUR`` in German."""
    return figure(budget.money(cost, currency))


def init_app(app: Flask) -> None:
    app.add_template_filter(money)
