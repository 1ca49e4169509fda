"""``/connect``: a site's plugin asks to be connected, and an admin allows it.  See docs/connect.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, make_response, render_template, request

from relay.dashboard import forms, guard
from relay.errors import Invalid, NotFound
from relay.i18n import N_, _
from relay.services.sources import connect
from relay.services.sources.connect import MAX_QUERY, ConnectRequest

blueprint = Blueprint("connect", __name__)
NAME = forms.Field(
    "new_name",
    N_("Name of a new site"),
    help=N_("Shown only in Relay."),
    shown_if={"source": ""},
)


@blueprint.get("/connect")
@guard.requires("admin")
def page() -> Any:
    if len(request.query_string) > MAX_QUERY:
        return _invalid({"": [_("Must have at most %(most)s characters in all.", most=MAX_QUERY)]})
    try:
        asked = connect.read(request.args)
    except Invalid as exc:
        return _invalid(exc.reasons)
    return _page(asked)


def _page(asked: ConnectRequest, errors: Mapping[str, list[str]] | None = None) -> str:
    sources = connect.matching_sources(asked)
    choices = [
        (source.slug, _("%(name)s (%(url)s): gets a new key", name=source.name, url=source.url))
        for source in sources
    ]
    return render_template(
        "connect/allow.html",
        asked=asked,
        source_field=forms.Field(
            "source",
            N_("Connect it as"),
            "select",
            choices=[*choices, ("", N_("A new site in Relay"))],
        ),
        name_field=NAME,
        source=forms.text("source")
        if request.method == "POST"
        else connect.same_site(asked, sources),
        name=forms.text("new_name") or asked.name or asked.host,
        errors=errors or {},
    )


def _invalid(reasons: Mapping[str, list[str]]) -> Any:
    """No redirect: nobody knows that the address to return to is the plugin's."""
    return make_response(render_template("connect/invalid.html", reasons=reasons), 400)


@blueprint.post("/connect")
@guard.requires("admin", proof=True)
def allow() -> Any:
    try:
        asked = connect.read(request.form)
    except Invalid as exc:
        return _invalid(exc.reasons)
    try:
        code = connect.allow(
            asked, forms.text("source"), forms.text("new_name"), guard.current_by()
        )
    except Invalid as exc:
        return make_response(_page(asked, exc.reasons), 422)
    except NotFound as exc:
        return make_response(_page(asked, {"source": [str(exc)]}), 422)
    return _return_page(asked, asked.answer(relay_code=code), True)


@blueprint.post("/connect/deny")
@guard.requires("admin")
def deny() -> Any:
    try:
        asked = connect.read(request.form)
    except Invalid as exc:
        return _invalid(exc.reasons)
    connect.deny(asked, guard.current_by())
    return _return_page(asked, asked.answer(relay_error="access_denied"), False)


def _return_page(asked: ConnectRequest, url: str, allowed: bool) -> Any:
    """A page that leads back: the policy for forms allows no redirect to another website."""
    return render_template("connect/return.html", asked=asked, url=url, allowed=allowed)
