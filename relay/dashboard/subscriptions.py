"""Subscriptions: which events a destination receives, by type, site and conditions."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request, url_for

from relay.dashboard import conditions_form, forms, guard, htmx
from relay.dashboard.conditions_form import ConditionBox, box_of
from relay.dashboard.filters import patterns_words
from relay.errors import Invalid
from relay.i18n import _, ngettext
from relay.mapping.conditions import group_of
from relay.mapping.operators import OPERATORS, join_words
from relay.mapping.paths import as_text, readable_path
from relay.models import Destination, Subscription
from relay.rules.states import SourceState, SubscriptionState
from relay.services import events
from relay.services.destinations import settings as destination_settings
from relay.services.sources import settings as source_settings
from relay.services.subscriptions import matching
from relay.services.subscriptions import settings as subscription_settings
from relay.services.subscriptions.settings import SubscriptionSettings

blueprint = Blueprint(
    "subscriptions",
    __name__,
    url_prefix="/destinations/<int:destination_id>/subscriptions",
)


def subscription_words(subscription: Subscription) -> str:
    """A subscription in a few words for a list: ``New order from Shop, 2 conditions``."""
    words = patterns_words(subscription.event_types)
    if sites := join_words([source.name for source in subscription.sources], _("or")):
        words = _("%(types)s from %(sites)s", types=words, sites=sites)
    if count := len(list(group_of(subscription.conditions).conditions())):
        words = ", ".join([words, ngettext("%(num)s condition", "%(num)s conditions", count)])
    if subscription.state == SubscriptionState.PAUSED:
        words = _("%(subscription)s (paused)", subscription=words)
    return words


def chosen_types() -> list[str]:
    """The selected event types and the ones entered as text; ``*`` for all."""
    if request.form.get("which") != "some":
        return ["*"]
    return request.form.getlist("event_types") + forms.text("more_types").replace(",", " ").split()


def chosen_sites() -> list[str]:
    """The slugs of the selected sites; an empty list means all sites."""
    return request.form.getlist("sites") if request.form.get("from") == "some" else []


def check_choices() -> None:
    """Raises Invalid if no event type or no site is selected."""
    reasons = {}
    if not chosen_types():
        reasons["event_types"] = [_("Select at least one event type.")]
    if request.form.get("from") == "some" and not chosen_sites():
        reasons["source"] = [_("Select at least one site, or all sites.")]
    if reasons:
        raise Invalid(reasons)


def _page(
    destination: Destination,
    subscription: Subscription | None,
    types: list[str],
    sites: list[str],
    box: ConditionBox,
    errors: dict[str, list[str]] | None = None,
    pressed: str = "",
) -> Any:
    """``pressed`` is the button that was used, which decides where the keyboard focus goes."""
    sources: list[Any] = [*source_settings.source_choices()]
    if subscription is not None:  # a removed site that is still selected stays visible
        sources += [source for source in subscription.sources if source.state == SourceState.CLOSED]
    names = [source.name for source in sources if source.slug in sites]
    settings = SubscriptionSettings(types, sites, _complete_conditions(box))
    return htmx.respond(
        "subscriptions/form.html",
        "subscriptions/_conditions.html",
        422 if errors else 200,
        destination=destination,
        subscription=subscription,
        values=forms.posted() | {"event_types": types, "sites": sites},
        errors=errors or {},
        types=events.known_types(*types),
        sources=sources,
        box=box,
        fields=matching.fields_by_type(types, sites),
        operators=OPERATORS,
        sentence=subscription_settings.read_back(
            destination, SubscriptionSettings(types, names, settings.conditions)
        ),
        matches=matching.count_matches(settings),
        pressed=pressed,
        as_text=as_text,
        readable_path=readable_path,
        url=_url(destination, subscription),
    )


def _complete_conditions(box: ConditionBox) -> Any:
    """The conditions if all of them are valid, else none."""
    try:
        return group_of(subscription_settings.check_conditions(box.group))
    except Invalid:
        return group_of(None)


def _url(destination: Destination, subscription: Subscription | None) -> str:
    if subscription is None:
        return url_for("subscriptions.create", destination_id=destination.id)
    return url_for(
        "subscriptions.update", destination_id=destination.id, subscription_id=subscription.id
    )


@blueprint.get("/new")
@guard.requires("admin")
def new_page(destination_id: int) -> Any:
    destination = destination_settings.find_destination(destination_id)
    subscription_settings.check_takes_events(destination)
    return _page(destination, None, ["*"], [], ConditionBox())


@blueprint.get("/<int:subscription_id>")
@guard.requires("admin")
def edit_page(destination_id: int, subscription_id: int) -> Any:
    found = subscription_settings.find(destination_id, subscription_id)
    box = box_of(group_of(found.conditions))
    return _page(found.destination, found, found.event_types, matching.slugs_of(found), box)


@blueprint.post("/new")
@guard.requires("admin", proof=True)
def create(destination_id: int) -> Any:
    return _posted(destination_settings.find_destination(destination_id), None)


@blueprint.post("/<int:subscription_id>")
@guard.requires("admin", proof=True)
def update(destination_id: int, subscription_id: int) -> Any:
    found = subscription_settings.find(destination_id, subscription_id)
    return _posted(found.destination, found)


def _posted(destination: Destination, subscription: Subscription | None) -> Any:
    """Save, or answer the other buttons, which change the conditions."""
    box, do, by = conditions_form.posted(request.form), forms.text("do"), guard.current_by()
    types, sites = chosen_types(), chosen_sites()
    if do not in ("save", ""):
        box = conditions_form.changed(box, do)
        return _page(destination, subscription, types, sites, box, pressed=do)
    try:
        check_choices()
        settings = SubscriptionSettings(types, sites, box.group)
        if subscription is None:
            created = subscription_settings.create(destination, settings, by)
            htmx.toast(_("Saved. Check the mapping, and change it if you need to."))
            return htmx.redirect(
                url_for("mapping.page", destination_id=destination.id, subscription_id=created.id)
            )
        subscription_settings.change(subscription, settings, by)
    except Invalid as exc:
        return _page(destination, subscription, types, sites, box, exc.reasons)
    htmx.toast(_("Saved. The change applies to new events."))
    return htmx.redirect(url_for("destinations.detail", destination_id=destination.id))


@blueprint.post("/<int:subscription_id>/<any(pause, resume):verb>")
@guard.requires("support")
def change_state(destination_id: int, subscription_id: int, verb: str) -> Any:
    found, by = subscription_settings.find(destination_id, subscription_id), guard.current_by()
    if verb == "pause":
        subscription_settings.pause(found, by)
        htmx.toast(_("Paused. Matching events wait; nothing is lost."))
    else:
        subscription_settings.resume(found, by)
        htmx.toast(_("Resumed. Relay sends the pending deliveries."))
    return htmx.redirect(url_for("destinations.detail", destination_id=destination_id))


@blueprint.post("/<int:subscription_id>/remove")
@guard.requires("admin", proof=True)
def remove(destination_id: int, subscription_id: int) -> Any:
    subscription_settings.remove(
        subscription_settings.find(destination_id, subscription_id), guard.current_by()
    )
    htmx.toast(_("Removed. Past deliveries stay in Relay."))
    return htmx.redirect(url_for("destinations.detail", destination_id=destination_id))
