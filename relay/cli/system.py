"""``flask doctor`` and what else concerns Relay as a whole."""

from __future__ import annotations

import sys

import click
from cryptography.fernet import Fernet
from flask.cli import with_appcontext

from relay.cli.output import refuse, show
from relay.errors import RelayError
from relay.services import system
from relay.services.audit import COMMAND_LINE


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_appcontext
def doctor(as_json: bool) -> None:
    """Look whether all that Relay stands on is right."""
    findings = system.examine()
    items = [{"check": f.check, "level": f.level, "detail": f.sentence} for f in findings]
    lines = [f"{f.level.upper():5}{f.check}: {f.sentence}" for f in findings]
    failed = any(f.level == "fail" for f in findings)
    show({"ok": not failed, "items": items, "total": len(items)}, as_json, "\n".join(lines))
    if failed:
        sys.exit(1)


@click.command("rotate-encryption-keys")
@click.option("--new-key", is_flag=True, help="Only print a fresh key for RELAY_ENCRYPTION_KEYS.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_appcontext
def rotate_encryption_keys(new_key: bool, as_json: bool) -> None:
    """Seal every stored secret with the newest key."""
    if new_key:
        key = Fernet.generate_key().decode()
        show({"key": key}, as_json, key)
        return
    try:
        count = system.rotate_encryption_keys(COMMAND_LINE)
    except RelayError as exc:
        refuse(str(exc))
    show({"resealed": count}, as_json, f"{count} secrets are sealed with the newest key.")


@click.command("prune")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_appcontext
def prune(as_json: bool) -> None:
    """Delete settled events that are older than RELAY_RETENTION_DAYS."""
    count = system.prune()
    show({"deleted": count}, as_json, f"{count} events deleted.")


COMMANDS = (doctor, rotate_encryption_keys, prune)
