"""``flask settings``: the settings of the whole installation, and a test of Relay's own mail server."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import AppGroup

from relay.cli.output import command, refuse, show
from relay.models import db
from relay.rules.counted import COUNTED
from relay.services import first_steps
from relay.services.audit import COMMAND_LINE
from relay.services.settings import retention as retention_settings
from relay.services.settings import test_mail
from relay.services.settings.environment import environment

group = AppGroup("settings", help="The settings of the whole installation.")


@command(group, "list", "settings list")
def list_settings(as_json: bool) -> None:
    """Show every setting with its value and where it comes from."""
    rows = [
        {
            "name": one.setting.name,
            "value": str(one.days),
            "source": one.source.value,
            "variable": one.setting.variable,
        }
        for one in retention_settings.values()
    ]
    db.session.rollback()
    for entry in environment(current_app.extensions["relay_config"]):
        source = "environment" if entry.is_set else "default"
        rows.append(
            {
                "name": entry.label,
                "value": entry.value,
                "source": source,
                "variable": entry.variable,
            }
        )
    lines = [f"{row['variable']:32} {row['value'] or '-'} ({row['source']})" for row in rows]
    show({"settings": rows}, as_json, "\n".join(lines))


@command(group, "retention", "settings retention --events 90 --bodies 14")
@click.option("--events", type=int, help="Days that events are kept.")
@click.option("--unresolved", type=int, help="Days after which unresolved events lose their data.")
@click.option(
    "--bodies", type=int, help="Days that bodies of requests and responses are kept; 0: as events."
)
@click.option("--yes", is_flag=True, help="Delete events that are older than the new days.")
def retention(
    events: int | None, unresolved: int | None, bodies: int | None, yes: bool, as_json: bool
) -> None:
    """Change how long data is kept.  Refuses to delete events without --yes."""
    given = (
        ("retention_days", events),
        ("unresolved_retention_days", unresolved),
        ("attempt_body_days", bodies),
    )
    new = {name: number for name, number in given if number is not None}
    expiring = retention_settings.preview(retention_settings.check(new))
    if expiring.events and not yes:
        more = "+" if expiring.events > COUNTED else ""
        refuse(
            f"This deletes {min(expiring.events, COUNTED)}{more} events at the next hourly run, so nothing "
            "was changed. Repeat with --yes to do it."
        )
    changed = retention_settings.change(new, COMMAND_LINE)
    words = ", ".join(f"{name}: {number}" for name, number in changed.items())
    show({"changed": changed}, as_json, f"Changed {words}." if changed else "Nothing was changed.")


@command(group, "test-mail", "settings test-mail ann@example.com")
@click.argument("address")
def send_test_mail(address: str, as_json: bool) -> None:
    """Send a test mail with Relay's own mail server."""
    reason = test_mail.send(address, COMMAND_LINE)
    if reason:
        refuse(reason)
    show({"ok": True}, as_json, f"The mail server accepted a test mail to {address}.")


@command(group, "first-steps", "settings first-steps --hide")
@click.option("--hide/--show", default=None, help="Hide or show the list on the overview.")
def steps(hide: bool | None, as_json: bool) -> None:
    """Which of the first steps after the installation are done."""
    if hide is not None:
        (first_steps.hide if hide else first_steps.show)(COMMAND_LINE)
    found = first_steps.current()
    if found is None:
        show({"shown": False, "steps": {}}, as_json, "All steps are done, or the list is hidden.")
        return
    lines = [f"{'done' if done else 'open':5} {name}" for name, done in vars(found).items()]
    show({"shown": True, "steps": vars(found)}, as_json, "\n".join(lines))
