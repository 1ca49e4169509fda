"""``flask doctor`` and what else concerns Relay as a whole."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from cryptography.fernet import Fernet
from flask.cli import AppGroup

from relay.api import openapi
from relay.cli.output import command, show
from relay.observability.health import Level
from relay.services.audit import COMMAND_LINE
from relay.services.operations import backup, encryption, erasure, retention
from relay.services.operations.doctor import diagnose

alone = AppGroup("relay")  # only to make them: they stand at the top


@command(alone, "doctor")
def doctor(as_json: bool) -> None:
    """Look whether all that Relay stands on is right."""
    findings = diagnose()
    items = [{"check": f.check, "level": f.level.value, "detail": f.sentence} for f in findings]
    lines = [f"{f.level.upper():5}{f.check}: {f.sentence}" for f in findings]
    failed = any(f.level is Level.FAIL for f in findings)
    show({"ok": not failed, "items": items, "total": len(items)}, as_json, "\n".join(lines))
    if failed:
        sys.exit(1)


@command(alone, "rotate-encryption-keys")
@click.option("--new-key", is_flag=True, help="Only print a fresh key for RELAY_ENCRYPTION_KEYS.")
def rotate_encryption_keys(new_key: bool, as_json: bool) -> None:
    """Seal every stored secret with the newest key.

    Put a fresh key before the old one in RELAY_ENCRYPTION_KEYS, restart all processes, run this,
    then take the old key away.
    """
    if new_key:
        key = Fernet.generate_key().decode()
        show({"key": key}, as_json, key)
        return
    count = encryption.reseal_all(COMMAND_LINE)
    show({"resealed": count}, as_json, f"{count} secrets are sealed with the newest key.")


@command(alone, "prune")
def prune(as_json: bool) -> None:
    """Delete settled events that are older than RELAY_RETENTION_DAYS."""
    done = retention.prune(COMMAND_LINE)
    show(
        {"deleted": done.events, "rejections": done.rejections},
        as_json,
        f"{done.events} events and {done.rejections} refused requests deleted.",
    )


@command(alone, "erase-person")
@click.argument("email")
def erase_person(email: str, as_json: bool) -> None:
    """Take a person out of events, attempts and dead letters; ids and outcomes stay.

    What destinations have taken is theirs: erase the person there too.
    """
    done = erasure.erase_person(email, COMMAND_LINE)
    text = (
        f"Erased from {done.events} events, {done.attempts} attempts and {done.dead_letters} dead "
        f"letters; {done.discarded} deliveries are not sent any more."
    )
    if done.in_flight:
        text += f" {done.in_flight} were being sent just now: run this again in a minute."
    show(vars(done), as_json, text)


@command(alone, "openapi")
def print_openapi(as_json: bool) -> None:
    """Print the OpenAPI document of the interface for machines, JSON either way."""
    found = openapi.document()
    show(found, as_json, json.dumps(found, ensure_ascii=False, indent=2))


@command(alone, "backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def make_backup(file: Path, as_json: bool) -> None:
    """Write all of Relay into FILE while it runs.

    Secrets stay sealed in it: keep RELAY_ENCRYPTION_KEYS somewhere else.
    """
    done = backup.save(file)
    shown = {"file": str(file), "made_at": done.made_at.isoformat(), "rows": done.rows}
    show(shown, as_json, f"{done.total} rows are in {file}.")


@command(alone, "restore")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def restore_backup(file: Path, as_json: bool) -> None:
    """Fill an empty database from FILE, a backup.  Every destination is paused then."""
    done = backup.load(file, COMMAND_LINE)
    shown = {"file": str(file), "made_at": done.made_at.isoformat(), "rows": done.rows}
    sentence = (
        f"{done.total} rows are back, as of {done.made_at:%Y-%m-%d %H:%M} UTC. All destinations are "
        "paused: what waits for them may have arrived since. Look, then resume each."
    )
    show(shown, as_json, sentence)


COMMANDS = (
    *(doctor, make_backup, restore_backup, rotate_encryption_keys),
    *(prune, erase_person, print_openapi),
)
