"""Removing a destination or a site: a page that says what happens, and asks for the name."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, url_for

from relay.dashboard import forms, guard, htmx
from relay.dashboard.filters import number
from relay.destinations import KINDS
from relay.i18n import _, ngettext
from relay.models import Destination, Source
from relay.services import deliveries
from relay.services.destinations import removal as destination_removal
from relay.services.destinations import settings as destination_settings
from relay.services.sources import removal as source_removal
from relay.services.sources import settings as source_settings

blueprint = Blueprint("removal", __name__)


def check_name(name: str) -> dict[str, list[str]]:
    """The errors of the confirmation form; none where the typed name is right."""
    if " ".join(forms.text("name").split()) == name:
        return {}
    return {"name": [_("Type the name exactly as it is shown: %(name)s", name=name)]}


@blueprint.get("/destinations/<int:destination_id>/remove")
@guard.requires("admin")
def confirm_destination(destination_id: int) -> Any:
    return _confirm_destination(destination_id)


def _confirm_destination(destination_id: int, errors: dict[str, list[str]] | None = None) -> str:
    return render_template(
        "removal/destination.html",
        preview=destination_removal.preview(destination_id),
        errors=errors or {},
    )


@blueprint.post("/destinations/<int:destination_id>/remove")
@guard.requires("admin", proof=True)
def remove_destination(destination_id: int) -> Any:
    name = destination_settings.find_destination(destination_id).name
    if errors := check_name(name):
        return _confirm_destination(destination_id, errors), 422
    done = destination_removal.remove(destination_id, guard.current_by())
    discarded = done.pending + done.failed
    sentences = [_("%(name)s is removed.", name=name)]
    if discarded:
        sentences.append(
            ngettext(
                "%(num)s delivery was discarded.",
                "%(num)s deliveries were discarded.",
                discarded,
                num=number(discarded),
            )
        )
    htmx.toast(" ".join(sentences))
    return htmx.redirect(url_for("destinations.list_page"))


@blueprint.get("/sources/<slug>/remove")
@guard.requires("admin")
def confirm_source(slug: str) -> Any:
    return _confirm_source(slug)


def _confirm_source(slug: str, errors: dict[str, list[str]] | None = None) -> str:
    return render_template(
        "removal/source.html",
        preview=source_removal.preview(slug),
        discard=forms.text("waiting") == "discard",
        errors=errors or {},
    )


@blueprint.post("/sources/<slug>/remove")
@guard.requires("admin", proof=True)
def remove_source(slug: str) -> Any:
    name = source_settings.find_source(slug).name
    if errors := check_name(name):
        return _confirm_source(slug, errors), 422
    source_removal.remove(slug, guard.current_by(), forms.text("waiting") == "discard")
    htmx.toast(_("%(name)s is removed. Its keys stop working within 5 seconds.", name=name))
    return htmx.redirect(url_for("sources.list_page"))


def destinations_page() -> Any:
    """The list of removed destinations."""
    page = destination_settings.list_destinations(100, forms.page_after(), removed=True)
    return htmx.respond(
        "removal/destinations.html",
        "removal/_destinations.html",
        page=page,
        kinds=KINDS,
        url=url_for("destinations.list_page", state="removed"),
    )


def destination_page(destination: Destination) -> Any:
    """What is left of a removed destination, without actions."""
    if htmx.wants_fragment():  # its page is still open somewhere: load this one instead
        return htmx.redirect(url_for("destinations.detail", destination_id=destination.id))
    return render_template(
        "removal/removed_destination.html",
        destination=destination,
        kind=KINDS.get(destination.kind),
        recent=deliveries.list_deliveries(destination=destination.id, limit=15).items,
    )


def sources_page() -> Any:
    """The list of removed sites."""
    page = source_settings.list_sources(100, forms.page_after(), removed=True)
    return htmx.respond(
        "removal/sources.html",
        "removal/_sources.html",
        page=page,
        last=source_settings.last_events([source.id for source in page.items]),
        url=url_for("sources.list_page", state="removed"),
    )


def source_page(source: Source) -> Any:
    """What is left of a removed site, without actions."""
    if htmx.wants_fragment():
        return htmx.redirect(url_for("sources.detail", slug=source.slug))
    return render_template(
        "removal/removed_source.html",
        source=source,
        last=source_settings.last_events([source.id]).get(source.id),
    )
