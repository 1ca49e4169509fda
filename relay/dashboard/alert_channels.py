"""The channels that alerts are sent to: list, create, change, order, test and remove them."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

from flask import Blueprint, abort, render_template, request, url_for

from relay.dashboard import forms, guard, htmx
from relay.destinations.base import Kind
from relay.destinations.channel_kinds import CHANNEL_KINDS, HELP
from relay.errors import Invalid, SecretUnreadable
from relay.i18n import N_, _
from relay.models import AlertChannel
from relay.rules.alerts import RULES
from relay.rules.states import Severity
from relay.services.alerts import channels as service
from relay.services.alerts.channel_call import ChannelResult
from relay.services.alerts.channels import ChannelChoice

blueprint = Blueprint("alert_channels", __name__, url_prefix="/alerts/channels")
ENTER_AGAIN = N_(
    "Not saved yet. For your security, Relay does not keep secrets in the page: enter it again."
)
NAME = forms.Field("name", N_("Name"), required=True, placeholder=N_("Shop owner"))
SEVERITY = forms.Field(
    "severity",
    N_("Which alerts"),
    widget="select",
    choices=(
        (Severity.WARNING, N_("Warnings and critical alerts (recommended)")),
        (Severity.CRITICAL, N_("Critical alerts only")),
        (Severity.NOTICE, N_("Everything, also single failed deliveries")),
    ),
)
QUIET_FROM = forms.Field("quiet_from", N_("Quiet from"), widget="time")
QUIET_UNTIL = forms.Field(
    "quiet_until",
    N_("Quiet until"),
    widget="time",
    help=N_(
        "Optional. In this time only critical alerts are sent. The others wait, and are sent afterwards if "
        "the problem still exists."
    ),
)
TIMEZONE = forms.Field(
    "timezone",
    N_("Time zone"),
    placeholder="Europe/Vienna",
    help=N_("For the quiet times and for the times in messages."),
)
SHORT = {
    Severity.NOTICE: N_("All alerts"),
    Severity.WARNING: N_("Warnings and critical alerts"),
    Severity.CRITICAL: N_("Critical alerts"),
}


@blueprint.get("")
@guard.requires("viewer")
def list_page() -> Any:
    return _list()


def _list(tested: int = 0, result: ChannelResult | None = None) -> Any:
    return htmx.respond(
        "alert_channels/page.html",
        "alert_channels/_list.html",
        channels=service.list_channels(),
        kinds=CHANNEL_KINDS,
        rules=RULES,
        severity_words=severity_words,
        tested=tested,
        result=result,
    )


def severity_words(channel: AlertChannel) -> str:
    return _(SHORT[Severity(channel.severity)])


@blueprint.get("/new")
@guard.requires("admin")
def new_page() -> Any:
    kind = request.args.get("kind", "")
    if kind in CHANNEL_KINDS:
        return _form(CHANNEL_KINDS[kind])
    return render_template("alert_channels/kinds.html", kinds=CHANNEL_KINDS)


@blueprint.post("/new")
@guard.requires("admin", proof=True)
def create() -> Any:
    kind = CHANNEL_KINDS.get(request.args.get("kind", "")) or abort(404)
    try:
        made = service.create_channel(
            kind.slug, forms.text("name"), _entered(kind), _chosen(), guard.current_by()
        )
    except Invalid as exc:
        return _form(kind, None, exc.reasons), 422
    if made.secret:
        return render_template(
            "alert_channels/secret.html", channel=made.channel, secret=made.secret
        )
    htmx.toast(_("%(name)s added. Send a test, so that you know it works.", name=made.channel.name))
    return htmx.redirect(url_for("alert_channels.list_page"))


@blueprint.get("/<int:channel_id>/edit")
@guard.requires("admin")
def edit_page(channel_id: int) -> Any:
    channel = service.find_channel(channel_id)
    return _form(service.channel_kind(channel.kind), channel)


@blueprint.post("/<int:channel_id>/edit")
@guard.requires("admin", proof=True)
def update(channel_id: int) -> Any:
    channel = service.find_channel(channel_id)
    kind = service.channel_kind(channel.kind)
    try:
        service.update_channel(
            channel_id, forms.text("name"), _entered(kind), _chosen(), guard.current_by()
        )
    except Invalid as exc:
        return _form(kind, service.find_channel(channel_id), exc.reasons), 422
    htmx.toast(_("Saved. Send a test, so that you know it works."))
    return htmx.redirect(url_for("alert_channels.list_page"))


@blueprint.post("/<int:channel_id>/test")
@guard.requires("support")
def test(channel_id: int) -> Any:
    """Send a test now; the list shows the result in words."""
    result = service.test_channel(channel_id, guard.current_by())
    return _list(channel_id, result)


@blueprint.post("/<int:channel_id>/enable")
@guard.requires("admin")
def enable(channel_id: int) -> Any:
    channel = service.set_enabled(channel_id, True, guard.current_by())
    htmx.toast(_("%(name)s is turned on.", name=channel.name))
    return htmx.redirect(url_for("alert_channels.list_page"))


@blueprint.post("/<int:channel_id>/disable")
@guard.requires("admin")
def disable(channel_id: int) -> Any:
    channel = service.set_enabled(channel_id, False, guard.current_by())
    htmx.toast(_("%(name)s is turned off. It gets no alerts.", name=channel.name))
    return htmx.redirect(url_for("alert_channels.list_page"))


@blueprint.post("/<int:channel_id>/move")
@guard.requires("admin")
def move(channel_id: int) -> Any:
    """``position`` is the place in the order, 1 for the first."""
    service.move_channel(channel_id, forms.whole_number("position"), guard.current_by())
    return htmx.redirect(url_for("alert_channels.list_page"))


@blueprint.post("/<int:channel_id>/remove")
@guard.requires("admin", proof=True)
def remove(channel_id: int) -> Any:
    name = service.remove_channel(channel_id, guard.current_by())
    htmx.toast(_("%(name)s is removed. It gets no alerts any more.", name=name))
    return htmx.redirect(url_for("alert_channels.list_page"))


def fields_of(kind: Kind) -> list[forms.Field]:
    """The fields of a kind, in words for alerts.

    A field is not hidden by a setting that channels do not have.
    """
    names = set(kind.schema.fields)
    return [
        replace(
            field,
            help=HELP.get((kind.slug, field.name), field.help),
            shown_if={k: v for k, v in (field.shown_if or {}).items() if k in names},
        )
        for field in forms.fields_of(kind.schema)
    ]


def _form(
    kind: Kind, channel: AlertChannel | None = None, errors: dict[str, list[str]] | None = None
) -> str:
    errors = errors or {}
    fields = fields_of(kind)
    if errors:
        given = (field.name for field in fields if field.secret and forms.text(field.name))
        errors = errors | {name: [*errors.get(name, ()), _(ENTER_AGAIN)] for name in given}
    return render_template(
        "alert_channels/form.html",
        kind=kind,
        channel=channel,
        name_field=NAME,
        fields=fields,
        groups_of=forms.groups_of,
        choice_fields=(SEVERITY, QUIET_FROM, QUIET_UNTIL, TIMEZONE),
        rules=RULES.values(),
        values=_values(kind, channel),
        errors=errors,
    )


def _values(kind: Kind, channel: AlertChannel | None) -> dict[str, Any]:
    """The values of the form: posted, else saved; secrets are masked."""
    kept = _masked_secrets(channel) if channel else {}
    if request.method == "POST":
        secret = {f.name: kept.get(f.name, "") for f in forms.fields_of(kind.schema) if f.secret}
        return forms.posted() | secret | {"rules": request.form.getlist("rules")}
    if channel is None:
        defaults = {name: f.load_default for name, f in kind.schema.fields.items()}
        plain = {name: value for name, value in defaults.items() if isinstance(value, str | int)}
        # A topic is as good as a password, so one is suggested that no one can guess.
        topic = {"topic": f"shop-{secrets.token_hex(8)}"} if kind.slug == "ntfy" else {}
        return (
            plain | topic | {"name": _(kind.name), "timezone": "UTC", "severity": Severity.WARNING}
        )
    choice = service.choice_of(channel)
    return {**channel.config, **kept, **vars(choice), "name": channel.name}


def _masked_secrets(channel: AlertChannel) -> dict[str, str]:
    try:
        return service.shown_secrets(channel)
    except SecretUnreadable:
        return {}


def _entered(kind: Kind) -> dict[str, str]:
    return {name: forms.text(name) for name in kind.schema.fields}


def _chosen() -> ChannelChoice:
    return ChannelChoice(
        forms.text("severity") or Severity.WARNING,
        tuple(name for name in request.form.getlist("rules") if name),
        forms.text("quiet_from"),
        forms.text("quiet_until"),
        forms.text("timezone") or "UTC",
    )
