"""Saved views of the lists: the filters that a person has kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, request, url_for

from relay.dashboard import forms, guard, htmx
from relay.errors import Invalid
from relay.i18n import _
from relay.models import SavedView
from relay.services.users import saved_views

blueprint = Blueprint("views", __name__, url_prefix="/views")
LISTS = {"events": "events.list_page", "dead_letters": "dead_letters.table_page"}
NOT_KEPT = ("after", "trail", "csrf_token")


@dataclass(frozen=True)
class ShownView:
    """``current``: the list shows it at the moment."""

    id: int
    name: str
    url: str
    current: bool


def shown(page: str) -> list[ShownView]:
    """The views of the signed-in person of one list."""
    here = _pairs(request.query_string.decode("utf-8", "replace"))
    return [
        ShownView(one.id, one.name, _url(one), _pairs(one.query) == here)
        for one in saved_views.list_views(guard.signed_in().id, page)
    ]


def _pairs(query: str) -> list[tuple[str, str]]:
    return sorted(pair for pair in parse_qsl(query) if pair[0] not in NOT_KEPT)


def _url(view: SavedView) -> str:
    return f"{url_for(LISTS[view.page])}?{view.query}"


@blueprint.post("/<any(events, dead_letters):page>")
@guard.requires("viewer", limited=True)
def save(page: str) -> Any:
    query = urlencode(_pairs(request.form.get("query", "")[:4000]))
    try:
        view = saved_views.save(
            guard.signed_in().id, page, forms.text("name"), query, guard.current_by()
        )
    except Invalid as exc:
        return _refused(exc, f"{url_for(LISTS[page])}?{query}")
    htmx.toast(_("View %(name)s saved.", name=view.name))
    return htmx.redirect(_url(view))


@blueprint.post("/<int:view_id>/rename")
@guard.requires("viewer", limited=True)
def rename(view_id: int) -> Any:
    me = guard.signed_in().id
    try:
        view = saved_views.rename(me, view_id, forms.text("name"), guard.current_by())
    except Invalid as exc:
        return _refused(exc, _url(saved_views.find(me, view_id)))
    htmx.toast(_("View renamed to %(name)s.", name=view.name))
    return htmx.redirect(_url(view))


@blueprint.post("/<int:view_id>/remove")
@guard.requires("viewer", limited=True)
def remove(view_id: int) -> Any:
    view = saved_views.remove(guard.signed_in().id, view_id, guard.current_by())
    htmx.toast(_("View %(name)s removed.", name=view.name))
    return htmx.redirect(url_for(LISTS[view.page]))


def _refused(exc: Invalid, url: str) -> Any:
    htmx.toast(" ".join(why for reasons in exc.reasons.values() for why in reasons), "danger")
    return htmx.redirect(url)
