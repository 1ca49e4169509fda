"""``flask keys …``"""

from __future__ import annotations

import click

from relay import database
from relay.cli.output import command, iso, page_in_memory, paged, show, show_list
from relay.cli.sources import COPY_NOW, lines_of, new_key, secret_from
from relay.models import db
from relay.services.audit import COMMAND_LINE
from relay.services.sources import keys
from relay.services.sources import settings as source_settings

REVOKED = (
    "The old keys are revoked. Relay rejects the site's events until you enter the new key there; they "
    "wait on the site."
)


@click.group("keys")
def group() -> None:
    """List, rotate and revoke the signing keys of a site."""


@command(group, "list", "keys list shop")
@click.argument("source")
@paged
def list_(source: str, limit: int, after: int | None, as_json: bool) -> None:
    """List the signing keys of a site, newest first."""
    found = source_settings.find_source(source)
    now = database.now(db.session)
    use = keys.key_use(found, now)
    shown, more = page_in_memory(found.keys, lambda key: key.id, limit, after)
    items = [
        {
            "id": key.key_id,
            "state": keys.shown_state(key, now),
            "fingerprint": key.fingerprint,
            "not_before": iso(key.not_before),
            "not_after": iso(key.not_after),
            "last_used_at": iso(use[key.id].last_used_at),
            "share_today": round(use[key.id].share_today, 4),
        }
        for key in shown
    ]
    columns = ("id", "state", "fingerprint", "not_after", "last_used_at")
    show_list(items, len(found.keys), as_json, *columns, next_after=more)


@command(group, "rotate", "keys rotate shop --window 24", "keys rotate shop --leaked")
@click.argument("source")
@click.option(
    "--window", default="24h", show_default=True, help="How long the old key stays valid."
)
@click.option(
    "--leaked",
    is_flag=True,
    help="The old key may have leaked: revoke it now. Enter the new key on the site by hand.",
)
@click.option("--secret-stdin", is_flag=True, help="Read the new secret from standard input.")
def rotate(source: str, window: str, leaked: bool, secret_stdin: bool, as_json: bool) -> None:
    """Create a new signing key.  The old key stays valid until the rotation window ends."""
    found = source_settings.find_source(source)
    key, secret = keys.rotate_key(
        found,
        COMMAND_LINE,
        keys.parse_window(window),
        secret_from(secret_stdin),
        leaked=leaked,
    )
    shown = new_key(source_settings.find_source(source), key.key_id, secret)
    text = f"{lines_of(shown)}\n{COPY_NOW}"
    text += f"\n{REVOKED}" if leaked else ""
    show(shown, as_json, text)


@command(group, "revoke", "keys revoke key_5600b9c8dbaf")
@click.argument("key_id")
def revoke(key_id: str, as_json: bool) -> None:
    """Revoke a signing key.  It is invalid within 5 seconds."""
    warning = keys.without(keys.find_key(key_id), database.now(db.session))
    key = keys.revoke_key(key_id, COMMAND_LINE)
    shown = {"id": key.key_id, "state": key.state, "warning": warning}
    show(shown, as_json, f"Revoked {key_id}. {warning}".strip())
