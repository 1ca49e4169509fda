"""What a destination gets: which events, of which sites, under which conditions."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request, url_for

from relay.dashboard import conditions_form, forms, guard, htmx
from relay.dashboard.conditions_form import ConditionBox, box_of
from relay.errors import Invalid
from relay.mapping.conditions import group_of
from relay.mapping.operators import OPERATORS
from relay.mapping.paths import as_text, readable_path
from relay.models import Destination, Subscription
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


def ticked() -> list[str]:
    """The ticked types and those typed in besides; ``*`` for all."""
    if request.form.get("which") != "some":
        return ["*"]
    return request.form.getlist("event_types") + forms.text("more_types").replace(",", " ").split()


def ticked_sites() -> list[str]:
    """The slugs of the ticked sites; none for all."""
    return request.form.getlist("sites") if request.form.get("from") == "some" else []


def check_ticks() -> None:
    """Raises Invalid where nothing was chosen."""
    reasons = {}
    if not ticked():
        reasons["event_types"] = ["Choose at least one kind of event."]
    if request.form.get("from") == "some" and not ticked_sites():
        reasons["source"] = ["Choose at least one site, or all."]
    if reasons:
        raise Invalid(reasons)


def _page(
    destination: Destination,
    subscription: Subscription | None,
    types: list[str],
    sites: list[str],
    box: ConditionBox,
    errors: dict[str, list[str]] | None = None,
    fresh: str = "",
) -> Any:
    """``fresh`` is the button that was pressed last, to know where the keyboard goes on."""
    every = source_settings.list_sources(500).items
    names = [one.name for one in every if one.slug in sites]
    wanted = SubscriptionSettings(types, sites, _fit_to_judge(box))
    return htmx.respond(
        "subscriptions/form.html",
        "subscriptions/_conditions.html",
        422 if errors else 200,
        destination=destination,
        subscription=subscription,
        values=forms.posted() | {"event_types": types, "sites": sites},
        errors=errors or {},
        types=events.known_types(),
        sources=every,
        box=box,
        fields=matching.fields_by_type(types, sites),
        operators=OPERATORS,
        reads=subscription_settings.read_back(
            destination, SubscriptionSettings(types, names, wanted.conditions)
        ),
        tally=matching.count_matches(wanted),
        fresh=fresh,
        as_text=as_text,
        in_words=readable_path,
        url=_url(destination, subscription),
    )


def _fit_to_judge(box: ConditionBox) -> Any:
    """The conditions as far as they are complete."""
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
@guard.requires("admin")
def create(destination_id: int) -> Any:
    return _posted(destination_settings.find_destination(destination_id), None)


@blueprint.post("/<int:subscription_id>")
@guard.requires("admin")
def update(destination_id: int, subscription_id: int) -> Any:
    found = subscription_settings.find(destination_id, subscription_id)
    return _posted(found.destination, found)


def _posted(destination: Destination, subscription: Subscription | None) -> Any:
    """A button changes the rows; only ``save`` saves."""
    box, do, by = conditions_form.posted(request.form), forms.text("do"), guard.current_by()
    types, sites = ticked(), ticked_sites()
    if do not in ("save", ""):
        box = conditions_form.changed(box, do)
        return _page(destination, subscription, types, sites, box, fresh=do)
    try:
        check_ticks()
        wanted = SubscriptionSettings(types, sites, box.group)
        if subscription is None:
            made = subscription_settings.create(destination, wanted, by)
            htmx.toast("Saved. Here is what is sent; change it or leave it as it is.")
            return htmx.redirect(
                url_for("mapping.page", destination_id=destination.id, subscription_id=made.id)
            )
        subscription_settings.change(subscription, wanted, by)
    except Invalid as exc:
        return _page(destination, subscription, types, sites, box, exc.reasons)
    htmx.toast("Saved. It holds for the events that come from now on.")
    return htmx.redirect(url_for("destinations.detail", destination_id=destination.id))


@blueprint.post("/<int:subscription_id>/<any(pause, resume):verb>")
@guard.requires("support")
def turn(destination_id: int, subscription_id: int, verb: str) -> Any:
    found, by = subscription_settings.find(destination_id, subscription_id), guard.current_by()
    if verb == "pause":
        subscription_settings.pause(found, by)
        htmx.toast("Paused. What it wants is still taken and waits; nothing is lost.")
    else:
        subscription_settings.resume(found, by)
        htmx.toast("It goes on with what waited.")
    return htmx.redirect(url_for("destinations.detail", destination_id=destination_id))


@blueprint.post("/<int:subscription_id>/remove")
@guard.requires("admin")
def remove(destination_id: int, subscription_id: int) -> Any:
    subscription_settings.remove(
        subscription_settings.find(destination_id, subscription_id), guard.current_by()
    )
    htmx.toast("Removed. What was delivered stays on record.")
    return htmx.redirect(url_for("destinations.detail", destination_id=destination_id))
