"""Settings of the whole installation: retention, backups, mail, exports, and what the environment sets."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app, render_template, request, send_file, url_for

from config import Config
from relay.dashboard import forms, guard, htmx
from relay.dashboard.filters import number
from relay.errors import Invalid, RelayError
from relay.i18n import _
from relay.observability.health import size
from relay.rules.counted import COUNTED
from relay.services.backups import on_demand
from relay.services.settings import retention as retention_settings
from relay.services.settings import test_mail
from relay.services.settings.environment import environment

blueprint = Blueprint("settings", __name__, url_prefix="/settings")


def _page(
    errors: dict[str, list[str]] | None = None,
    entered: dict[str, str] | None = None,
    expiring: retention_settings.Expiring | None = None,
) -> str:
    config: Config = current_app.extensions["relay_config"]
    return render_template(
        "settings/page.html",
        retention=retention_settings.values(),
        entered=entered or {},
        errors=errors or {},
        expiring=expiring,
        most=COUNTED,
        backup=on_demand.status(),
        size=size,
        mail_server=config.mail,
        environment=environment(config, number),
        version=current_app.extensions["relay_version"],
    )


@blueprint.get("")
@guard.requires("admin")
def page() -> Any:
    return _page()


@blueprint.get("/backup")
@guard.requires("admin")
def show_backup() -> Any:
    """The state of the backup, as a fragment that polls while one is made."""
    if not htmx.wants_fragment():
        return htmx.redirect(url_for("settings.page"))
    return render_template("settings/_backup.html", backup=on_demand.status(), size=size)


@blueprint.post("/retention")
@guard.requires("admin", proof=True)
def change_retention() -> Any:
    """Change the days; if that deletes events, show how many first and ask."""
    entered = {
        one.name: forms.text(one.name)
        for one in retention_settings.SETTINGS
        if one.name in request.form
    }
    new = {name: _number(text) for name, text in entered.items()}
    try:
        changed = retention_settings.check(new)
        expiring = retention_settings.preview(changed)
        if expiring.events and forms.text("confirmed") != "yes":
            return _page(entered=entered, expiring=expiring)
        retention_settings.change(new, guard.current_by())
    except Invalid as exc:
        return _page(exc.reasons, entered), 422
    htmx.toast(_("Saved.") if changed else _("Nothing was changed."))
    return htmx.redirect(url_for("settings.page"))


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None


@blueprint.post("/backup")
@guard.requires("admin", proof=True)
def start_backup() -> Any:
    on_demand.start(guard.current_by())
    return htmx.redirect(url_for("settings.page", _anchor="backup"))


@blueprint.post("/backup/download")
@guard.requires("admin", proof=True, download=True)
def download_backup() -> Response:
    path = on_demand.find(forms.text("name"))
    on_demand.record_download(path.name, guard.current_by())
    return send_file(path, "application/gzip", as_attachment=True, download_name=path.name)


@blueprint.post("/test-mail")
@guard.requires("admin")
def send_test_mail() -> Any:
    """Send a mail to the person who asks, now."""
    person = guard.signed_in()
    try:
        reason = test_mail.send(person.email, guard.current_by())
    except RelayError as exc:
        reason = str(exc)
    if reason:
        htmx.toast(reason, "danger")
    else:
        htmx.toast(_("The mail server accepted a test mail to %(email)s.", email=person.email))
    return htmx.redirect(url_for("settings.page", _anchor="mail"))
